#include "core/body_blocks.h"

#include "core/core.h"

namespace chaussette {

char* BodyBlocks::Tail() {
  if (Fits()) return tail_;
  if (block_ != nullptr) newest_++;
  block_ = tail_ = host_->NewBlock(slot());
  return tail_;
}

void BodyBlocks::Reset() {
  for (; oldest_ != newest_; oldest_++) host_->DropBlock(oldest_ % kBodyBlocksMax);
}

}  // namespace chaussette
