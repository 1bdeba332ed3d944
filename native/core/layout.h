#ifndef NATIVE_CORE_LAYOUT_H_
#define NATIVE_CORE_LAYOUT_H_

#include <cstdint>

namespace chaussette {

// The tables that C++ and JavaScript share. This file is their only
// description: addon.layout hands the numbers to lib/native/layout.ts.

// A record: one request or one event, kRecordWords words of 32 bits.
enum RecordWord : uint32_t {
  kRecordKind,
  kRecordIndex,       // of the exchange
  kRecordGeneration,  // of the exchange
  kRecordFlags,       // RecordFlag
  kRecordServer,      // the tag that AddServer was given
  kRecordMethod,      // llhttp's number
  kRecordHeadOffset,  // in the arena
  kRecordHeadLength,
  kRecordTargetOffset,  // from the start of the head
  kRecordTargetLength,
  kRecordHeaderFirst,  // in the header table; for kEventBody the trailers
  kRecordHeaderCount,
  kRecordBodyOffset,  // in the arena, or with kFlagBodyInBlock in the block
  kRecordBodyLength,
  kRecordCode,        // a Problem, for kEventProblem; the slot of kFlagBodyInBlock
  kRecordConnection,  // a number that no other connection has for a long time
  kRecordWords = 16,
};

enum RecordKind : uint32_t {
  kEventRequest = 1,
  kEventBody,        // more of a request body, or its end
  kEventAbort,       // the client is gone; the exchange ends with this record
  kEventHalfClosed,  // the client will send no more, and has probably left
  kEventDrain,       // the client took what write() returned false for
  kEventFlushed,     // the last byte of the response was handed to the kernel
  kEventIdle,        // a closed server has lost its last connection
  kEventProblem,     // for the log: kRecordCode says what
  kEventClosed,      // the connection with the number kRecordCode has ended; ConnectionEnd as index
  kEventUnproxied,   // ... is closed, since it began with no valid PROXY header
  kEventConnection,  // a new one, with the number kRecordCode
  kEventDropped,     // one too many, with the descriptor kRecordCode: close it
  // The request that comes on connection kRecordConnection is bad, and the
  // application answers. The head is what was received, of which as many bytes
  // as the target offset says are good; the body says why ("CODE reason"; empty
  // when the connection broke); kRecordCode is the status.
  kEventRefused,
  kEventTimeout,  // the connection with the number kRecordCode is idle too long
  kEventBytes,    // what was received on connection kRecordConnection: the body
};

enum RecordFlag : uint32_t {
  kFlagKeepAlive = 1,
  kFlagHttp10 = 2,
  kFlagHasBody = 4,
  kFlagBodyComplete = 8,
  kFlagUpgrade = 16,
  kFlagExpectContinue = 32,
  kFlagBodyInBlock = 64,    // not in the arena, but in the block in slot kRecordCode
  kFlagExpectOther = 128,   // an expectation that we do not know
  kFlagDropped = 256,       // one more than the connection may have
  kFlagRefusedAgain = 512,  // more has come on a connection that was refused before
};

// How a connection has ended, of kEventClosed; of kEventAbort as code.
enum ConnectionEnd : uint32_t {
  kEndBroken = 1,  // reading from it failed
  kEndByPeer,      // the client has ended its side
  kEndAnswered,    // we have, behind the last response
};

// What went wrong where no exchange can say it.
enum Problem : uint32_t {
  kProblemContentLength = 1,  // a response did not match its Content-Length
  kProblemResponseHead,       // a response head that HTTP does not allow
  kProblemAcceptPaused,       // no descriptor or memory for a new connection
  kProblemAcceptResumed,
  kProblemListenerLost,    // somebody who shares the socket has shut it down
  kProblemBodyGone,        // a body was transferred before it was sent
  kProblemDescriptorLost,  // somebody has closed the descriptor of a connection
};

// A header entry: offsets from the start of the head.
enum HeaderWord : uint32_t {
  kHeaderNameOffset,
  kHeaderNameLength,  // low half; high half: KnownHeader, 0 for others
  kHeaderValueOffset,
  kHeaderValueLength,
  kHeaderWords = 4,
};

// A command of JavaScript. All are kCommandHead words long, followed by what
// the operation names, and padded to a word.
enum CommandWord : uint32_t {
  kCommandOp,
  kCommandSize,  // bytes, with this head and the padding
  kCommandIndex,
  kCommandGeneration,
  kCommandA,  // respond: status; consume: bytes; chunk: body bytes
  kCommandB,  // respond: header count (pairs); end: trailer count (pairs)
  kCommandC,  // respond: body bytes, copied behind the head
  kCommandD,  // CommandFlag, and with kWithReference the slot << 16
  kCommandHead,
};

// Behind the head of kOpRespond, kOpInfo and kOpEnd: per pair two words (name
// bytes, value bytes), then one word with the bytes of the reason phrase for
// kOpRespond and kOpInfo, then reason phrase, names and values, and the body.
enum CommandOp : uint32_t {
  kOpRespond = 1,
  kOpInfo,
  kOpChunk,
  kOpEnd,
  kOpAbort,
  kOpConsume,      // JavaScript took so many bytes of the request body
  kOpFile,         // of the open file with descriptor kCommandA, two words each: start, length
  kOpReadBody,     // somebody asks for the request body
  kOpDiscardBody,  // nobody reads the rest of the request body
  kOpWatchEnd,     // tell of the end of its connection with kEventClosed
  kOpWatchFlush,   // as kWantFlushed, for a response that has ended behind others
  kOpReadOn,       // nobody takes the connection of the upgrade: HTTP goes on
};

enum CommandFlag : uint32_t {
  kWithReference = 1,  // the body is the Uint8Array in the slot
  kStreamed = 2,       // the body follows in kOpChunk commands
  kWantDrain = 4,      // tell when the client has taken what is queued
  kWantFlushed = 8,    // tell when the last byte was handed to the kernel
  kNodeHead = 16,      // connection fields as node:http writes them
  kNoDate = 32,        // the application asked for no Date field
  kHasBody = 64,       // respond: a body was given, even if of 0 bytes
  kNoReason = 128,     // the reason phrase is empty, not the standard one
  // The application removed what would be added.
  kNoConnection = 256,
  kNoLength = 512,
  kNoChunked = 1024,
  kClose = 2048,  // the connection ends with this response
};

// How an exchange has ended, for who watches.
enum EndWord : uint32_t {
  kEndServer,
  kEndIndex,  // of the exchange, which JavaScript knows; none with kEndRefused
  kEndGeneration,
  kEndConnection,
  kEndStatus,  // 499: the client left before an answer; 444: we closed without one
  kEndFlags,
  kEndBytes,  // of the body, on their way to the client
  kEndBytesHigh,
  kEndDurationUs,
  kEndDurationUsHigh,
  kEndAgeMs,       // since then
  kEndTextOffset,  // with kEndRefused: what was received of the request line
  kEndTextLength,
  kEndWords = 16,
};

enum EndFlag : uint32_t {
  kEndAborted = 1,  // not all of the response has left
  kEndRefused = 2,  // the core answered what is no request
};

// What a response that nobody gets has in front of it on its connection.
enum Behind : uint32_t {
  kBehindNothing,    // all of it is sent
  kBehindBytes,      // what is answered, and not sent
  kBehindResponses,  // what is still to be answered or told
};

// Words of the control block.
enum ControlWord : uint32_t {
  kControlHandled,       // JavaScript: records handled in this call
  kControlCommandBytes,  // both: bytes of commands that wait
  kControlEnds,          // both: ends of exchanges that wait
  kControlAgain,         // JavaScript: to be called once more when its ticks have run
  kControlDispatching,   // the core: it calls JavaScript, see Dispatching
  kControlWords = 8,
};

enum Dispatching : uint32_t {
  kNotDispatching,
  kDispatchingInPoll,      // for what the event loop has polled
  kDispatchingBeforePoll,  // in a tick, or in the last flush before it polls
};

}  // namespace chaussette

#endif  // NATIVE_CORE_LAYOUT_H_
