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
// Lifetime: that of the core; a block is given up after the dispatch that has it.
// Limits:   kBodyBlocksMax blocks of kBodyBlockBytes in one dispatch.
// Never:    writes to a block that JavaScript was given a part of: the application
//           may hold it, or have transferred it to another thread.
class BodyBlocks {
 public:
  explicit BodyBlocks(Host* host) : host_(host) {}

  // Whether Take() may be called.
  bool HasBlock() const { return block_ != nullptr || newest_ - oldest_ < kBodyBlocksMax; }
  // A block that nobody has seen yet; nullptr without memory.
  char* Take();

  // A record refers to the block: it is JavaScript's from here on.
  void Give() {
    block_ = nullptr;
    newest_++;
  }
  uint32_t slot() const { return newest_ % kBodyBlocksMax; }
  uint32_t OffsetOf(const char* at) const { return static_cast<uint32_t>(at - block_); }
  char* At(uint32_t offset) { return block_ + offset; }

  // The dispatch is over: no record refers to a block any more.
  void Reset();

 private:
  Host* host_;
  char* block_ = nullptr;  // number newest_
  uint32_t oldest_ = 0;    // those from here on are in their slots
  uint32_t newest_ = 0;
};

}  // namespace chaussette

#endif  // NATIVE_CORE_BODY_BLOCKS_H_
