#include "core/out_queue.h"

#include <unistd.h>

#include <cstdlib>

#include "core/check.h"

namespace chaussette {

BlockPool::~BlockPool() {
  while (free_ != nullptr) {
    OutBlock* block = free_;
    free_ = block->next;
    free(block);
  }
}

OutBlock* BlockPool::Get() {
  OutBlock* block = free_;
  if (block != nullptr) {
    free_ = block->next;
    free_count_--;
  } else {
    block = static_cast<OutBlock*>(malloc(offsetof(OutBlock, storage) + kOutBlockBytes));
    CHECK(block != nullptr);
  }
  block->next = nullptr;
  block->data = block->storage;
  block->length = 0;
  block->reference = nullptr;
  block->file = -1;
  block->file_offset = 0;
  return block;
}

OutBlock* BlockPool::GetReference(const char* data, size_t length, void* reference) {
  OutBlock* block = static_cast<OutBlock*>(malloc(sizeof(OutBlock)));
  CHECK(block != nullptr);
  block->next = nullptr;
  block->data = data;
  block->length = length;
  block->reference = reference;
  block->file = -1;
  block->file_offset = 0;
  return block;
}

OutBlock* BlockPool::GetFile(int file, off_t offset, size_t length) {
  OutBlock* block = GetReference(nullptr, length, nullptr);
  block->file = file;
  block->file_offset = offset;
  return block;
}

void BlockPool::Put(OutBlock* block) {
  if (block->file >= 0) {
    close(block->file);
    free(block);
    return;
  }
  if (block->reference != nullptr) {
    release_(host_, block->reference);
    free(block);
    return;
  }
  if (free_count_ == kOutBlocksPooledMax) {
    free(block);
    return;
  }
  block->next = free_;
  free_ = block;
  free_count_++;
}

void OutQueue::Link(OutBlock* block) {
  if (tail_ == nullptr) {
    head_ = block;
  } else {
    tail_->next = block;
  }
  tail_ = block;
}

void OutQueue::AppendSlow(BlockPool* pool, const char* data, size_t length) {
  while (length > 0) {
    if (tail_ == nullptr || !tail_->storage_block() || tail_->Room() == 0) {
      Link(pool->Get());
    }
    const size_t room = tail_->Room();
    const size_t n = length < room ? length : room;
    memcpy(tail_->Tail(), data, n);
    tail_->length += n;
    bytes_ += n;
    data += n;
    length -= n;
  }
}

void OutQueue::AppendReference(BlockPool* pool, const char* data, size_t length, void* reference) {
  Link(pool->GetReference(data, length, reference));
  bytes_ += length;
}

void OutQueue::AppendFile(BlockPool* pool, int file, off_t offset, size_t length) {
  Link(pool->GetFile(file, offset, length));
  bytes_ += length;
}

void OutQueue::Splice(OutQueue* other) {
  if (other->head_ == nullptr) return;
  if (tail_ == nullptr) {
    head_ = other->head_;
  } else {
    tail_->next = other->head_;
  }
  tail_ = other->tail_;
  bytes_ += other->bytes_;
  other->head_ = other->tail_ = nullptr;
  other->bytes_ = 0;
}

int OutQueue::Gather(iovec* parts) const {
  int count = 0;
  for (OutBlock* block = head_;
       block != nullptr && block->file < 0 && count < static_cast<int>(kIovecsMax);
       block = block->next) {
    if (block->length == 0) continue;
    parts[count].iov_base = const_cast<char*>(block->data);
    parts[count].iov_len = block->length;
    count++;
  }
  return count;
}

void OutQueue::Consume(BlockPool* pool, size_t count) {
  bytes_ -= count;
  while (head_ != nullptr && count >= head_->length) {
    OutBlock* block = head_;
    count -= block->length;
    head_ = block->next;
    if (head_ == nullptr) tail_ = nullptr;
    pool->Put(block);
    if (count == 0 && head_ != nullptr && head_->length != 0) break;
  }
  if (count > 0) {
    if (head_->file >= 0) {
      head_->file_offset += static_cast<off_t>(count);
    } else {
      head_->data += count;
    }
    head_->length -= count;
  }
}

void OutQueue::Truncate(BlockPool* pool, uint64_t kept) {
  CHECK(kept <= bytes_);
  OutBlock* last = nullptr;
  OutBlock* block = head_;
  for (uint64_t left = kept; left > 0; block = block->next) {
    last = block;
    if (block->length > left) block->length = left;
    left -= block->length;
  }
  (last == nullptr ? head_ : last->next) = nullptr;
  tail_ = last;
  bytes_ = kept;
  while (block != nullptr) {
    OutBlock* next = block->next;
    pool->Put(block);
    block = next;
  }
}

}  // namespace chaussette
