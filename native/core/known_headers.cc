#include "core/known_headers.h"

#include <cstring>

namespace chaussette {
namespace {

constexpr const char* kNames[] = {
    "",
    "connection",
    "content-length",
    "expect",
    "host",
    "transfer-encoding",
    "upgrade",
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-type",
    "cookie",
    "date",
    "dnt",
    "forwarded",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "keep-alive",
    "origin",
    "pragma",
    "priority",
    "purpose",
    "range",
    "referer",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
};
constexpr uint32_t kNameCount = sizeof(kNames) / sizeof(kNames[0]);
constexpr uint32_t kLengthMax = 31;
constexpr uint32_t kPerLengthMax = 8;

// The numbers by length of the name, 0 behind the last.
struct ByLength {
  uint8_t numbers[kLengthMax + 1][kPerLengthMax];
};

constexpr size_t LengthOf(const char* text) {
  size_t n = 0;
  while (text[n] != '\0') n++;
  return n;
}

constexpr ByLength MakeByLength() {
  ByLength table{};
  for (uint32_t i = 1; i < kNameCount; i++) {
    uint8_t* row = table.numbers[LengthOf(kNames[i])];
    uint32_t k = 0;
    while (row[k] != 0) k++;
    row[k] = static_cast<uint8_t>(i);
  }
  return table;
}

constexpr ByLength kByLength = MakeByLength();

}  // namespace

bool EqualsIgnoreCase(const char* a, size_t length, const char* b) {
  for (size_t i = 0; i < length; i++) {
    char c = a[i];
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    if (b[i] == '\0' || c != b[i]) return false;
  }
  return b[length] == '\0';
}

bool HasToken(const char* list, size_t length, const char* token) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  const char* end = list + length;
  while (list < end) {
    while (list < end && (blank(*list) || *list == ',')) list++;
    const char* start = list;
    while (list < end && *list != ',') list++;
    const char* stop = list;
    while (stop > start && blank(stop[-1])) stop--;
    if (EqualsIgnoreCase(start, static_cast<size_t>(stop - start), token)) {
      return true;
    }
  }
  return false;
}

uint32_t FindKnownHeader(const char* name, size_t length) {
  if (length > kLengthMax) return kUnknownHeader;
  const char first = static_cast<char>(name[0] | 0x20);
  for (uint8_t number : kByLength.numbers[length]) {
    if (number == 0) break;
    if (kNames[number][0] == first && EqualsIgnoreCase(name, length, kNames[number])) {
      return number;
    }
  }
  return kUnknownHeader;
}

const char* const* KnownHeaderNames(uint32_t* count) {
  *count = kNameCount;
  return kNames;
}

}  // namespace chaussette
