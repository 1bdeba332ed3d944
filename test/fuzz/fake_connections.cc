// The half of FakeApplication that knows connections: their beginning and end, what is refused on them, their bytes, and
// other protocols.
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "fake_application.h"
#include "fake_system.h"
#include "fuzz_target.h"

namespace chaussette {
namespace {

constexpr uint32_t kTunnelWritesMax = 40;

}  // namespace

// As lib/native does: what was said so far has happened.
Connection* FakeApplication::FindConnection(uint32_t number) {
  core_->RunCommands();
  return core_->FindConnection(number);
}

void FakeApplication::EndConnection(uint32_t number, bool cut) {
  left_to_us_.erase(number);
  Connection* c = FindConnection(number);
  if (c != nullptr) core_->End(c, cut);
}

void FakeApplication::Tap(Connection* c) {
  if (c->tapped) return;
  c->tapped = true;
  tapped_[c->serial] = {c->bytes_in + c->linger_bytes};
}

// Whether the record was about a connection.
bool FakeApplication::OnConnection(const uint32_t* record) {
  const uint32_t number = record[kRecordCode];
  switch (record[kRecordKind]) {
    case kEventConnection:
      if (!connections_.insert(number).second) Fail("a connection twice");
      if ((Decide() & 1) != 0) ActOn(number);
      return true;
    case kEventClosed:
      if (connections_.erase(number) + watched_.erase(number) == 0) Fail("the end of a connection that nobody watches");
      left_to_us_.erase(number);
      tapped_.erase(number);
      return true;
    case kEventDropped:
      if (close(static_cast<int>(number)) != 0) Fail("a dropped connection without a descriptor");
      return true;
    case kEventTimeout:
      if (connections_.count(number) == 0) Fail("a time-out of nothing");
      if ((Decide() & 1) != 0) {
        left_to_us_.insert(number);
      } else {
        EndConnection(number, (Decide() & 1) != 0);
      }
      return true;
    case kEventRefused:
      OnRefused(record);
      return true;
    case kEventBytes:
      OnBytes(record);
      return true;
    default:
      return false;
  }
}

void FakeApplication::OnBytes(const uint32_t* record) {
  const auto found = tapped_.find(record[kRecordConnection]);
  if (found == tapped_.end()) Fail("bytes that nobody asked for");
  if (record[kRecordBodyLength] == 0) Fail("bytes that are none");
  found->second.bytes += record[kRecordBodyLength];
  const Connection* c = core_->FindConnection(record[kRecordConnection]);
  if (c != nullptr && found->second.from + found->second.bytes > c->bytes_in + c->linger_bytes) {
    Fail("more bytes than were received");
  }
}

void FakeApplication::OnRefused(const uint32_t* record) {
  const uint32_t number = record[kRecordConnection];
  if (record[kRecordTargetOffset] > record[kRecordHeadLength]) Fail("an error outside of its packet");
  const uint8_t action = Decide();
  Connection* c = FindConnection(number);
  if (c == nullptr) return;
  bool answering = false;
  for (const Entry& entry : entries_) {
    answering = answering || (entry.known && entry.connection == number && entry.head_sent && !entry.ended);
  }
  switch (action & 3) {
    case 0:
    case 1: {
      static constexpr char kAnswer[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
      if (!answering && record[kRecordCode] != 0) core_->WriteRaw(c, kAnswer, sizeof(kAnswer) - 1);
      return core_->End(c, false, (action & 1) != 0);
    }
    case 2:
      return core_->End(c, true);
    default:
      left_to_us_.insert(number);
  }
}

void FakeApplication::ActOn(uint32_t which) {
  if (connections_.empty()) return;
  auto one = connections_.find(which);
  if (one == connections_.end()) one = std::next(connections_.begin(), which % connections_.size());
  const uint32_t number = *one;
  Connection* c = FindConnection(number);
  if (c == nullptr) return;
  const uint8_t action = Decide();
  switch (action & 15) {
    case 0: {
      const int fd = core_->Release(c);
      if (fd < 0) return;
      connections_.erase(number);
      close(fd);
      return;
    }
    case 1:
      return EndConnection(number, (action & 0x10) != 0);
    case 2:
      if (core_->IdleMs(*c) > fake_system.now_ms - kStartMs) Fail("idle for longer than there is time");
      return;
    default:
      return Tap(c);
  }
}

// Nothing of a dispatch lies over the copy that who reads along gets.
void FakeApplication::CheckArena(uint32_t first, uint32_t count) const {
  struct Part {
    uint64_t from;
    uint64_t to;
    bool copy;
  };
  std::vector<Part> parts;
  for (uint32_t i = first; i < first + count; i++) {
    const uint32_t* record = memory_.records + i * kRecordWords;
    const auto add = [&](RecordWord offset, RecordWord length, bool copy) {
      const uint64_t to = uint64_t{record[offset]} + record[length];
      if (record[length] == 0) return;
      if (to > kArenaBytes) Fail("a part outside of the arena");
      parts.push_back({record[offset], to, copy});
    };
    add(kRecordHeadOffset, kRecordHeadLength, false);
    if ((record[kRecordFlags] & kFlagBodyInBlock) != 0) continue;
    add(kRecordBodyOffset, kRecordBodyLength, record[kRecordKind] == kEventBytes);
  }
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.from < b.from; });
  uint64_t end = 0;
  bool copy = false;
  for (const Part& part : parts) {
    if (part.from < end && (part.copy || copy)) Fail("two things in one place");
    if (part.to > end) copy = part.copy;
    end = std::max(end, part.to);
  }
}

void FakeApplication::TakeOver(Entry* e) {
  Exchange* exchange = core_->exchanges().Find(e->index, e->generation);
  int fd = -1;
  std::string head;
  if (exchange == nullptr || !core_->TakeOver(exchange, &fd, &head)) return;
  close(fd);
  connections_.erase(e->connection);  // nobody is told of its end
  watched_.erase(e->connection);
  left_to_us_.erase(e->connection);
  e->watch_flush = false;
  e->ended = true;
  e->known = false;
}

// The answer has no end but that of the connection, so that what follows is not taken for one.
void FakeApplication::OpenTunnel(Entry* e) {
  core_->RunCommands();
  Exchange* exchange = core_->exchanges().Find(e->index, e->generation);
  std::string head;
  if (exchange == nullptr || !core_->Tunnel(exchange, &head)) return;
  e->watch_flush = e->body_complete = false;
  e->tunnel = e->reading = true;
  const std::string answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nx-id: " + std::to_string(e->id) + "\r\n\r\n";
  core_->WriteRaw(core_->ConnectionOf(*exchange), answer.data(), answer.size());
}

void FakeApplication::UseTunnel(Entry* e, uint8_t action) {
  const bool cut = (action & 0x10) != 0;
  if ((action & 7) == 7 || ++e->writes > kTunnelWritesMax) {
    e->ended = true;
    return EndConnection(e->connection, cut);
  }
  Connection* c = FindConnection(e->connection);
  if (c == nullptr) return;
  const std::string bytes((action & 1) != 0 ? 7 : kWriteWindowBytes + 1000, 't');
  if (!core_->WriteRaw(c, bytes.data(), bytes.size()) && c->out.bytes() <= kWriteWindowBytes) Fail("full too early");
}

}  // namespace chaussette
