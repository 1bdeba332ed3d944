#ifndef NATIVE_CORE_HEAD_CACHE_H_
#define NATIVE_CORE_HEAD_CACHE_H_

#include <cstdint>
#include <cstring>

#include "core/response_head.h"

namespace chaussette {

// The last response head that was written: most responses of an application have
// the same fields. What Examine found in it and what AppendHead made of it are
// taken over byte for byte while nothing that they depend on has changed.
// Owner:    ResponseWriter.
// Lifetime: that of the writer.
// Limits:   kKeptHeadBytesMax, given and written.
// Never:    answers for a head that differs in one byte.
class HeadCache {
 public:
  // Whether the fields of `head`, which end at `end`, are those that were kept.
  bool Knows(const GivenHead& head, const char* end) const {
    const size_t size = static_cast<size_t>(end - Begin(head));
    return size == given_size_ && head.count == count_ && memcmp(given_, Begin(head), size) == 0;
  }
  const HeadFindings& findings() const { return findings_; }

  // After Knows(): appends the head as it was written last. False when the status
  // or what was decided is not the same.
  bool Append(OutQueue* out,
              BlockPool* pool,
              const GivenHead& head,
              const HeadFraming& framing) const {
    if (status_ != head.status || second_ != SecondOf(framing) || !(framing == framing_)) {
      return false;
    }
    out->Append(pool, written_, written_size_);
    return true;
  }

  // AppendHead has just appended `written` bytes for this head. One in eight is
  // kept, so that heads that change cost little.
  void Keep(const GivenHead& head,
            const char* end,
            const HeadFindings& findings,
            const HeadFraming& framing,
            const OutQueue& out,
            uint64_t written) {
    if ((misses_++ & 7) != 0) return;
    const size_t size = static_cast<size_t>(end - Begin(head));
    const char* bytes = out.LastBytes(written);
    if (size > kKeptHeadBytesMax || written > kKeptHeadBytesMax || bytes == nullptr) return;
    memcpy(given_, Begin(head), size);
    memcpy(written_, bytes, written);
    given_size_ = size;
    written_size_ = written;
    count_ = head.count;
    status_ = head.status;
    second_ = SecondOf(framing);
    findings_ = findings;
    framing_ = framing;
  }

 private:
  static const char* Begin(const GivenHead& head) {
    return reinterpret_cast<const char*>(head.lengths);
  }
  static int64_t SecondOf(const HeadFraming& framing) {
    return framing.date == nullptr ? -1 : framing.date->second;
  }

  uint32_t misses_ = 0;
  uint32_t count_ = 0;
  uint32_t status_ = 0;
  int64_t second_ = -1;
  size_t given_size_ = 0;  // nothing is kept: every head has the length of its reason
  size_t written_size_ = 0;
  HeadFindings findings_;
  HeadFraming framing_;
  char given_[kKeptHeadBytesMax];
  char written_[kKeptHeadBytesMax];
};

}  // namespace chaussette

#endif  // NATIVE_CORE_HEAD_CACHE_H_
