// A whole core on a Unix socket, between fuzzed clients and a fuzzed application: the input connects, sends, shuts down,
// resets, reads or does not read, lets time pass, lets the application go on, drains and cuts. What each client receives
// must be a series of responses in the order of its requests; every exchange must come to an end; a drain must finish.
//
// Input: 16 decisions of the application, limits, then operations.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>

#include "core/core.h"
#include "core/request_reader.h"
#include "core/response_writer.h"
#include "core/unique_fd.h"
#include "fake_application.h"
#include "fake_system.h"
#include "fuzz_target.h"
#include "strict_responses.h"

namespace chaussette {
namespace {

constexpr size_t kDecisions = 16;
constexpr uint32_t kClientsMax = 4;
constexpr size_t kReceivedBytesMax = 1024 * 1024;

// Numbers of operations; test/fuzz/seeds.ts knows the first.
enum Operation : uint8_t {
  kConnect,
  kSend,
  kTurn,
  kRead,
  kFinish,
  kReset,
  kFlush,
  kTick,
  kGoOn,
  kSelect,
  kKernel,
  kTurnAndRead,
  kDrain,
  kCut,
  kBatch,
  kRepeat,
  kCloseIdle,
  kActOn,
  kSendNow,
  kOperations,
};

struct Client {
  UniqueFd fd;
  std::string received;

  void Read() {
    char bytes[16384];
    while (fd.valid() && received.size() < kReceivedBytesMax) {
      const ssize_t n = recv(fd.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
      if (n <= 0) return;
      received.append(bytes, static_cast<size_t>(n));
    }
  }

  void Close() {
    StrictResponses(received).Check();
    received.clear();
    fd.Reset();
  }
};

// One input at work.
// Owner:    FuzzOne.
// Lifetime: one input.
// Limits:   kClientsMax clients at a time.
// Never:    waits: all is driven by the input, and the clock is faked.
class Session {
 public:
  explicit Session(const uint8_t* data)
      : application_(data, kDecisions), core_(std::make_unique<Core>(&application_, &Llhttp(), application_.memory())) {
    application_.SetCore(core_.get());
    epoll_ = core_->Open();
    if (epoll_ < 0) Fail("no epoll");
    ServerLimits limits;
    limits.keep_alive_ms = (data[kDecisions] & 1) != 0 ? 0 : 5000;
    limits.head_ms = 3000;
    limits.body_ms = 4000;
    limits.write_ms = 2000;
    limits.head_bytes_max = (data[kDecisions] & 2) != 0 ? 100 : 16384;
    // Both: neither, but clients come behind a PROXY header.
    const uint8_t kind = data[kDecisions] & 12;
    limits.connections_max = kind == 4 ? 1 : 0;
    limits.body_bytes_max = kind == 8 ? 20 : 0;
    server_ = core_->AddServer(limits);
    if ((data[kDecisions] & 0x10) != 0) server_->style |= kNodeStyle;
    if ((data[kDecisions] & 0x20) != 0) server_->style |= kTellConnections | kTellRefusals;
    if ((data[kDecisions] & 0x40) != 0) server_->style |= kTellConnections | kTellTimeouts | kTellDrops;
    if ((data[kDecisions] & 0x80) != 0) server_->style |= kHalfOpen | kHostOptional | kBareUpgrades;
    core_->SetStyle(server_, server_->style | kTellEnds | kMeasured);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address_.sun_family = AF_UNIX;
    if (bind(fd, Address(), sizeof(sa_family_t)) != 0 || listen(fd, 16) != 0) Fail("no listener");
    length_ = sizeof(address_);
    getsockname(fd, Address(), &length_);
    if (kind == 12) {
      auto peers = std::make_unique<Peers>();
      peers->AddUnix();
      server_->proxy_peers = std::move(peers);
    }
    if (core_->AddListener(server_, fd) != 0) Fail("no listener");
  }

  void Do(uint8_t operation, Script* script);
  void Finish();

