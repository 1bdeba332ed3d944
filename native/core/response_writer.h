#ifndef NATIVE_CORE_RESPONSE_WRITER_H_
#define NATIVE_CORE_RESPONSE_WRITER_H_

#include "core/connection.h"
#include "core/head_cache.h"
#include "core/refusal.h"
#include "core/response_head.h"

namespace chaussette {

class Core;

// The way out: the commands of JavaScript become bytes on their connections, in
// the order of the requests.
// Owner:    Core.
// Lifetime: that of the core.
// Limits:   kCommandBytes a flush, kSendBytesPerTurnMax a connection and turn.
// Never:    trusts a command: stale ids and contradictions are dropped, bytes that
//           HTTP does not allow become a 500.
class ResponseWriter {
 public:
  explicit ResponseWriter(Core* core) : core_(core) {}

  // Runs the first `size` bytes of the command memory.
  void Run(const char* commands, uint32_t size);

  // Sends what is queued, as far as the socket takes it, and draws the
  // consequences: next exchange, drain, close. The connection stays valid.
  void Write(Connection* connection);

  // Nobody gets what is queued of its response; what is queued in front of it leaves.
  void DropUnsent(Exchange* exchange);

  // "100 Continue", when nothing final was sent.
  void SendContinue(Exchange* exchange);
  // The core's own answer. `broken` is the exchange whose body was refused, or
  // nullptr when no exchange had begun.
  void SendRefusal(Connection* connection, Exchange* broken, Refusal refusal);

 private:
  void RunOne(const uint32_t* words, Exchange* exchange);
  void Respond(const uint32_t* words, Exchange* exchange);
  void RespondInfo(const uint32_t* words, Exchange* exchange);
  void Chunk(const uint32_t* words, Exchange* exchange);
  void End(const uint32_t* words, Exchange* exchange);
  HeadFraming DecideFraming(Exchange* exchange,
                            const GivenHead& head,
                            const HeadFindings& findings,
                            uint32_t flags,
                            uint64_t body_bytes);
  void AppendGivenHead(OutQueue* out,
                       bool known,
                       const GivenHead& head,
                       const char* end,
                       const HeadFindings& findings,
                       const HeadFraming& framing);
  bool DecideKeep(const Exchange& exchange, const HeadFindings& findings);
  void AppendBody(const uint32_t* words, Exchange* exchange, const char* copied, uint64_t length);
  bool BeginBody(Exchange* exchange, uint64_t* length);
  void File(const uint32_t* words, Exchange* exchange);
  ssize_t SendOnce(Connection* connection, uint64_t* offered);
  void Complete(Exchange* exchange);
  void FinishFront(Connection* connection);
  bool Send(Connection* connection);
  void TellDrain(Connection* connection);
  OutQueue* QueueOf(Exchange* exchange);

  Core* core_;
  DateCache date_;
  HeadCache heads_;
};

}  // namespace chaussette

#endif  // NATIVE_CORE_RESPONSE_WRITER_H_
