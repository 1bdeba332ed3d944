#ifndef NATIVE_CORE_CORE_H_
#define NATIVE_CORE_CORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/body_blocks.h"
#include "core/connection.h"
#include "core/ends.h"
#include "core/layout.h"
#include "core/llhttp.h"
#include "core/out_queue.h"
#include "core/request_parser.h"
#include "core/request_table.h"
#include "core/server.h"
#include "core/slab.h"
#include "core/timer_wheel.h"
#include "core/tls_transport.h"
#include "core/transport.h"
#include "core/unique_fd.h"

namespace chaussette {

class RequestReader;
class ResponseWriter;

// Marks listeners in the data of epoll events; connections have generations of
// 31 bits there.
constexpr uint32_t kListenerMark = 0x80000000;
// The same of the descriptor that wakes the core for what one turn has left.
constexpr uint64_t kWakeData = UINT64_MAX;

// What the core needs of the side that runs JavaScript.
class Host {
 public:
  // Handle records [first, first + count); the number that was handled stands in
  // the control block. May call Core::RunCommands. False when JavaScript cannot
  // run any more.
  [[nodiscard]] virtual bool Dispatch(uint32_t first, uint32_t count) = 0;
  // The referenced body in a slot; `reference` is given back with
  // ReleaseReference. False when there is none.
  virtual bool TakeReference(uint32_t slot,
                             const char** data,
                             size_t* length,
                             void** reference) = 0;
  virtual void ReleaseReference(void* reference) = 0;
  // New memory of kBodyBlockBytes that JavaScript sees in this slot until
  // DropBlock, and the application as long as it likes. nullptr without memory.
  virtual char* NewBlock(uint32_t slot) = 0;
  virtual void DropBlock(uint32_t slot) = 0;
  // Whether the bytes are still the referenced body's: JavaScript may have
  // transferred or shrunk the memory (ArrayBuffer.prototype.transfer, postMessage).
  [[nodiscard]] virtual bool HoldsReference(void* reference, const char* data, size_t length) = 0;

 protected:
  ~Host() = default;
};

// The memory that the core shares with JavaScript.
struct SharedMemory {
  char* arena;        // kArenaBytes
  uint32_t* records;  // kRecordsMax * kRecordWords
  uint32_t* headers;  // kHeadersMax * kHeaderWords
  char* commands;     // kCommandBytes
  uint32_t* control;  // kControlWords
  uint32_t* ends;     // kEndsMax * kEndWords
  char* end_text;     // kEndTextBytes
};

// Everything of one environment: the epoll instance, the connections, the
// tables, and the turn that ties them together.
// Owner:    CoreWrap, one per environment (a worker thread has its own).
// Lifetime: from the first server until the environment ends.
// Limits:   limits.h.
// Never:    blocks; the event loop of the host waits for it.
class Core {
 public:
  Core(Host* host, const LlhttpFunctions* llhttp, const SharedMemory& memory);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // The descriptor to poll for readability, or a negated errno.
  [[nodiscard]] int Open();

  Server* AddServer(const ServerLimits& limits);
  Server* FindServer(uint32_t tag);
  // Takes the descriptor. Returns 0 or a negated errno. `shared`: what waits in
  // the queue of the socket is not lost when this process closes it.
  [[nodiscard]] int AddListener(Server* server, int fd, bool shared = false);
  // For connections from now on; what is connected keeps what it has.
  void SetTls(Server* server, std::unique_ptr<TlsContext> context);
  // Stop accepting; close what is idle and the rest after its response, unless the
  // style says to leave them.
  void Drain(Server* server);
  // Close the connections that are idle now, at the next flush.
  void RequestCloseIdle(Server* server, bool in_handler);
  // Cut what is left. Returns how many requests were in flight.
  uint32_t Cut(Server* server);

  // By its number; nullptr when it is gone. The newest are found at once, others
  // by looking at all of them.
  Connection* FindConnection(uint32_t serial);
  // Bytes past the exchanges, as they are.
  // False when there is enough: kEventDrain tells of room in a tunnel.
  bool WriteRaw(Connection* connection, const char* data, size_t length);
  // Close when what is queued is sent; `cut` does not wait. With `half` it is told as
  // ended when the client ends it, too. Valid until the end of the turn.
  void End(Connection* connection, bool cut, bool half = false);
  // Nobody gets this response: close behind those in front of it. When all of those
  // are sent, nothing is done. Returns which of kBehind… it was.
  uint32_t EndBehindOthers(uint32_t index, uint32_t generation);

