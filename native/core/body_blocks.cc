#include "core/body_blocks.h"

#include "core/core.h"

namespace chaussette {

char* BodyBlocks::Take() {
  if (block_ == nullptr) block_ = host_->NewBlock(slot());
  return block_;
}

void BodyBlocks::Reset() {
  for (; oldest_ != newest_; oldest_++) host_->DropBlock(oldest_ % kBodyBlocksMax);
}

}  // namespace chaussette
