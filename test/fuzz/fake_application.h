#ifndef TEST_FUZZ_FAKE_APPLICATION_H_
#define TEST_FUZZ_FAKE_APPLICATION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/core.h"

namespace chaussette {

// The other side of the core: keeps exchanges as lib/native does, answers as the input decides, and holds the core to
// what it promises (every open exchange ends with a response, or is aborted; every reference comes back).
// Owner:    FuzzOne.
// Lifetime: one input, and longer than its core.
// Limits:   those of the shared memory.
// Never:    touches the core's objects, but to ask which connection an exchange is on.
class FakeApplication final : public Host {
 public:
  // `decisions`: what it does, in turn, over and over.
  FakeApplication(const uint8_t* decisions, size_t count);

  void SetCore(Core* core) { core_ = core; }
  const SharedMemory& memory() const { return memory_; }

  bool Dispatch(uint32_t first, uint32_t count) override;
  bool TakeReference(uint32_t slot, const char** data, size_t* length, void** reference) override;
  void ReleaseReference(void* reference) override;
  char* NewBlock(uint32_t slot) override;
  void DropBlock(uint32_t slot) override;
  bool HoldsReference(void*, const char*, size_t) override { return Decide() != 0xf5; }

  // Goes on with one of the open exchanges.
  void GoOn(uint32_t which);
  // Sends what was said so far.
  void SendNow();
  // Does something with one of the connections that it was told of.
  void ActOn(uint32_t which);
  // Answers every open exchange, and ends what was left to it.
  void FinishAll();
  // Every request has ended, and the core has told so.
  void CheckEnds();
  // Nothing may be left.
  void CheckEnd() const;
  bool idle() const { return idle_; }
  // How many requests have come so far.
  uint32_t requests() const { return requests_; }

 private:
  struct Entry {
    bool known = false;  // there may be more to tell
    uint32_t index = 0;
    uint32_t generation = 0;
    uint32_t id = 0;  // of the response, on its connection
    bool is_head = false;
    bool upgrade = false;
    bool head_sent = false;
    bool ended = false;
    bool body_complete = true;
    bool reading = false;
    bool watch_flush = false;
    bool tunnel = false;
    uint32_t connection = 0;  // its number
    uint32_t writes = 0;
    uint32_t waiting_bytes = 0;  // of the body, not consumed
  };

  void OnRequest(const uint32_t* record);
  void OnEvent(const uint32_t* record);
  void OnBody(Entry* entry, const uint32_t* record);
  void OnFlushed(Entry* entry);
  void Start(Entry* entry, uint8_t action);
  void Stream(Entry* entry, uint8_t action);
  void Step(Entry* entry);
  void Respond(Entry* entry, uint32_t op, uint32_t status, const std::string& fields, const std::string& body,
               uint32_t flags);
  void Chunk(Entry* entry, size_t bytes, bool reference, uint32_t flags);
  void File(Entry* entry);
  void Abort(Entry* entry, uint8_t action);
  void End(Entry* entry, const std::string& trailers);
  void Short(Entry* entry, uint32_t op, uint32_t a);
  void WatchFlush(Entry* entry);
  void TakeOver(Entry* entry);
  void OpenTunnel(Entry* entry);
  void UseTunnel(Entry* entry, uint8_t action);
  // fake_connections.cc: what has no exchange.
  bool OnConnection(const uint32_t* record);
  void OnBytes(const uint32_t* record);
  void OnRefused(const uint32_t* record);
  Connection* FindConnection(uint32_t number);
  void Tap(Connection* connection);
  void EndConnection(uint32_t number, bool cut);
  void CheckArena(uint32_t first, uint32_t count) const;
  void Put(uint32_t op, const Entry& entry, const uint32_t (&arguments)[4], const std::string& behind);
  void Forget(Entry* entry);
  void TakeEnds();
  uint8_t Decide() { return decisions_[next_decision_++ % decision_count_]; }
  uint32_t Slot(size_t bytes);

  uint32_t requests_ = 0;
  std::unique_ptr<char[]> arena_;
  std::unique_ptr<uint32_t[]> records_;
  std::unique_ptr<uint32_t[]> headers_;
  std::unique_ptr<char[]> commands_;
  std::unique_ptr<uint32_t[]> control_;
  std::unique_ptr<uint32_t[]> ends_;
  std::unique_ptr<char[]> end_text_;
  SharedMemory memory_;
  Core* core_ = nullptr;
  const uint8_t* decisions_;
  size_t decision_count_;
  size_t next_decision_ = 0;
  std::vector<Entry> entries_;                // by index
  std::set<std::pair<uint32_t, uint32_t>> unended_;  // index and generation
  std::map<uint64_t, uint32_t> next_ids_;     // by connection and its generation
  std::vector<std::unique_ptr<std::string>> slots_;
  std::unique_ptr<char[]> blocks_[kBodyBlocksMax];
  struct Tapped {
    uint64_t from;  // what the connection had received before
    uint64_t bytes = 0;
  };
  std::set<uint32_t> connections_;     // whose end must be told
  std::set<uint32_t> watched_;         // whose end may be told
  std::map<uint32_t, Tapped> tapped_;
  std::set<uint32_t> left_to_us_;      // refused or idle too long, and not ended yet
  int64_t references_ = 0;
  bool idle_ = false;
};

}  // namespace chaussette

#endif  // TEST_FUZZ_FAKE_APPLICATION_H_
