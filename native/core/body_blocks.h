#ifndef NATIVE_CORE_BODY_BLOCKS_H_
#define NATIVE_CORE_BODY_BLOCKS_H_

#include <cstddef>
#include <cstdint>

#include "core/limits.h"

namespace chaussette {

class Host;

// Memory that large bodies are received into. JavaScript sees each block as a
// Buffer and hands parts of it to the application, so that no byte is copied.
// Owner:    Core; the memory belongs to JavaScript, whose collector frees it when
//           neither we nor the application hold a part of it.
// Lifetime: that of the core; a block is given up in the dispatch that filled it.
// Limits:   kBodyBlocksMax blocks of kBodyBlockBytes in one dispatch.
// Never:    used twice: the application may hold any part of it.
class BodyBlocks {
 public:
  explicit BodyBlocks(Host* host) : host_(host) {}

  // Whether Tail() has something to give.
  bool HasRoom() const { return Fits() || newest_ - oldest_ < kBodyBlocksMax; }
  // The free end of a block, with room for kBodyBlockReadMin bytes or more;
  // nullptr without memory.
  char* Tail();
  size_t room() const { return static_cast<size_t>(block_ + kBodyBlockBytes - tail_); }

  // Everything before `end` is referenced by a record.
  void Keep(const char* end) { tail_ = block_ + (end - block_); }
  uint32_t slot() const { return newest_ % kBodyBlocksMax; }
  uint32_t OffsetOf(const char* at) const { return static_cast<uint32_t>(at - block_); }
  char* At(uint32_t offset) { return block_ + offset; }

  // The dispatch is over: no record refers to a block any more.
  void Reset();

 private:
  bool Fits() const { return block_ != nullptr && room() >= kBodyBlockReadMin; }

  Host* host_;
  char* block_ = nullptr;  // number newest_
  char* tail_ = nullptr;
  uint32_t oldest_ = 0;  // blocks oldest_ to newest_ are in their slots
  uint32_t newest_ = 0;
};

}  // namespace chaussette

#endif  // NATIVE_CORE_BODY_BLOCKS_H_
