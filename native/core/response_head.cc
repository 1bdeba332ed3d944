#include "core/response_head.h"

#include <cstdio>
#include <cstring>
#include <ctime>

#include "core/known_headers.h"

namespace chaussette {
namespace {

// Standard reason phrases (the IANA registry of status codes).
struct Reason {
  uint16_t status;
  const char* phrase;
};
constexpr Reason kReasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Payload Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {418, "I'm a Teapot"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Entity"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {509, "Bandwidth Limit Exceeded"},
    {510, "Not Extended"},
    {511, "Network Authentication Required"},
};

// Which bytes may stand in a name (bit 0) and in a value or reason (bit 1).
struct ByteClasses {
  uint8_t of[256];
};

constexpr ByteClasses MakeByteClasses() {
  ByteClasses classes{};
  for (uint32_t c = 0; c < 256; c++) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool token = alnum;
    for (const char* p = "!#$%&'*+-.^_`|~"; *p != '\0'; p++) {
      token = token || c == static_cast<uint8_t>(*p);
    }
    const bool text = c == '\t' || (c >= ' ' && c != 0x7f);
    classes.of[c] = static_cast<uint8_t>((token ? 1 : 0) | (text ? 2 : 0));
  }
  return classes;
}

constexpr ByteClasses kClasses = MakeByteClasses();

bool AllOf(const char* at, uint32_t length, uint8_t kind) {
  uint8_t all = kind;
  for (uint32_t i = 0; i < length; i++) {
    all &= kClasses.of[static_cast<uint8_t>(at[i])];
  }
  return all != 0;
}

bool ReadLength(const char* at, uint32_t length, uint64_t* value) {
  if (length == 0 || length > 16) return false;
  *value = 0;
  for (uint32_t i = 0; i < length; i++) {
    if (at[i] < '0' || at[i] > '9') return false;
    *value = *value * 10 + static_cast<uint64_t>(at[i] - '0');
  }
  return true;
}

// The fields that the core writes itself, or must know.
enum class Own : uint8_t { kNo, kDate, kConnection, kKeepAlive, kLength, kTransfer };

Own OwnField(const char* name, uint32_t length) {
  switch (length) {
    case 4: return EqualsIgnoreCase(name, 4, "date") ? Own::kDate : Own::kNo;
    case 10:
      if (EqualsIgnoreCase(name, 10, "connection")) return Own::kConnection;
      return EqualsIgnoreCase(name, 10, "keep-alive") ? Own::kKeepAlive : Own::kNo;
    case 14: return EqualsIgnoreCase(name, 14, "content-length") ? Own::kLength : Own::kNo;
    case 17: return EqualsIgnoreCase(name, 17, "transfer-encoding") ? Own::kTransfer : Own::kNo;
    default: return Own::kNo;
  }
}

template <size_t n>
void AppendText(OutQueue* out, BlockPool* pool, const char (&text)[n]) {
  out->Append(pool, text, n - 1);
}

void AppendField(OutQueue* out,
                 BlockPool* pool,
                 const char* name,
                 uint32_t name_length,
                 const char* value,
                 uint32_t value_length) {
  out->Append(pool, name, name_length);
  out->Append(pool, ": ", 2);
  out->Append(pool, value, value_length);
  out->Append(pool, "\r\n", 2);
}

void AppendNumber(OutQueue* out, BlockPool* pool, uint64_t number) {
  char digits[20];
  char* p = digits + sizeof(digits);
  do {
    *--p = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  out->Append(pool, p, static_cast<size_t>(digits + sizeof(digits) - p));
}

// With no reason phrase (nullptr) the standard one is written.
void AppendStatusLine(
    OutQueue* out, BlockPool* pool, uint32_t status, const char* reason, uint32_t reason_length) {
  if (status == 200 && reason == nullptr) {
    return AppendText(out, pool, "HTTP/1.1 200 OK\r\n");
  }
  if (reason == nullptr) {
    reason = ReasonOf(status);
    reason_length = static_cast<uint32_t>(strlen(reason));
  }
  AppendText(out, pool, "HTTP/1.1 ");
  AppendNumber(out, pool, status);
  out->Append(pool, " ", 1);
  out->Append(pool, reason, reason_length);
  out->Append(pool, "\r\n", 2);
}

void AppendConnection(OutQueue* out,
                      BlockPool* pool,
                      const HeadFindings& findings,
                      const HeadFraming& framing) {
  if (framing.no_connection && !findings.has_connection) return;
  // The application's own was written.
  if (findings.has_connection && (!framing.says_close || findings.says_close)) return;
  if (framing.says_close) return AppendText(out, pool, "Connection: close\r\n");
  if (framing.node_style || framing.http10) {
    AppendText(out, pool, "Connection: keep-alive\r\n");
  }
  if (framing.node_style && framing.keep_alive_ms > 0 && !findings.has_keep_alive) {
    AppendText(out, pool, "Keep-Alive: timeout=");
    AppendNumber(out, pool, framing.keep_alive_ms / 1000);
    if (framing.requests_max != 0) {
      AppendText(out, pool, ", max=");
      AppendNumber(out, pool, framing.requests_max);
    }
    out->Append(pool, "\r\n", 2);
  }
}

}  // namespace

const char* ReasonOf(uint32_t status) {
  for (const Reason& reason : kReasons) {
    if (reason.status == status) return reason.phrase;
  }
  return "unknown";  // as node:http says
}

void DateCache::Refresh() {
  timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec == second) return;
  second = now.tv_sec;
  tm parts;
  const time_t seconds = now.tv_sec;
  gmtime_r(&seconds, &parts);
  static constexpr char kDays[] = "SunMonTueWedThuFriSat";
  static constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  length = static_cast<uint32_t>(snprintf(line,
                                          sizeof(line),
                                          "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
                                          kDays + 3 * parts.tm_wday,
                                          parts.tm_mday,
                                          kMonths + 3 * parts.tm_mon,
                                          (1900 + parts.tm_year) % 10000,
                                          parts.tm_hour,
                                          parts.tm_min,
                                          parts.tm_sec));
}

