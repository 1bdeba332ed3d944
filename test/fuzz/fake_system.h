#ifndef TEST_FUZZ_FAKE_SYSTEM_H_
#define TEST_FUZZ_FAKE_SYSTEM_H_

#include <cstddef>
#include <cstdint>

namespace chaussette {

// The clock when a run begins.
constexpr uint64_t kStartMs = 1'000'000;

// What the kernel answers to the core, as far as an input decides it. build.sh renames the calls.
// Owner:    fake_system.cc; one per process, since the calls have no other way to it.
// Lifetime: that of the process; FuzzOne resets it.
// Limits:   none.
// Never:    answers what a kernel would not.
struct FakeSystem {
  uint64_t now_ms = kStartMs;
  size_t read_bytes_max = SIZE_MAX;   // short reads
  size_t write_bytes_max = SIZE_MAX;  // short writes
  uint32_t interrupts = 0;            // so many calls are interrupted first
  uint32_t writes_refused = 0;        // so many writes find a full buffer
  int accept_errno = 0;               // the next accept fails with it
};

extern FakeSystem fake_system;

}  // namespace chaussette

#endif  // TEST_FUZZ_FAKE_SYSTEM_H_
