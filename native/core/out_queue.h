#ifndef NATIVE_CORE_OUT_QUEUE_H_
#define NATIVE_CORE_OUT_QUEUE_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/limits.h"

namespace chaussette {

// A piece of output: bytes copied into `storage`, a referenced body, or a part of
// a file.
struct OutBlock {
  OutBlock* next;
  const char* data;  // first unsent byte
  size_t length;     // unsent bytes
  void* reference;   // the host's handle of a referenced body, or nullptr
  int file;          // the descriptor, or -1
  off_t file_offset;
  char storage[1];

  bool storage_block() const { return reference == nullptr && file < 0; }
  char* Tail() { return const_cast<char*>(data) + length; }
  size_t Room() { return static_cast<size_t>(storage + kOutBlockBytes - Tail()); }
};

// Where blocks come from and go to.
// Owner:    Core.
// Lifetime: that of the core; every block is back before it ends.
// Limits:   kOutBlocksPooledMax blocks are kept, the rest is freed.
// Never:    holds a referenced body: those go back to the host at once.
class BlockPool {
 public:
  using ReleaseReference = void (*)(void* host, void* reference);

  BlockPool(void* host, ReleaseReference release) : host_(host), release_(release) {}
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  OutBlock* Get();
  OutBlock* GetReference(const char* data, size_t length, void* reference);
  OutBlock* GetFile(int file, off_t offset, size_t length);
  void Put(OutBlock* block);

 private:
  void* host_;
  ReleaseReference release_;
  OutBlock* free_ = nullptr;
  uint32_t free_count_ = 0;
};

// Bytes on their way to one client, in order.
// Owner:    Connection (what may be sent), Exchange (what waits for its turn).
// Lifetime: that of the owner, which clears it before it goes.
// Limits:   none of its own: write() returns false past kWriteWindowBytes.
// Never:    sends anything itself.
class OutQueue {
 public:
  bool empty() const { return head_ == nullptr; }
  uint64_t bytes() const { return bytes_; }

  void Append(BlockPool* pool, const char* data, size_t length) {
    if (tail_ != nullptr && tail_->storage_block() && tail_->Room() >= length) [[likely]] {
      memcpy(tail_->Tail(), data, length);
      tail_->length += length;
      bytes_ += length;
      return;
    }
    AppendSlow(pool, data, length);
  }
  void AppendReference(BlockPool* pool, const char* data, size_t length, void* reference);

  // The `length` bytes that were appended last, or nullptr when they are not
  // together in one block.
  const char* LastBytes(size_t length) const {
    const bool together = tail_ != nullptr && tail_->storage_block() && tail_->length >= length;
    return together ? tail_->data + tail_->length - length : nullptr;
  }

  // Takes the descriptor.
  void AppendFile(BlockPool* pool, int file, off_t offset, size_t length);

  // The first block when it is of a file, else nullptr.
  const OutBlock* FrontFile() const {
    return head_ != nullptr && head_->file >= 0 ? head_ : nullptr;
  }

  // Moves everything of `other` behind what is here.
  void Splice(OutQueue* other);

  // Fills at most kIovecsMax parts with unsent bytes, up to the next file;
  // returns how many.
  int Gather(iovec* parts) const;

  // Whether every referenced body among those parts is still there to be read.
  template <typename Host>
  bool HoldsReferences(Host* host) const {
    int count = 0;
    for (OutBlock* b = head_; b != nullptr && b->file < 0 && count < static_cast<int>(kIovecsMax);
         b = b->next) {
      if (b->length == 0) continue;
      count++;
      if (b->reference != nullptr && !host->HoldsReference(b->reference, b->data, b->length)) {
        return false;
      }
    }
    return true;
  }

  // `count` bytes were sent.
  void Consume(BlockPool* pool, size_t count);
  // Drops what is behind the first `kept` bytes.
  void Truncate(BlockPool* pool, uint64_t kept);
  void Clear(BlockPool* pool) { Truncate(pool, 0); }

 private:
  void AppendSlow(BlockPool* pool, const char* data, size_t length);
  void Link(OutBlock* block);

  OutBlock* head_ = nullptr;
  OutBlock* tail_ = nullptr;
  uint64_t bytes_ = 0;
};

}  // namespace chaussette

#endif  // NATIVE_CORE_OUT_QUEUE_H_
