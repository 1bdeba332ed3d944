#ifndef NATIVE_CORE_LIMITS_H_
#define NATIVE_CORE_LIMITS_H_

#include <cstdint>

namespace chaussette {

// Every limit of the core that is not a setting of a server. Units come last.

// One recv(2). Large enough that a 1 MiB upload takes 16 calls, small enough
// that one connection cannot fill the arena alone.
constexpr uint32_t kReadBytesMax = 64 * 1024;

// A connection whose request has a large body, announced or in chunks, is read
// into blocks that JavaScript sees as Buffers, one for each recv(2). A block is
// kept alive by any part of it that the application keeps, so less than
// kBodyBlockShareMin is copied instead.
constexpr uint32_t kBodyBlockBytes = 256 * 1024;
constexpr uint32_t kBodyBlocksMax = 16;
#ifdef CHAUSSETTE_FUZZ  // inputs are short, and must get there too
constexpr uint32_t kBodyBlockShareMin = 64;
constexpr uint32_t kBulkBodyBytesMin = 32;
#else
constexpr uint32_t kBodyBlockShareMin = 16 * 1024;
constexpr uint32_t kBulkBodyBytesMin = 32 * 1024;
#endif

// The receive arena: what one turn may read before it is dispatched early.
constexpr uint32_t kArenaBytes = 1024 * 1024;

// Requests and events that one dispatch may carry.
constexpr uint32_t kRecordsMax = 4096;

// Header entries of all requests of one dispatch, of one request whose server sets
// no limit, and of its trailer. A head of 16 KiB can hold 4,096 fields of four
// bytes; no honest client sends 1,000.
constexpr uint32_t kHeadersMax = 12288;
constexpr uint32_t kHeadersPerRequestMax = 4096;
constexpr uint32_t kHeadersDefaultMax = 1000;
constexpr uint32_t kTrailersPerRequestMax = 1000;

// The most that a head may be configured to take (offsets are 32 bit and a
// head must fit into the arena next to one read).
constexpr uint32_t kHeadBytesCap = 512 * 1024;

// A method name longer than this is refused without waiting for its end; the
// longest registered one has 17 (UPDATEREDIRECTREF).
constexpr uint32_t kMethodBytesMax = 32;

// Chunk extensions of one body and its trailer section (RFC 9112 §7.1.1: a
// recipient ought to limit the total length of chunk extensions); where a server
// stands in for one of node:http, as many as there.
constexpr uint32_t kChunkExtensionBytesMax = 4 * 1024;
constexpr uint32_t kNodeChunkExtensionBytesMax = 16 * 1024;
constexpr uint32_t kTrailerBytesMax = 8 * 1024;

// Requests of one connection that wait for their response. Past it the rest
// stays unparsed and reading stops.
constexpr uint32_t kPipelinedRequestsMax = 64;

// Unsent bytes of responses that wait for one in front of them. Past it the rest
// stays unparsed as well. Those that are streamed stop at kWriteWindowBytes each.
constexpr uint32_t kWaitingBytesMax = 1024 * 1024;

// Body bytes that JavaScript was handed and has not taken yet. Past it reading
// stops.
constexpr uint32_t kBodyWindowBytes = 256 * 1024;

// What is read and thrown away of a body that nobody read, before the
// connection is closed instead of kept. In place of node:http there is no such
// limit; its deadlines hold.
constexpr uint32_t kDiscardBytesMax = 256 * 1024;

// A closing connection is read for so long, and so much, that the peer has our
// last bytes before a reset could destroy them (RFC 9112 §9.6).
constexpr uint32_t kLingerMs = 2000;
// The same while the process waits to end: a worker stops as soon as it can.
constexpr uint32_t kDrainLingerMs = 500;
constexpr uint32_t kLingerBytesMax = 1024 * 1024;

// A draining server accepts what waits in the queue of a socket that is its own,
// since closing the socket resets it; that is as much as the kernel queues by
// default (net.core.somaxconn). A connection that has not sent its first request
// has so long to do so: its client does not expect the end, and would not retry.
constexpr uint32_t kDrainAcceptsMax = 4096;
constexpr uint32_t kDrainFirstRequestMs = 500;

// The header of the PROXY protocol: a line (107 bytes with its end, says section
// 2.1 of proxy-protocol.txt), or version 2 with all its TLVs, which may announce
// 64 KiB. The largest in use hold a certificate's name; nginx stops at 4 KiB, too.
constexpr uint32_t kProxyLineBytesMax = 107;
constexpr uint32_t kProxyHeaderBytesMax = 4 * 1024;

// After the client has shut down its side, its requests are still answered. So
// long later the application is told that the client has probably left.
constexpr uint32_t kHalfCloseGraceMs = 1000;

// Connections that are found by their number without looking at all of them.
constexpr uint32_t kRecentConnections = 4096;

// connections accepted and epoll events taken in one turn.
constexpr uint32_t kAcceptsPerTurnMax = 64;
constexpr uint32_t kEventsPerTurnMax = 512;

// Rounds of dispatching, writing and parsing on in one turn. An application that
// writes more on every drain, or a client with a full buffer of requests, would
// otherwise keep the event loop to itself.
constexpr uint32_t kRoundsPerTurnMax = 16;

// Accepting pauses for so long when descriptors or memory ran out (accept(2):
// EMFILE, ENFILE, ENOBUFS, ENOMEM).
constexpr uint32_t kAcceptPauseMs = 500;

// The response arena: JavaScript appends commands, the core reads them.
constexpr uint32_t kCommandBytes = 1024 * 1024;

// Output is copied into blocks of this size; bodies above kCopyBytesMax are
// referenced instead of copied.
constexpr uint32_t kOutBlockBytes = 8 * 1024;
constexpr uint32_t kCopyBytesMax = 16 * 1024;
constexpr uint32_t kOutBlocksPooledMax = 512;

// The last response head is kept up to this size, as it was given and as it was
// written.
constexpr uint32_t kKeptHeadBytesMax = 1024;

// Unsent bytes above which write() returns false, and the most iovecs of one
// writev(2).
constexpr uint32_t kWriteWindowBytes = 64 * 1024;
constexpr uint32_t kIovecsMax = 64;

// What one connection may send in one turn, so that a fast reader of a huge
// body does not starve the others.
constexpr uint32_t kSendBytesPerTurnMax = 4 * 1024 * 1024;

// Deadlines are exact to one tick.
constexpr uint32_t kTickMs = 250;
// How far the coarse clock of the kernel may be behind, at 100 Hz.
constexpr uint32_t kClockSlackMs = 10;
constexpr uint32_t kWheelSlots = 256;

// Ends of exchanges that one call of JavaScript may carry, what is kept of a request
// line that was refused, and the room for such lines.
constexpr uint32_t kEndsMax = 1024;
constexpr uint32_t kRefusedLineBytesMax = 1024;
constexpr uint32_t kEndTextBytes = 16 * 1024;

// Powers of two that a batch may reach, for the histogram of batch sizes.
constexpr uint32_t kBatchBuckets = 13;

static_assert((1u << (kBatchBuckets - 1)) >= kRecordsMax);
static_assert(kEndTextBytes >= kRefusedLineBytesMax);
static_assert(kBodyBlockBytes >= kReadBytesMax);
static_assert(kArenaBytes >= kHeadBytesCap + kReadBytesMax + kBodyBlockBytes + kTrailerBytesMax);
static_assert(kHeadersMax >= 2 * (kHeadersPerRequestMax + kTrailersPerRequestMax));
static_assert(kRecordsMax >= 2 * kPipelinedRequestsMax);
static_assert(kCommandBytes >= 8 * kCopyBytesMax);
static_assert((kWheelSlots & (kWheelSlots - 1)) == 0);

}  // namespace chaussette

#endif  // NATIVE_CORE_LIMITS_H_
