// The half of FakeApplication that writes commands, and lends its bytes to the core.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "fake_application.h"
#include "fuzz_target.h"

namespace chaussette {
namespace {

constexpr uint32_t kWords = sizeof(uint32_t);

// Fields as pairs of lengths, then the bytes. `fields`: "name: value\n" each; the value is everything up to the end.
void AppendFields(const std::string& fields, std::string* lengths, std::string* bytes, uint32_t* count) {
  *count = 0;
  for (size_t at = 0; at < fields.size();) {
    const size_t end = fields.find('\n', at);
    const size_t colon = fields.find(": ", at);
    std::string value = fields.substr(colon + 2, end - colon - 2);
    // The only way to write a line end into a value.
    for (size_t i = 0; (i = value.find("<CRLF>")) != std::string::npos;) value.replace(i, 6, "\r\n");
    const uint32_t pair[2] = {static_cast<uint32_t>(colon - at), static_cast<uint32_t>(value.size())};
    lengths->append(reinterpret_cast<const char*>(pair), sizeof(pair));
    bytes->append(fields, at, colon - at);
    bytes->append(value);
    ++*count;
    at = end + 1;
  }
}

}  // namespace

void FakeApplication::Respond(Entry* e, uint32_t op, uint32_t status, const std::string& given,
                              const std::string& body, uint32_t flags) {
  std::string fields = given;
  if (op == kOpRespond) {
    fields = "x-id: " + std::to_string(e->id) + "\n" + (e->is_head ? "x-head: 1\n" : "") + given;
  }
  std::string behind;
  std::string bytes;
  uint32_t count;
  AppendFields(fields, &behind, &bytes, &count);
  const uint32_t no_reason = 0;
  behind.append(reinterpret_cast<const char*>(&no_reason), kWords);
  behind += bytes;
  if ((flags & kWithReference) != 0) {
    flags |= kHasBody | Slot(body.size()) << 16;
  } else {
    behind += body;
    if ((flags & kStreamed) == 0 && op == kOpRespond) flags |= kHasBody;
  }
  if (op == kOpRespond) {
    e->head_sent = true;
    if ((flags & kStreamed) == 0 && e->watch_flush) flags |= kWantFlushed;
    if ((flags & kStreamed) != 0) e->watch_flush = false;
  }
  Put(op, *e, {status, count, static_cast<uint32_t>(body.size()), flags}, behind);
  if (op != kOpRespond || (flags & kStreamed) != 0) return;
  e->ended = true;
  Forget(e);
}

void FakeApplication::Chunk(Entry* e, size_t bytes, bool reference, uint32_t flags) {
  if (reference) flags |= kWithReference | Slot(bytes) << 16;
  // A referenced chunk may have shrunk since it was given.
  const size_t said = reference ? kCopyBytesMax + 100 : bytes;
  Put(kOpChunk, *e, {0, 0, static_cast<uint32_t>(said), flags}, reference ? "" : std::string(bytes, 'c'));
}

void FakeApplication::File(Entry* e) {
  static const int file = memfd_create("fuzz", MFD_CLOEXEC);
  // Longer than announced now and then, or cut short while it is being sent.
  static constexpr off_t kSizes[] = {11, 50'000, 0, 200'000};
  if (ftruncate(file, kSizes[Decide() & 3]) != 0) Fail("no file");
  // All of it, or a part that may end behind the file.
  static constexpr uint64_t kParts[][2] = {{UINT64_MAX, UINT64_MAX}, {5, 6}, {0, 50'000}, {300'000, 1}};
  const std::string part(reinterpret_cast<const char*>(kParts[Decide() & 3]), 16);
  Put(kOpFile, *e, {static_cast<uint32_t>(file), 0, 0, kWantDrain}, part);
}

void FakeApplication::End(Entry* e, const std::string& trailers) {
  std::string behind;
  std::string bytes;
  uint32_t count;
  AppendFields(trailers, &behind, &bytes, &count);
  Put(kOpEnd, *e, {0, count, 0, e->watch_flush ? uint32_t{kWantFlushed} : 0u}, behind + bytes);
  e->ended = true;
  Forget(e);
}

void FakeApplication::Short(Entry* e, uint32_t op, uint32_t a) { Put(op, *e, {a, 0, 0, 0}, ""); }

void FakeApplication::Put(uint32_t op, const Entry& e, const uint32_t (&arguments)[4], const std::string& behind) {
  const uint32_t size = static_cast<uint32_t>((kCommandHead * kWords + behind.size() + 3) & ~size_t{3});
  uint32_t* used = &memory_.control[kControlCommandBytes];
  if (*used + size > kCommandBytes) core_->RunCommands();
  char* at = memory_.commands + *used;
  const uint32_t words[kCommandHead] = {op,           size,         e.index,      e.generation,
                                        arguments[0], arguments[1], arguments[2], arguments[3]};
  memcpy(at, words, sizeof(words));
  memcpy(at + sizeof(words), behind.data(), behind.size());
  *used += size;
}

uint32_t FakeApplication::Slot(size_t bytes) {
  if (memory_.control[kControlCommandBytes] == 0) slots_.clear();
  if (slots_.size() >= 60'000) core_->RunCommands();
  slots_.push_back(std::make_unique<std::string>(bytes, 'r'));
  return static_cast<uint32_t>(slots_.size() - 1);
}

bool FakeApplication::TakeReference(uint32_t slot, const char** data, size_t* length, void** reference) {
  if (slot >= slots_.size() || slots_[slot] == nullptr) Fail("a slot that holds nothing");
  std::string* body = slots_[slot].release();
  *data = body->data();
  *length = body->size();
  *reference = body;
  references_++;
  return true;
}

void FakeApplication::ReleaseReference(void* reference) {
  references_--;
  delete static_cast<std::string*>(reference);
}

char* FakeApplication::NewBlock(uint32_t slot) {
  if (slot >= kBodyBlocksMax || blocks_[slot] != nullptr) Fail("a block over another");
  if ((Decide() & 15) == 15) return nullptr;
  blocks_[slot] = std::make_unique<char[]>(kBodyBlockBytes);
  return blocks_[slot].get();
}

void FakeApplication::DropBlock(uint32_t slot) {
  blocks_[slot].reset();
}

}  // namespace chaussette
