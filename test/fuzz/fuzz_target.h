#ifndef TEST_FUZZ_FUZZ_TARGET_H_
#define TEST_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>

#include "core/llhttp.h"

namespace chaussette {

// One input. Each target defines it; returns 0.
int FuzzOne(const uint8_t* data, size_t size);

// The llhttp of the Node process that the target runs in.
const LlhttpFunctions& Llhttp();

// A promise of the core was broken: says which, and ends the process.
[[noreturn]] void Fail(const char* what);

// The bytes of an input, taken from the front; zeros behind the last.
// Owner:    FuzzOne.
// Lifetime: one input.
// Limits:   those of libFuzzer (-max_len).
// Never:    copies them.
class Script {
 public:
  Script(const uint8_t* data, size_t size) : data_(data), left_(size) {}

  bool empty() const { return left_ == 0; }
  size_t left() const { return left_; }
  uint8_t Byte() {
    if (left_ == 0) return 0;
    left_--;
    return *data_++;
  }
  uint32_t Word() {
    const uint32_t high = Byte();
    return high << 8 | Byte();
  }
  // At most `count` bytes; `taken` receives how many.
  const char* Bytes(size_t count, size_t* taken) {
    const char* at = reinterpret_cast<const char*>(data_);
    *taken = count < left_ ? count : left_;
    data_ += *taken;
    left_ -= *taken;
    return at;
  }

 private:
  const uint8_t* data_;
  size_t left_;
};

}  // namespace chaussette

#endif  // TEST_FUZZ_FUZZ_TARGET_H_