  // One turn: read what is ready, dispatch it, write what was answered. Returns
  // whether more may be ready than one turn takes.
  bool Turn();
  // One turn, because the event loop has polled the core.
  void Poll();
  // Write what JavaScript answered since; then the rest of a turn. Called
  // before the loop blocks.
  void Flush();
  // Hand a connection over to another protocol (RFC 9110 §7.8, §9.3.6): the
  // descriptor, which the caller owns from here on, and the bytes that came
  // behind the request. False when the exchange asked for no upgrade, is not
  // alone on its connection, or has an answer.
  [[nodiscard]] bool TakeOver(Exchange* exchange, int* fd, std::string* head);
  // The same where the bytes have to stay with the transport: from here on body
  // bytes of the exchange are those of the other protocol, up to the end of the
  // stream, and WriteRaw and End answer.
  [[nodiscard]] bool Tunnel(Exchange* exchange, std::string* head);
  // What answers questions about its session; nullptr when it has none.
  const TlsTransport* TlsOf(const Connection& connection) const {
    return connection.channel.session != nullptr ? tls_.get() : nullptr;
  }
  // Let go of a connection on which nothing was received: its descriptor, which
  // the caller owns from here on, or -1.
  [[nodiscard]] int Release(Connection* connection);
  // Only write: called by JavaScript when the command memory is full.
  void RunCommands();
  // Send what waits, in the midst of a call of JavaScript. Returns how many responses
  // have left that were to be told of; index, generation and code of each stand in
  // the memory of the commands.
  uint32_t SendNow();
  // Judge deadlines, kTickMs apart or more.
  void Tick();
  // Until the next one is due, at least 1.
  uint32_t MsToTick();

  uint64_t now_ms() const { return now_ms_; }
  // Exact while a server is measured or its ends are told, else as now_ms.
  uint64_t now_us() const { return now_us_; }
  // Tell of the ends so far in this turn, while their connections are there.
  void TellEnds() { ends_due_ = true; }
  // Whether JavaScript has been handed the request with that record.
  bool IsKnown(uint32_t epoch, uint32_t record) const {
    return epoch != table_.epoch() || record < dispatched_;
  }
  // Bits of ServerStyle.
  void SetStyle(Server* server, uint32_t style);
  // Since bytes last came or went on it.
  uint64_t IdleMs(const Connection& connection);
  // Whether anything needs Tick.
  bool has_connections() const { return connection_count_ > 0 || paused_; }
  // Whether a server accepts.
  bool listens() const { return open_servers_ > 0; }
  // Whether a connection can go on by itself: it is read, or has something to send.
  // Looks at them up to the first that can.
  bool KeepsAlive();
  uint64_t turns() const { return turns_; }
  // Since the head of an exchange was complete; as old as the last turn.
  uint32_t AgeMs(const Exchange& exchange) const {
    return static_cast<uint32_t>((now_us_ - exchange.started_us) / 1000);
  }
  // How many calls of JavaScript carried 1, 2 to 3, 4 to 7, … records.
  const uint64_t* batches() const { return batches_; }

  // For RequestReader and ResponseWriter.
  Slab<Connection>& connections() { return connections_; }
  Slab<Exchange>& exchanges() { return exchanges_; }
  RequestTable& table() { return table_; }
  BodyBlocks& body_blocks() { return body_blocks_; }
  BlockPool& blocks() { return blocks_; }
  Host* host() { return host_; }
  ResponseWriter& writer() { return *writer_; }
  RequestReader& reader() { return *reader_; }
  Ends& ends() { return ends_; }
  const SharedMemory& memory() const { return memory_; }
  Connection* ConnectionOf(const Exchange& exchange) {
    return connections_.at(exchange.connection);
  }
  RequestParser* TakeParser();
  void GiveParser(RequestParser* parser);
  void PushEvent(RecordKind kind, const Exchange* exchange, uint32_t server, uint32_t code = 0);
  // Puts the events so far into the table. Before the record of a new request:
  // JavaScript finds exchanges by index, so the end of the one that had the
  // index before must reach it first.
  void MoveEvents();
  bool HasMessageRoom() const { return table_.HasMessageRoom(events_.size()); }
  void Touch(Connection* connection);
  void Resume(Connection* connection);
  void Watch(Connection* connection, uint32_t events);
  // Read it in the next turn without waiting for epoll.
  void ReadAgain(Connection* connection);
  // Its transport did not understand the client: what is sent from here on is
  // plain.
  void MakePlain(Connection* connection);
  // A new exchange behind those of the connection.
  Exchange* AddExchange(Connection* connection);
  void FreeExchange(Exchange* exchange);
  void UpdateDeadline(Connection* connection);
  // Whether it may close: idle, or, while draining, answered but for a body that
  // nobody reads.
  bool IsSpare(const Connection& connection);
  bool WaitsForProgram(const Connection& connection);
  // Close in order: no more bytes from us, read until the peer closes too.
  // The connection stays valid.
  void Linger(Connection* connection);
  // Send what is answered already, give up the rest, and close. The connection
  // stays valid until the end of the turn.
  void EndAfterFlush(Connection* connection);
  // Close what the client has ended and has everything of. The connection stays
  // valid until the end of the turn.
  void Leave(Connection* connection);
  // Close now and tell JavaScript of every open exchange. The connection stays
  // valid until the end of the turn.
  void Kill(Connection* connection);