HeadFindings Examine(const GivenHead& head) {
  HeadFindings f;
  f.valid = AllOf(head.reason, head.reason_length, 2) || head.reason_length == 0;
  const char* p = head.fields;
  for (uint32_t i = 0; i < head.count; i++) {
    const uint32_t name_length = head.lengths[2 * i];
    const uint32_t value_length = head.lengths[2 * i + 1];
    const char* value = p + name_length;
    if (name_length == 0 || !AllOf(p, name_length, 1) ||
        (value_length != 0 && !AllOf(value, value_length, 2))) {
      f.valid = false;
    }
    switch (OwnField(p, name_length)) {
      case Own::kDate: f.has_date = true; break;
      case Own::kConnection:
        f.has_connection = true;
        f.says_close = f.says_close || HasToken(value, value_length, "close");
        break;
      case Own::kLength:
        if (f.has_content_length || !ReadLength(value, value_length, &f.content_length)) {
          f.valid = false;
        }
        f.has_content_length = true;
        break;
      case Own::kTransfer:
        f.says_chunked =
            !f.has_transfer_encoding && value_length == 7 && EqualsIgnoreCase(value, 7, "chunked");
        f.has_transfer_encoding = true;
        break;
      case Own::kKeepAlive: f.has_keep_alive = true; break;
      case Own::kNo: break;
    }
    p = value + value_length;
  }
  return f;
}

void AppendHead(OutQueue* out,
                BlockPool* pool,
                const GivenHead& head,
                const HeadFindings& findings,
                const HeadFraming& framing) {
  const bool standard = head.reason_length == 0 && !framing.no_reason;
  AppendStatusLine(out, pool, head.status, standard ? nullptr : head.reason, head.reason_length);
  const bool special =
      findings.has_connection || findings.has_content_length || findings.has_transfer_encoding;
  const char* p = head.fields;
  for (uint32_t i = 0; i < head.count; i++) {
    const uint32_t name_length = head.lengths[2 * i];
    const uint32_t value_length = head.lengths[2 * i + 1];
    const Own own = special ? OwnField(p, name_length) : Own::kNo;
    // What says the same as the core would is left as it was written.
    const bool skip = (own == Own::kTransfer && !(framing.add_chunked && findings.says_chunked)) ||
                      (own == Own::kConnection && framing.says_close && !findings.says_close) ||
                      (own == Own::kLength && !framing.keep_given_length);
    if (!skip) {
      AppendField(out, pool, p, name_length, p + name_length, value_length);
    }
    p += name_length + value_length;
  }
  if (framing.date != nullptr && !findings.has_date) {
    out->Append(pool, framing.date->line, framing.date->length);
  }
  AppendConnection(out, pool, findings, framing);
  if (framing.add_chunked) {
    if (!findings.says_chunked) AppendText(out, pool, "Transfer-Encoding: chunked\r\n");
  } else if (framing.add_length) {
    AppendText(out, pool, "Content-Length: ");
    AppendNumber(out, pool, framing.length);
    out->Append(pool, "\r\n", 2);
  }
  out->Append(pool, "\r\n", 2);
}

void AppendPlainResponse(
    OutQueue* out, BlockPool* pool, const DateCache& date, uint32_t status, const char* text) {
  AppendStatusLine(out, pool, status, nullptr, 0);
  AppendText(out, pool, "Content-Type: text/plain; charset=utf-8\r\n");
  out->Append(pool, date.line, date.length);
  AppendText(out, pool, "Connection: close\r\nContent-Length: ");
  const size_t length = strlen(text);
  AppendNumber(out, pool, length + 1);
  AppendText(out, pool, "\r\n\r\n");
  out->Append(pool, text, length);
  out->Append(pool, "\n", 1);
}

void AppendBareRefusal(OutQueue* out, BlockPool* pool, const DateCache* date, uint32_t status) {
  AppendStatusLine(out, pool, status, nullptr, 0);
  AppendText(out, pool, "Connection: close\r\n");
  if (date != nullptr) {
    out->Append(pool, date->line, date->length);
    AppendText(out, pool, "Transfer-Encoding: chunked\r\n\r\n0\r\n");
  }
  AppendText(out, pool, "\r\n");
}

bool AppendTrailers(OutQueue* out, BlockPool* pool, const GivenHead& trailers) {
  if (!Examine(trailers).valid) return false;
  const char* p = trailers.fields;
  for (uint32_t i = 0; i < trailers.count; i++) {
    const uint32_t name_length = trailers.lengths[2 * i];
    const uint32_t value_length = trailers.lengths[2 * i + 1];
    AppendField(out, pool, p, name_length, p + name_length, value_length);
    p += name_length + value_length;
  }
  return true;
}

}  // namespace chaussette
