#ifndef NATIVE_CORE_REQUEST_TABLE_H_
#define NATIVE_CORE_REQUEST_TABLE_H_

#include <cstdint>
#include <cstring>

#include "core/check.h"
#include "core/layout.h"
#include "core/limits.h"

namespace chaussette {

// What the next dispatch hands to JavaScript: the arena with the received bytes,
// the records and the header entries, in memory that both sides share.
// Owner:    Core; the memory belongs to JavaScript, which outlives the core.
// Lifetime: that of the core; the content, until the dispatch that carries it.
// Limits:   kArenaBytes, kRecordsMax, kHeadersMax.
// Never:    grows: when there is no room the core dispatches first.
class RequestTable {
 public:
  RequestTable(char* arena, uint32_t* records, uint32_t* headers)
      : arena_(arena), records_(records), headers_(headers) {}

  uint32_t record_count() const { return record_count_; }
  char* tail() { return arena_ + arena_used_; }
  uint32_t OffsetOf(const char* at) const { return static_cast<uint32_t>(at - arena_); }
  char* At(uint32_t offset) { return arena_ + offset; }
  uint32_t* record(uint32_t i) { return records_ + i * kRecordWords; }

  // Room for one more message: its head, its body and the end of the one before,
  // behind `events` that come first.
  bool HasMessageRoom(size_t events) const {
    return record_count_ + events + 3 <= kRecordsMax &&
           header_count_ + kHeadersPerRequestMax + kTrailersPerRequestMax <= kHeadersMax;
  }
  bool HasBytes(size_t n) const { return kArenaBytes - arena_used_ >= n; }
  bool HasRecord() const { return record_count_ < kRecordsMax; }

  // Everything before `end` is referenced by a record.
  void Keep(const char* end) { arena_used_ = OffsetOf(end); }

  uint32_t* AddRecord(RecordKind kind, uint32_t index, uint32_t generation, uint32_t server) {
    DCHECK(HasRecord());
    uint32_t* record = records_ + record_count_++ * kRecordWords;
    memset(record, 0, kRecordWords * sizeof(uint32_t));
    record[kRecordKind] = kind;
    record[kRecordIndex] = index;
    record[kRecordGeneration] = generation;
    record[kRecordServer] = server;
    return record;
  }

  // Copies `count` entries of kHeaderWords words; returns the number of the first.
  uint32_t AddHeaders(const void* entries, uint32_t count) {
    const uint32_t first = header_count_;
    DCHECK(first + count <= kHeadersMax);
    memcpy(headers_ + first * kHeaderWords, entries, count * kHeaderWords * sizeof(uint32_t));
    header_count_ += count;
    return first;
  }

  // A number that changes with every dispatch: a record found under an older
  // one is gone.
  uint32_t epoch() const { return epoch_; }

  void Reset() {
    arena_used_ = record_count_ = header_count_ = 0;
    epoch_++;
  }

 private:
  char* arena_;
  uint32_t* records_;
  uint32_t* headers_;
  uint32_t arena_used_ = 0;
  uint32_t record_count_ = 0;
  uint32_t header_count_ = 0;
  uint32_t epoch_ = 1;
};

}  // namespace chaussette

#endif  // NATIVE_CORE_REQUEST_TABLE_H_