 private:
  struct Event {
    RecordKind kind;
    uint32_t index;
    uint32_t generation;
    uint32_t server;
    uint32_t code;
  };

  void Accept(Listener* listener, Server* server);
  bool AcceptOne(Listener* listener, Server* server);
  int Detach(Connection* connection);
  void PauseAccept(Listener* listener, Server* server);
  void WatchListener(Listener* listener, Server* server, bool watch);
  void HandleEvent(uint64_t data, uint32_t events);
  void ReadUnread();
  bool CanTakeOver(Exchange* exchange);
  void Settle();
  void Wake();
  void Dispatch();
  void WriteTouched();
  void ResumeReading();
  void DestroyClosed();
  void JudgeDeadline(Connection* connection, uint32_t tick);
  void ReportIdle(Server* server);
  void Close(Connection* connection);
  void TellClosed(Connection* connection);
  void AbortExchanges(Connection* connection);
  void AbortUnanswered(Connection* connection);
  void AbortFrom(Connection* connection, uint32_t index);
  void SetDeadline(Connection* connection, Deadline kind, uint32_t ms);
  void SetDeadlineAt(Connection* connection, Deadline kind, uint64_t at);
  uint64_t LookAfter(const Server& server, uint64_t from, uint32_t ms) const;
  uint64_t IdleAt(const ServerLimits& limits) const;
  void CloseIdle();
  bool Tell(uint32_t first, uint32_t count);
  bool HasReadRoom(const Connection& connection);
  void UpdateNow();

  Host* host_;
  SharedMemory memory_;
  const LlhttpFunctions* llhttp_;
  LlhttpSettings settings_;
  RequestParser::Scratch scratch_;
  UniqueFd epoll_;
  UniqueFd wake_;  // eventfd(2), watched by epoll_
  PlainTransport plain_;
  std::unique_ptr<TlsTransport> tls_;  // from the first server with TLS on
  RequestTable table_;
  BodyBlocks body_blocks_;
  BlockPool blocks_;
  TimerWheel wheel_;
  Slab<Connection> connections_;
  Slab<Exchange> exchanges_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<std::unique_ptr<RequestParser>> parsers_;
  std::vector<RequestParser*> free_parsers_;
  std::vector<Event> events_;
  std::vector<uint32_t> touched_;
  std::vector<uint32_t> resumed_;
  std::vector<uint32_t> closed_;
  std::vector<uint32_t> due_;
  std::vector<uint64_t> unread_;  // epoll data of connections for ReadAgain
  std::unique_ptr<RequestReader> reader_;
  std::unique_ptr<ResponseWriter> writer_;
  Ends ends_{this};
  uint64_t now_ms_ = 0;
  uint64_t now_us_ = 0;
  uint64_t turns_ = 0;
  uint64_t batches_[kBatchBuckets] = {};
  uint32_t dispatched_ = 0;  // records of the table that JavaScript was handed
  uint32_t connection_count_ = 0;
  uint32_t open_servers_ = 0;  // not closed
  uint32_t connection_serial_ = 0;
  uint32_t recent_[kRecentConnections] = {};  // indices, by serial
  bool dispatching_ = false;
  bool polled_ = false;      // this turn is that of Poll()
  bool dead_ = false;        // JavaScript cannot run any more
  bool paused_ = false;      // a listener waits for descriptors
  bool close_idle_ = false;  // a server has begun to drain
  bool woken_ = false;       // wake_ is readable
  bool exact_ = false;       // somebody measures
  bool ends_due_ = false;    // to be told, even if nothing else is
};

}  // namespace chaussette

#endif  // NATIVE_CORE_CORE_H_
