#ifndef NATIVE_CORE_CONNECTION_H_
#define NATIVE_CORE_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <string>

#include "core/out_queue.h"
#include "core/proxy_header.h"
#include "core/request_parser.h"
#include "core/transport.h"

namespace chaussette {

struct Server;

constexpr uint32_t kNoIndex = UINT32_MAX;

// One request and its response.
// Owner:    Core::exchanges(). JavaScript and everyone else keep {index, generation}.
// Lifetime: from a complete head until request and response are complete, or the
//           connection is closed.
// Limits:   kBodyWindowBytes.
// Never:    outlives its connection.
struct Exchange {
  uint32_t generation = 0;
  uint32_t index = kNoIndex;
  uint32_t connection = kNoIndex;
  uint32_t next = kNoIndex;   // behind it on the same connection
  uint32_t record_epoch = 0;  // where its newest record is, to add bytes to it
  uint32_t record = 0;
  uint32_t request_epoch = 0;  // where the record of the request itself is
  uint32_t request_record = 0;
  const char* body_start = nullptr;  // of the read whose bytes that record has
  uint32_t unconsumed_bytes = 0;     // of the body, with JavaScript
  uint64_t started_us = 0;           // by the clock of the core
  uint64_t body_bytes = 0;           // received so far
  uint64_t body_bytes_left = 0;      // announced and not received; chunked: unknown
  uint64_t response_left = 0;        // announced and not given by JavaScript
  uint64_t body_sent = 0;            // bytes of the response body that were queued
  uint64_t out_from = 0;             // where its response begins in all that the connection sends
  uint16_t status = 0;               // of the response; 0: not answered
  OutQueue out;                      // while others are in front of it
  bool in_use = false;
  bool safe = false;
  bool is_head = false;
  bool http10 = false;
  bool keep_alive = false;  // what the request asked for
  bool chunked_request = false;
  bool expect_continue = false;  // asked for, and not answered yet
  bool upgrade = false;          // what follows may be another protocol
  bool is_connect = false;       // ... because of CONNECT
  bool body_wanted = false;      // somebody reads the body
  bool body_dropped = false;     // somebody did, and has given it up
  bool request_complete = false;
  bool response_started = false;
  bool response_complete = false;
  bool response_chunked = false;
  bool response_has_length = false;
  bool response_body_allowed = false;
  bool close = false;   // the connection ends with this response
  bool cut = false;     // ... without its regular end
  bool tunnel = false;  // another protocol: bytes as they are, both ways
  bool want_drain = false;
  bool want_flushed = false;
  bool last_allowed = false;  // requests_max is reached
  bool silent = false;        // the application has no part in it: its end is told otherwise
};

// Bytes that were received and not handed on: an incomplete head, or requests
// that must wait for those before them.
struct Spill {
  std::string bytes;
  size_t parsed = 0;  // of them, by the parser
};

enum class ConnectionState : uint8_t { kOpen, kLingering, kClosed };

enum class Deadline : uint8_t {
  kNone,
  kHead,
  kBody,
  kIdle,
  kWrite,
  kLinger,
  kHalfClosed,
};

// One accepted socket and the exchanges in flight on it.
// Owner:    Core::connections(). Everyone else keeps {index, generation}.
// Lifetime: from accept until the end of the turn in which it became kClosed.
// Limits:   kPipelinedRequestsMax, kReadBytesMax a turn.
// Never:    calls JavaScript, frees itself, or allocates per request after warm-up.
struct Connection {
  uint32_t generation = 0;
  uint32_t index = kNoIndex;
  Channel channel;
  Transport* transport = nullptr;
  Server* server = nullptr;
  RequestParser* parser = nullptr;  // while a request is arriving
  std::unique_ptr<Spill> spill;
  std::unique_ptr<Proxied> proxied;  // nullptr: its own ends hold
  OutQueue out;
  uint32_t serial = 0;  // counts up over all connections
  uint32_t requests = 0;
  uint32_t request_epoch = 0;  // of the table that had the newest of them
  uint64_t message_ms = 0;     // when the first byte of the message came
  uint64_t active_ms = 0;      // when bytes last came or went
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint32_t first_exchange = kNoIndex;
  uint32_t last_exchange = kNoIndex;
  uint32_t in_flight = 0;
  uint32_t first_end = kNoIndex;  // of the ends whose last bytes are in `out`
  uint32_t last_end = kNoIndex;
  uint32_t deadline_tick = UINT32_MAX;
  uint32_t linger_bytes = 0;   // thrown away behind the last request
  uint32_t skipped_bytes = 0;  // empty lines since the last request
  uint32_t epoll_events = 0;   // that epoll watches for
  Deadline deadline = Deadline::kNone;
  ConnectionState state = ConnectionState::kOpen;
  bool in_use = false;
  bool touched = false;  // on the list of those to write
  bool resume = false;   // on the list of those to parse on
  bool unread = false;   // on the list of those to read without epoll
  bool read_paused = false;
  bool unrefd = false;            // does not keep the process alive, as the program wants
  bool bulk = false;              // its newest request has a large body
  bool peer_closed = false;       // its end of the stream was read
  bool broken = false;            // reading from it failed
  bool no_more_requests = false;  // the rest of what arrives is thrown away
  bool close_after_flush = false;
  bool cut = false;            // ... without reading on
  bool answers_wait = false;   // behind the exchange in front
  bool write_blocked = false;  // unsent bytes keep the next request waiting
  bool half_close_told = false;
  bool served = false;        // at least one response
  bool close_idle = false;    // it was idle when that was asked for
  bool end_wanted = false;    // JavaScript is told of its end
  bool half_ended = false;    // by the program: gone when the client ends, too
  bool tapped = false;        // ... and gets a copy of all that is received
  bool refusal_told = false;  // the application left it open: it hears of all that comes
  bool late = false;          // the application knows, and may wait on

  bool open() const { return state == ConnectionState::kOpen; }
  bool in_message() const { return parser != nullptr; }
  // Its client comes behind a PROXY header that is not complete.
  bool awaits_proxy() const { return proxied != nullptr && proxied->header != nullptr; }
  // Where the next byte that is queued will be in all that it sends.
  uint64_t queue_end() const { return bytes_out + out.bytes(); }
  bool idle() const {
    return open() && in_flight == 0 && parser == nullptr && spill == nullptr && out.empty();
  }
};

}  // namespace chaussette

#endif  // NATIVE_CORE_CONNECTION_H_
