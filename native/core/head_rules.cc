#include "core/head_rules.h"

#include <cstddef>
#include <cstring>

#include "core/known_headers.h"
#include "core/limits.h"
#include "core/llhttp.h"

namespace chaussette {
namespace {

bool IsBlank(char c) {
  return c == ' ' || c == '\t';
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Bit 0: may stand in a token (RFC 9110 §5.6.2). Bit 1: in a reg-name or an IP
// literal (RFC 3986 §3.2.2).
struct CharClasses {
  uint8_t of[256];
};

constexpr CharClasses MakeCharClasses() {
  CharClasses classes{};
  const auto mark = [&](const char* characters, uint8_t bit) {
    for (const char* p = characters; *p != '\0'; p++) {
      classes.of[static_cast<uint8_t>(*p)] |= bit;
    }
  };
  mark("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", 3);
  mark("!#$%&'*+-.^_`|~", 1);
  mark("-._~!$&'()*+,;=%", 2);
  return classes;
}

constexpr CharClasses kCharClasses = MakeCharClasses();

bool IsTokenChar(char c) {
  return kCharClasses.of[static_cast<uint8_t>(c)] & 1;
}

bool IsHostChar(char c) {
  return kCharClasses.of[static_cast<uint8_t>(c)] & 2;
}

// uri-host [ ":" port ] (RFC 9110 §7.2)
bool IsAuthority(const char* at, const char* end) {
  if (at == end) return false;
  if (*at == '[') {
    const char* close = static_cast<const char*>(memchr(at, ']', static_cast<size_t>(end - at)));
    if (close == nullptr || close == at + 1) return false;
    for (const char* p = at + 1; p < close; p++) {
      if (!IsHostChar(*p) && *p != ':') return false;
    }
    at = close + 1;
  } else {
    const char* first = at;
    while (at < end && IsHostChar(*at)) at++;
    if (at == first) return false;
  }
  if (at == end) return true;
  if (*at != ':') return false;
  for (at++; at < end; at++) {
    if (!IsDigit(*at)) return false;
  }
  return true;
}

bool IsAbsoluteForm(const char* at, const char* end) {
  const size_t n = static_cast<size_t>(end - at);
  size_t scheme = 0;
  if (n > 7 && EqualsIgnoreCase(at, 7, "http://")) scheme = 7;
  if (n > 8 && EqualsIgnoreCase(at, 8, "https://")) scheme = 8;
  if (scheme == 0) return false;
  const char* authority = at + scheme;
  const char* stop = authority;
  while (stop < end && *stop != '/' && *stop != '?' && *stop != '#') stop++;
  return IsAuthority(authority, stop);
}

// Digits alone (RFC 9112 §6.2); 2^53 - 1 is what JavaScript can count exactly.
bool ParseNumber(const char* at, uint32_t length, uint64_t* value) {
  if (length == 0 || length > 16) return false;
  uint64_t total = 0;
  for (uint32_t i = 0; i < length; i++) {
    if (!IsDigit(at[i])) return false;
    total = total * 10 + static_cast<uint64_t>(at[i] - '0');
  }
  *value = total;
  return total <= (uint64_t{1} << 53) - 1;
}

// RFC 9112 §3.2: origin-form, absolute-form, authority-form for CONNECT only,
// asterisk-form for OPTIONS only.
bool IsTargetFormValid(const Head& head) {
  const char* at = head.base + head.target_offset;
  const char* end = at + head.target_length;
  if (head.is_connect) {
    const char* colon = static_cast<const char*>(memrchr(at, ':', head.target_length));
    if (colon == nullptr || !IsAuthority(at, end)) return false;
    // RFC 9110 §9.3.6: an empty or invalid port is refused.
    uint64_t port = 0;
    const uint32_t digits = static_cast<uint32_t>(end - colon - 1);
    return ParseNumber(colon + 1, digits, &port) && port >= 1 && port <= 65535;
  }
  if (*at == '/') return true;
  if (head.target_length == 1 && *at == '*') {
    return head.target_offset == 8 && memcmp(head.base, "OPTIONS", 7) == 0;
  }
  return IsAbsoluteForm(at, end);
}

// "METHOD SP target SP HTTP/d.d CRLF" with nothing more in between: llhttp
// forgives extra spaces. Returns the start of the first field line, or nullptr.
const char* WalkRequestLine(const Head& head) {
  const char* p = head.base;
  while (p < head.end && *p != ' ') p++;
  if (p + 1 != head.base + head.target_offset) return nullptr;
  p += 1 + head.target_length;
  if (head.end - p < 11 || memcmp(p, " HTTP/", 6) != 0 || p[9] != '\r' || p[10] != '\n') {
    return nullptr;
  }
  return p + 11;
}

// Each line is "name: OWS value OWS CRLF" and the next begins right behind:
// what does not add up is a folded line, a bare CR or LF, or a space before
// the colon (RFC 9112 §5.1, §5.2, §2.2). Trims the values.
bool WalkHeaderLines(Head* head, const char* line) {
  for (uint32_t i = 0; i < head->header_count; i++) {
    HeaderSpan* span = &head->headers[i];
    if (head->base + span->name_offset != line) return false;
    const char* p = line + span->name_length();
    if (p >= head->end || *p != ':') return false;
    const char* value = head->base + span->value_offset;
    for (p++; p < value; p++) {
      if (!IsBlank(*p)) return false;
    }
    const char* stop = value + span->value_length;
    while (stop > value && IsBlank(stop[-1])) stop--;
    span->value_length = static_cast<uint32_t>(stop - value);
    while (stop < head->end && IsBlank(*stop)) stop++;
    if (head->end - stop < 4 || stop[0] != '\r' || stop[1] != '\n') {
      return false;
    }
    line = stop + 2;
  }
  if (head->end - line < 2 || line[0] != '\r' || line[1] != '\n') return false;
  head->length = static_cast<uint32_t>(line + 2 - head->base);
  return true;
}

// RFC 9112 §6.1 and §6.3: chunked, once and last. Codings in front of it that
// we do not know are 501; everything else that is not "chunked" is 400.
Refusal CheckTransferEncoding(const char* at, uint32_t length) {
  if (EqualsIgnoreCase(at, length, "chunked")) return Refusal::kNone;
  const char* end = at + length;
  bool chunked = false;
  bool other = false;
  while (at < end) {
    while (at < end && (IsBlank(*at) || *at == ',')) at++;
    const char* token = at;
    while (at < end && IsTokenChar(*at)) at++;
    if (at == token) return Refusal::kTransferEncoding;
    if (chunked) return Refusal::kTransferEncoding;
    chunked = EqualsIgnoreCase(token, static_cast<size_t>(at - token), "chunked");
    other = other || !chunked;
    while (at < end && IsBlank(*at)) at++;
    if (at < end && *at != ',') return Refusal::kTransferEncoding;
  }
  return chunked && other ? Refusal::kTransferCoding : Refusal::kTransferEncoding;
}

struct Seen {
  uint32_t hosts = 0;
  uint32_t content_lengths = 0;
  uint32_t transfer_encodings = 0;
};

Refusal CheckField(Head* head, const HeaderSpan& span, Seen* seen) {
  const char* value = head->base + span.value_offset;
  switch (span.known()) {
    case kHeaderHost:
      if (++seen->hosts > 1) return Refusal::kHostRepeated;
      head->host_invalid = !IsAuthority(value, value + span.value_length);
      break;
    case kHeaderContentLength:
      if (++seen->content_lengths > 1 ||
          !ParseNumber(value, span.value_length, &head->content_length)) {
        return Refusal::kContentLength;
      }
      break;
    case kHeaderTransferEncoding:
      if (++seen->transfer_encodings > 1) return Refusal::kTransferEncoding;
      if (head->minor == 0) return Refusal::kTransferEncodingHttp10;
      head->chunked = true;
      // llhttp does not take a tab for white space here and would see another
      // coding than we do.
      for (const char* p = head->base + span.name_offset + span.name_length(); *p != '\r'; p++) {
        if (*p == '\t') return Refusal::kTransferEncoding;
      }
      return CheckTransferEncoding(value, span.value_length);
    case kHeaderConnection:
      // close wins over keep-alive (RFC 9112 §9.3).
      if (HasToken(value, span.value_length, "close")) head->keep_alive = false;
      break;
    case kHeaderExpect:
      if (head->minor == 0) break;
      if (EqualsIgnoreCase(value, span.value_length, "100-continue")) {
        head->expect_continue = true;
      } else {
        head->expect_other = true;
      }
      break;
    default: break;
  }
  return Refusal::kNone;
}

}  // namespace

Refusal CheckHead(Head* head) {
  head->has_body = head->chunked = head->expect_continue = head->expect_other = false;
  head->host_invalid = false;
  head->content_length = 0;
  head->is_connect = head->target_offset == 8 && memcmp(head->base, "CONNECT", 7) == 0;
  head->is_head = head->target_offset == 5 && memcmp(head->base, "HEAD", 4) == 0;
  if (head->major == 0) return Refusal::kHttp09;
  if (head->major != 1 || head->minor > 1) return Refusal::kVersion;
  const char* line = head->target_length == 0 ? nullptr : WalkRequestLine(*head);
  if (line == nullptr) return Refusal::kRequestLine;
  if (!IsTargetFormValid(*head)) return Refusal::kTargetForm;
  // RFC 9112 §3.2: a fragment is never sent.
  head->has_fragment =
      memchr(head->base + head->target_offset, '#', head->target_length) != nullptr;
  if (!WalkHeaderLines(head, line)) return Refusal::kHeaderLine;
  Seen seen;
  for (uint32_t i = 0; i < head->header_count; i++) {
    const Refusal refusal = CheckField(head, head->headers[i], &seen);
    if (refusal != Refusal::kNone) return refusal;
  }
  head->host_missing = seen.hosts == 0 && head->minor == 1;
  if (seen.content_lengths != 0 && seen.transfer_encodings != 0) {
    return Refusal::kTwoFramings;
  }
  head->has_body = head->chunked || head->content_length > 0;
  return Refusal::kNone;
}

bool IsToken(const char* at, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (!IsTokenChar(at[i])) return false;
  }
  return true;
}

Safety SafetyOf(const char* from, const char* end) {
  static constexpr const char* kSafeMethods[] = {"GET ", "HEAD ", "OPTIONS ", "TRACE "};
  const size_t room = static_cast<size_t>(end - from);
  bool may_be = false;
  for (const char* method : kSafeMethods) {
    const size_t length = strlen(method);
    const size_t n = room < length ? room : length;
    if (memcmp(from, method, n) != 0) continue;
    if (n == length) return Safety::kSafe;
    may_be = true;
  }
  return may_be ? Safety::kUnknown : Safety::kUnsafe;
}

Refusal RequestLineRefusal(int llhttp_error, const char* from, const char* end) {
  if (llhttp_error == kLlhttpPausedH2Upgrade) return Refusal::kVersion;
  const char* p = from;
  while (p < end && IsTokenChar(*p)) p++;
  // A method longer than any that we know is one too (RFC 9112 §3), and is not
  // waited for: see JudgeError.
  const bool token =
      p > from && ((p < end && *p == ' ') || p - from >= std::ptrdiff_t{kMethodBytesMax});
  if (llhttp_error == kLlhttpInvalidMethod && token) {
    return p - from == 3 && memcmp(from, "PRI", 3) == 0 ? Refusal::kVersion : Refusal::kMethod;
  }
  if (llhttp_error != kLlhttpInvalidVersion || !token) {
    return Refusal::kRequestLine;
  }
  const char* line_end = static_cast<const char*>(memchr(p, '\n', static_cast<size_t>(end - p)));
  if (line_end == nullptr) line_end = end;
  for (const char* q = p; q + 9 <= line_end; q++) {
    if (memcmp(q, " HTTP/", 6) == 0 && IsDigit(q[6]) && q[7] == '.' && IsDigit(q[8])) {
      // Of ours the version is not what is wrong.
      return q[6] == '1' && q[8] <= '1' ? Refusal::kRequestLine : Refusal::kVersion;
    }
  }
  return Refusal::kRequestLine;
}

}  // namespace chaussette
