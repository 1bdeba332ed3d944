#ifndef NATIVE_CORE_RESPONSE_HEAD_H_
#define NATIVE_CORE_RESPONSE_HEAD_H_

#include <cstdint>

#include "core/out_queue.h"

namespace chaussette {

// The phrase that a head without one gets.
const char* ReasonOf(uint32_t status);

// A response head as JavaScript gave it: lengths in pairs of words (name,
// value), then the bytes of reason phrase, names and values in turn.
struct GivenHead {
  uint32_t status;
  const uint32_t* lengths;
  uint32_t count;
  const char* reason;
  uint32_t reason_length;
  const char* fields;
};

// What of it the framing depends on.
struct HeadFindings {
  bool valid = true;  // every byte may stand on the wire
  bool has_date = false;
  bool has_connection = false;
  bool says_close = false;
  bool has_keep_alive = false;
  bool has_content_length = false;
  bool has_transfer_encoding = false;
  bool says_chunked = false;  // in one Transfer-Encoding field, and nothing else
  uint64_t content_length = 0;
};

// "Date: Sat, 21 Nov 2026 06:43:15 GMT" CRLF, made once per second.
// Owner:    ResponseWriter.
// Lifetime: that of the writer.
// Limits:   none.
// Never:    asks for the time itself but in Refresh.
struct DateCache {
  int64_t second = -1;
  char line[48];
  uint32_t length = 0;

  void Refresh();
};

// What the core decided.
struct HeadFraming {
  bool keep = true;  // the connection is kept
  bool http10 = false;
  bool node_style = false;          // write the connection fields as node:http does
  bool no_reason = false;           // an empty reason phrase is meant
  bool says_close = false;          // as the fields say; `keep` is what is done
  bool no_connection = false;       // no connection fields
  const DateCache* date = nullptr;  // nullptr: no Date field
  bool add_length = false;
  bool keep_given_length = true;
  bool add_chunked = false;
  uint64_t length = 0;
  uint32_t keep_alive_ms = 0;  // what a client is told, in whole seconds; 0: nothing
  uint32_t requests_max = 0;

  bool operator==(const HeadFraming&) const = default;
};

// Reads the fields once: validates them (RFC 9110 §5.5, §5.6.2) and finds those
// that concern the connection.
[[nodiscard]] HeadFindings Examine(const GivenHead& head);

// Appends the head, with its empty line. What `findings` says is valid is.
void AppendHead(OutQueue* out,
                BlockPool* pool,
                const GivenHead& head,
                const HeadFindings& findings,
                const HeadFraming& framing);

// A whole small response with `connection: close`, for refusals.
void AppendPlainResponse(
    OutQueue* out, BlockPool* pool, const DateCache& date, uint32_t status, const char* text);

// The same as node:http writes it: without a date and a body, or, where it answers
// with a response object, with both, the body chunked and empty.
void AppendBareRefusal(OutQueue* out, BlockPool* pool, const DateCache* date, uint32_t status);

// Appends names and values of trailers; false, and nothing, when one is invalid.
[[nodiscard]] bool AppendTrailers(OutQueue* out, BlockPool* pool, const GivenHead& trailers);

}  // namespace chaussette

#endif  // NATIVE_CORE_RESPONSE_HEAD_H_
