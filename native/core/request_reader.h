#ifndef NATIVE_CORE_REQUEST_READER_H_
#define NATIVE_CORE_REQUEST_READER_H_

#include "core/connection.h"
#include "core/request_parser.h"

namespace chaussette {

class Core;

// The way in: bytes of a connection become records in the request table.
// Owner:    Core.
// Lifetime: that of the core.
// Limits:   kReadBytesMax a call, kPipelinedRequestsMax, kBodyWindowBytes,
//           and those of the server.
// Never:    calls JavaScript, or frees a connection (Kill and Linger mark it).
class RequestReader final : public RequestSink {
 public:
  explicit RequestReader(Core* core) : core_(core) {}

  // The socket is readable. The table must have room for a message and for
  // ReadRoom bytes.
  void Read(Connection* connection);
  static size_t ReadRoom(const Connection& connection);

  // Parse on with what was spilled, since a reason to wait is gone.
  void ParseSpill(Connection* connection);

  // The application wants the body, or took some of it.
  void WantBody(Exchange* exchange);
  void ConsumeBody(Exchange* exchange, uint32_t bytes);
  // The application gives the rest of the body up, before or after its answer.
  void DropBody(Exchange* exchange);
  void ReadOn(Exchange* exchange);
  // Nobody will read the rest of the body: throw it away up to a limit.
  void DiscardBody(Exchange* exchange);
  void ResumeReading(Connection* connection);

  // Close for want of a valid PROXY header; that is told, unless nothing has come.
  void RefuseUnproxied(Connection* connection);

  // Answer with the refusal's status and close.
  void Refuse(Connection* connection, Refusal refusal);

 private:
  Refusal OnHead(const Head& head) override;
  Refusal OnBody(const char* at, size_t length) override;

  ssize_t Receive(Connection* connection, char* to, size_t room);
  void ReadLingering(Connection* connection);
  bool ReadProxyHeader(Connection* connection);
  void OnEndOfStream(Connection* connection);
  void Parse(Connection* connection,
             const char* base,
             const char* from,
             const char* end,
             const char* received);
  char* CopyPacket();
  void Tap(const Connection& connection, const char* copy, size_t length);
  bool BeginMessage(Connection* connection, const char* from, const char* end);
  void OnMessageComplete(Connection* connection);
  void AddTrailers(Connection* connection, Exchange* exchange, uint32_t* record);
  const char* SkipEmptyLines(Connection* connection, const char* from, const char* end);
  bool IsTunnel(const Connection& connection);
  void Discard(Connection* connection, size_t bytes);
  static bool TellsRefusals(const Connection& connection);
  uint32_t* TellRefusal(Connection* connection,
                        const RefusalEntry& entry,
                        const char* code,
                        const char* reason,
                        const char* stopped);
  void NoteRefusal(Connection* connection, const RefusalEntry& entry);
  void Keep(const char* end);
  void KeepRead();
  uint32_t KeepHead(const Head& head);
  char* ReadBlock(Connection* connection, ssize_t* length);
  uint64_t WaitingBytes(Connection* connection);
  void Hold(Connection* connection, const char* from, const char* end, size_t parsed);
  void ReleaseParser(Connection* connection);
  uint32_t* BodyRecord(Exchange* exchange);
  uint32_t* NewBodyRecord(Exchange* exchange);
  bool StaysApart(const Exchange& exchange) const;
  void AddBody(Exchange* exchange, const char* at, size_t length);
  void PassOn(Connection* connection, const char* from, const char* end);

  Core* core_;
  Connection* current_ = nullptr;  // whose bytes are being parsed
  const char* start_ = nullptr;    // of what was received or stored
  const char* kept_ = nullptr;     // end of what records refer to
  const char* limit_ = nullptr;    // end of what was received or stored
  bool in_block_ = false;          // they are in a body block, not in the arena
  const char* packet_ = nullptr;   // what was received last
  const char* packet_end_ = nullptr;
  const char* message_ = nullptr;  // where the one that is being parsed starts
};

}  // namespace chaussette

#endif  // NATIVE_CORE_REQUEST_READER_H_
