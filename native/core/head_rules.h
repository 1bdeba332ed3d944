#ifndef NATIVE_CORE_HEAD_RULES_H_
#define NATIVE_CORE_HEAD_RULES_H_

#include <cstddef>
#include <cstdint>

#include "core/refusal.h"

namespace chaussette {

// One field of a head; offsets from the start of the head. The high half of
// name_word is the KnownHeader, the low half the length of the name.
struct HeaderSpan {
  uint32_t name_offset;
  uint32_t name_word;
  uint32_t value_offset;
  uint32_t value_length;

  uint32_t name_length() const { return name_word & 0xffff; }
  uint32_t known() const { return name_word >> 16; }
};

// A complete request head as llhttp saw it, and what CheckHead adds.
struct Head {
  const char* base;  // first byte of the method
  const char* end;   // behind the last byte that was received
  uint32_t method;   // llhttp's number
  uint32_t target_offset;
  uint32_t target_length;
  uint8_t major;
  uint8_t minor;
  bool keep_alive;
  bool upgrade;
  HeaderSpan* headers;  // CheckHead trims their values
  uint32_t header_count;

  uint32_t length;  // bytes of the head with its empty line
  bool is_connect;
  bool is_head;
  bool has_body;
  bool chunked;
  bool expect_continue;
  bool expect_other;  // ours to refuse, or the application's
  bool host_missing;
  bool host_invalid;
  bool has_fragment;
  bool bare_upgrade;  // its body is for who takes the connection
  uint64_t content_length;
};

// What RFC 9110 and 9112 demand of a head and llhttp lets through.
// Fills the second half of `head`.
[[nodiscard]] Refusal CheckHead(Head* head);

// Whether all of it are characters of a token (RFC 9110 §5.6.2).
bool IsToken(const char* at, size_t length);

// Whether the request line that starts at `from` names a safe method
// (RFC 9110 §9.2.1). With fewer bytes than a method name it may also be unknown.
enum class Safety : uint8_t { kUnknown, kSafe, kUnsafe };
Safety SafetyOf(const char* from, const char* end);

// What to answer when llhttp stopped with an error in the request line.
Refusal RequestLineRefusal(int llhttp_error, const char* from, const char* end);

}  // namespace chaussette

#endif  // NATIVE_CORE_HEAD_RULES_H_
