#ifndef NATIVE_CORE_SERVER_H_
#define NATIVE_CORE_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/limits.h"
#include "core/measures.h"
#include "core/peers.h"
#include "core/refusal.h"
#include "core/tls_context.h"
#include "core/unique_fd.h"

namespace chaussette {

// The limits of one server; 0 stands for none. Milliseconds fit 32 bits.
struct ServerLimits {
  uint32_t keep_alive_ms = 75000;
  uint32_t head_ms = 60000;
  uint32_t body_ms = 300000;
  uint32_t write_ms = 60000;
  uint32_t head_bytes_max = 16384;
  uint32_t connections_max = 0;
  uint32_t requests_max = 0;  // of one connection
  uint32_t headers_max = kHeadersDefaultMax;
  // An idle connection is kept for so much longer than its client is told.
  uint32_t keep_alive_slack_ms = 0;
  // How far apart the deadlines of heads and bodies are looked at; 0: kTickMs.
  uint32_t check_ms = 0;
  uint64_t body_bytes_max = 0;
};

// How a server stands in for one of node:http, and what JavaScript wants to be
// told: bits of Server::style.
enum ServerStyle : uint32_t {
  // A client that has shut down its side is gone, refusals have no body, the
  // body deadline is that of the whole request, and what is above
  // connections_max is accepted and closed.
  kNodeStyle = 1,
  kHalfOpen = 2,         // ... but for that client (httpAllowHalfOpen)
  kHostOptional = 4,     // requireHostHeader: false
  kTellConnections = 8,  // kEventConnection
  kTellRefusals = 16,    // kEventRefused, in place of an answer
  kTellDrops = 32,       // kEventDropped
  kTellTimeouts = 64,    // kEventTimeout, in place of closing what is idle
  // Who has connected before the server was closed may go on, up to the limits.
  kKeepsConnections = 128,
  kTellEnds = 256,   // how every exchange ended
  kMeasured = 512,   // Server::measures
  kDropsAll = 1024,  // connections_max is 0, and that is meant
  // What follows the head of an Upgrade is for who takes the connection, also where
  // the head announces a body.
  kBareUpgrades = 2048,
};

// A listening socket that parent and siblings may share.
// Owner:    Server::listeners.
// Lifetime: from AddListener until the server drains or goes.
// Limits:   kAcceptsPerTurnMax.
// Never:    shuts the socket down, unlinks or binds it: it closes its descriptor.
struct Listener {
  UniqueFd fd;
  bool tcp = false;
  bool watched = false;          // by epoll
  bool shared = false;           // others accept from the same queue
  uint32_t number = 0;           // among those of its server
  uint64_t paused_until_ms = 0;  // after EMFILE and its like; 0: not paused
};

// The listeners and connections that share limits and a handler.
// Owner:    Core::servers_.
// Lifetime: from AddServer until the core goes; closed ones stay as numbers.
// Limits:   ServerLimits.
// Never:    is reached from JavaScript but by its tag.
struct Server {
  uint32_t tag = 0;
  uint64_t started_ms = 0;
  ServerLimits limits;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::shared_ptr<const TlsContext> tls;     // nullptr: plain
  std::unique_ptr<const Peers> proxy_peers;  // who sends PROXY headers; nullptr: nobody
  uint32_t connections = 0;
  uint32_t lingering = 0;  // of them: answered, and read on only for the sake of that answer
  uint32_t in_flight = 0;
  bool closed = false;    // to new connections
  bool draining = false;  // and those that there are end as soon as they can
  bool idle_told = false;
  uint32_t style = 0;  // ServerStyle
  // Counters since the start.
  uint64_t accepted = 0;
  uint64_t requests = 0;
  uint64_t refusals[static_cast<size_t>(Refusal::kCount)] = {};
  uint64_t deadline_closes = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t responses[6] = {};  // by class of the status; [0] is not used
  std::unique_ptr<Measures> measures;

  bool is(ServerStyle bit) const { return (style & bit) != 0; }

  // For node:http, a connection ends with the last byte of its last response.
  uint32_t counted_connections() const { return connections - (is(kNodeStyle) ? lingering : 0); }

  // Somebody wants to know how exchanges end.
  bool watched() const { return (style & (kTellEnds | kMeasured)) != 0; }

  // For what begins from now on.
  void SetLimits(const ServerLimits& given) {
    limits = given;
    if (limits.head_bytes_max > kHeadBytesCap) limits.head_bytes_max = kHeadBytesCap;
    if (limits.headers_max > kHeadersPerRequestMax) limits.headers_max = kHeadersPerRequestMax;
  }
};

}  // namespace chaussette

#endif  // NATIVE_CORE_SERVER_H_
