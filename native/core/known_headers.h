#ifndef NATIVE_CORE_KNOWN_HEADERS_H_
#define NATIVE_CORE_KNOWN_HEADERS_H_

#include <cstddef>
#include <cstdint>

namespace chaussette {

// Field names that requests often carry. JavaScript gets the number instead of
// the bytes and never makes a string of them. 0 stands for any other name.
enum KnownHeader : uint32_t {
  kUnknownHeader = 0,
  kHeaderConnection = 1,
  kHeaderContentLength,
  kHeaderExpect,
  kHeaderHost,
  kHeaderTransferEncoding,
  kHeaderUpgrade,
};

// Returns the number of a name in any case.
uint32_t FindKnownHeader(const char* name, size_t length);

// Returns the names in lower case, by number; [0] is empty. `count` receives
// how many there are.
const char* const* KnownHeaderNames(uint32_t* count);

// Whether `a` of `length` bytes is `b`, which is in lower case, in any case.
bool EqualsIgnoreCase(const char* a, size_t length, const char* b);

// Whether a comma-separated list has the token, which is in lower case.
bool HasToken(const char* list, size_t length, const char* token);

}  // namespace chaussette

#endif  // NATIVE_CORE_KNOWN_HEADERS_H_