 private:
  void CheckRest();
  sockaddr* Address() { return reinterpret_cast<sockaddr*>(&address_); }
  Client* client() { return &clients_[current_]; }
  void Connect();
  void Send(const char* bytes, size_t count) {
    if (client()->fd.valid()) (void)send(client()->fd.get(), bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  void Pass(uint64_t ms) {
    fake_system.now_ms += ms;
    core_->Tick();
  }

  FakeApplication application_;
  std::unique_ptr<Core> core_;
  int epoll_ = -1;
  Server* server_;
  sockaddr_un address_{};
  socklen_t length_ = 0;
  Client clients_[kClientsMax];
  uint32_t current_ = 0;
};

void Session::Connect() {
  client()->Close();
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (connect(fd.get(), Address(), length_) == 0) client()->fd = std::move(fd);
}

void Session::Do(uint8_t operation, Script* script) {
  size_t count;
  const uint8_t number = operation % kOperations;
  switch (number) {
    case kConnect:
      return Connect();
    case kSend:
    case kBatch: {
      // kBatch: without a turn behind it, so that several sockets are ready in one.
      const uint32_t length = number == kSend ? script->Word() : script->Byte();
      const char* bytes = script->Bytes(length, &count);
      return Send(bytes, count);
    }
    case kRepeat: {
      const uint32_t times = script->Byte();
      const char* bytes = script->Bytes(script->Byte(), &count);
      std::string all;
      for (uint32_t i = 0; i < times; i++) all.append(bytes, count);
      return Send(all.data(), all.size());
    }
    case kTurn:
      core_->Turn();
      return;
    case kTurnAndRead:
      core_->Turn();
      return client()->Read();
    case kRead:
      return client()->Read();
    case kFinish:
      if (client()->fd.valid()) shutdown(client()->fd.get(), SHUT_WR);
      return;
    case kReset:
      return client()->Close();
    case kFlush:
      core_->Flush();
      // Somebody has to read on, or the process would end with requests that nobody has been told of.
      if (core_->has_connections() && !core_->KeepsAlive() && server_->in_flight == 0) Fail("paused, for nobody");
      return;
    case kTick:
      return Pass(uint64_t{script->Byte()} * 20);
    case kGoOn:
      return application_.GoOn(script->Byte());
    case kSelect:
      current_ = script->Byte() % kClientsMax;
      return;
    case kKernel: {
      const uint8_t kind = script->Byte();
      static constexpr int kErrors[] = {EMFILE, ECONNABORTED, EINVAL, ENOMEM};
      if ((kind & 1) != 0) fake_system.read_bytes_max = (kind & 0x80) != 0 ? SIZE_MAX : 1 + (kind >> 4);
      if ((kind & 2) != 0) fake_system.write_bytes_max = (kind & 0x80) != 0 ? SIZE_MAX : 1 + (kind >> 2);
      if ((kind & 4) != 0) fake_system.interrupts = kind >> 5;
      if ((kind & 8) != 0) fake_system.writes_refused = kind >> 4;
      if ((kind & 15) == 0) fake_system.accept_errno = kErrors[(kind >> 4) & 3];
      return;
    }
    case kDrain:
      if (!server_->draining && (script->Byte() & 1) != 0) core_->Drain(server_);
      return;
    case kCut:
      if ((script->Byte() & 7) == 0) core_->Cut(server_);
      return;
    case kCloseIdle:
      return core_->RequestCloseIdle(server_, (script->Byte() & 1) != 0);
    case kActOn:
      return application_.ActOn(script->Byte());
    case kSendNow:
      return application_.SendNow();
  }
}

// When nothing happens, there is nothing to do: a socket that stays ready would cost the whole processor.
void Session::CheckRest() {
  for (uint32_t i = 0; i < 400; i++) {
    core_->Turn();
    core_->Flush();
    pollfd ready{epoll_, POLLIN, 0};
    if (poll(&ready, 1, 0) == 0) return;
  }
  Fail("epoll does not come to rest");
}

// The application answers, the clients read, time passes: all must end.
void Session::Finish() {
  fake_system.write_bytes_max = fake_system.read_bytes_max = SIZE_MAX;
  fake_system.writes_refused = fake_system.interrupts = 0;
  fake_system.accept_errno = 0;
  core_->Flush();
  CheckRest();
  if (!server_->draining) core_->Drain(server_);
  // Some clients read on to the end, others never do.
  const bool reads = current_ % 2 == 0;
  uint32_t requests = application_.requests();
  for (uint32_t round = 0; round < 200 && !application_.idle(); round++) {
    if (round > 4) application_.FinishAll();
    // What a client has sent before the drain is still answered, one after the other.
    if (application_.requests() != requests) round = round < 5 ? round : 5;
    requests = application_.requests();
    core_->Flush();
    for (Client& one : clients_) {
      if (reads) one.Read();
    }
    Pass(250);
  }
  if (!application_.idle()) {
    fprintf(stderr, "connections %u in flight %u\n", server_->connections, server_->in_flight);
    Fail("a drain does not finish");
  }
  if (server_->counted_connections() != 0 || server_->in_flight != 0) Fail("idle with something left");
  // For node:http, those that linger are not waited for; they end all the same.
  for (uint32_t round = 0; round < 100 && server_->connections != 0; round++) Pass(250);
  if (server_->connections != 0 || server_->lingering != 0) Fail("a connection lingers for ever");
  core_->Flush();
  for (Client& one : clients_) {
    if (reads) one.Read();
    one.Close();
  }
  if (core_->has_connections() && server_->listeners.empty() && server_->connections != 0) Fail("a connection is left");
  application_.CheckEnds();
  core_.reset();
  application_.CheckEnd();
}

}  // namespace

int FuzzOne(const uint8_t* data, size_t size) {
  if (size < kDecisions + 1) return 0;
  fake_system = FakeSystem{};
  {
    Session session(data);
    Script script(data + kDecisions + 1, size - kDecisions - 1);
    while (!script.empty()) session.Do(script.Byte(), &script);
    session.Finish();
  }
  // The lowest free descriptor is always the same, unless one was left open.
  static int lowest = -1;
  static uint32_t inputs = 0;
  const UniqueFd next(dup(STDERR_FILENO));
  if (++inputs == 2) lowest = next.get();  // the first input may open what stays
  if (lowest >= 0 && next.get() > lowest + 1) Fail("a descriptor was left open");
  return 0;
}

}  // namespace chaussette
