#include "fake_application.h"

#include <cstring>

#include "fuzz_target.h"

namespace chaussette {
namespace {

// An application that writes more whenever it can would never come to rest.
constexpr uint32_t kWritesMax = 40;

}  // namespace

FakeApplication::FakeApplication(const uint8_t* decisions, size_t count)
    : arena_(new char[kArenaBytes]),
      records_(new uint32_t[kRecordsMax * kRecordWords]),
      headers_(new uint32_t[kHeadersMax * kHeaderWords]),
      commands_(new char[kCommandBytes]),
      control_(new uint32_t[kControlWords]()),
      ends_(new uint32_t[kEndsMax * kEndWords]),
      end_text_(new char[kEndTextBytes]),
      memory_{arena_.get(),
              records_.get(),
              headers_.get(),
              commands_.get(),
              control_.get(),
              ends_.get(),
              end_text_.get()},
      decisions_(decisions),
      decision_count_(count) {}

bool FakeApplication::Dispatch(uint32_t first, uint32_t count) {
  const bool again = memory_.control[kControlAgain] != 0;
  memory_.control[kControlAgain] = 0;
  if (count == 0 && memory_.control[kControlEnds] == 0 && !again) Fail("a dispatch of nothing");
  if (first + count > kRecordsMax) Fail("a dispatch of too many records");
  TakeEnds();
  CheckArena(first, count);
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t* record = memory_.records + (first + i) * kRecordWords;
    memory_.control[kControlHandled] = i + 1;
    if (record[kRecordKind] == kEventRequest) {
      OnRequest(record);
    } else {
      OnEvent(record);
    }
    const uint8_t decision = Decide();
    if ((decision & 0x70) == 0x70) core_->RunCommands();
    if ((decision & 0x70) == 0x60) SendNow();
    if ((decision & 0x70) == 0x50) memory_.control[kControlAgain] = 1;
    if ((decision & 0x0f) == 0x0f) break;
  }
  if (again && !entries_.empty()) GoOn(Decide());
  return true;
}

// As a tick does between handlers, or behind them. The core tells at once what it has sent.
void FakeApplication::SendNow() {
  const uint32_t count = core_->SendNow();
  if (memory_.control[kControlCommandBytes] != 0) Fail("commands are left");
  const uint32_t* word = reinterpret_cast<const uint32_t*>(memory_.commands);
  for (uint32_t i = 0; i < count; i++, word += 3) {
    Entry* entry = word[0] < entries_.size() ? &entries_[word[0]] : nullptr;
    if (entry == nullptr || !entry->known || entry->generation != word[1]) Fail("something else was sent");
    OnFlushed(entry);
  }
}

void FakeApplication::OnFlushed(Entry* entry) {
  if (!entry->watch_flush || !entry->ended) Fail("flushed, and nobody asked");
  entry->watch_flush = false;
  Forget(entry);
}

// Every request ends once, after JavaScript was handed it.
void FakeApplication::TakeEnds() {
  const uint32_t count = memory_.control[kControlEnds];
  memory_.control[kControlEnds] = 0;
  if (count > kEndsMax) Fail("too many ends");
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t* end = memory_.ends + i * kEndWords;
    if (end[kEndStatus] < 100 || end[kEndStatus] > 999) Fail("an end without a status");
    if (end[kEndTextOffset] + end[kEndTextLength] > kEndTextBytes) Fail("a line elsewhere");
    if ((end[kEndFlags] & kEndRefused) != 0) continue;
    if (unended_.erase({end[kEndIndex], end[kEndGeneration]}) != 1) Fail("an end of no request");
  }
}

void FakeApplication::CheckEnds() {
  do {
    core_->ends().HandOver();
    if (memory_.control[kControlEnds] == 0) break;
    TakeEnds();
  } while (true);
  if (!unended_.empty()) Fail("a request has not ended");
}

void FakeApplication::OnRequest(const uint32_t* record) {
  const uint32_t index = record[kRecordIndex];
  unended_.emplace(index, record[kRecordGeneration]);
  requests_++;
  const uint64_t head_end = uint64_t{record[kRecordHeadOffset]} + record[kRecordHeadLength];
  if (head_end > kArenaBytes) Fail("a head outside of the arena");
  const char* head = memory_.arena + record[kRecordHeadOffset];
  if (memcmp(head + record[kRecordHeadLength] - 4, "\r\n\r\n", 4) != 0) Fail("a head was overwritten");
  if (head[record[kRecordTargetOffset] - 1] != ' ' ||
      memcmp(head + record[kRecordTargetOffset] + record[kRecordTargetLength], " HTTP/1.", 8) != 0) {
    Fail("a target stands elsewhere");
  }
  const uint32_t* header = memory_.headers + record[kRecordHeaderFirst] * kHeaderWords;
  for (uint32_t i = 0; i < record[kRecordHeaderCount]; i++, header += kHeaderWords) {
    const uint32_t name_end = header[kHeaderNameOffset] + (header[kHeaderNameLength] & 0xffff);
    if (head[name_end] != ':' || head[header[kHeaderNameOffset] - 1] != '\n') Fail("a name stands elsewhere");
    if (header[kHeaderValueOffset] + header[kHeaderValueLength] > record[kRecordHeadLength]) Fail("a value stands elsewhere");
  }
  if (index >= entries_.size()) entries_.resize(index + 1);
  Entry* entry = &entries_[index];
  // What ended before its body did, and does not read it, is told nothing more.
  if (entry->known && (!entry->ended || entry->watch_flush || entry->reading)) Fail("an exchange was never told its end");
  *entry = Entry{};
  entry->known = true;
  entry->index = index;
  entry->generation = record[kRecordGeneration];
  entry->connection = record[kRecordConnection];
  entry->is_head = memcmp(head, "HEAD ", 5) == 0;
  entry->upgrade = (record[kRecordFlags] & kFlagUpgrade) != 0;
  entry->body_complete = (record[kRecordFlags] & kFlagHasBody) == 0;
  const Exchange* exchange = core_->exchanges().Find(index, entry->generation);
  if (exchange != nullptr) {
    const Connection& c = *core_->ConnectionOf(*exchange);
    entry->id = next_ids_[uint64_t{c.index} << 32 | c.generation]++;
  }
  if (!entry->body_complete) OnBody(entry, record);
  if (entry->upgrade && (Decide() & 3) == 0) {
    entry->upgrade = false;
    Short(entry, kOpReadOn, 0);
  }
  Step(entry);
}

void FakeApplication::OnEvent(const uint32_t* record) {
  const uint32_t index = record[kRecordIndex];
  if (record[kRecordKind] == kEventIdle) {
    if (idle_) Fail("idle twice");
    idle_ = true;
    return;
  }
  if (OnConnection(record) || record[kRecordKind] == kEventProblem || index >= entries_.size()) return;
  Entry* entry = &entries_[index];
  if (!entry->known || entry->generation != record[kRecordGeneration]) return;
  switch (record[kRecordKind]) {
    case kEventBody:
      if (entry->body_complete) Fail("a body goes on behind its end");
      OnBody(entry, record);
      if ((Decide() & 3) == 0) Step(entry);
      return Forget(entry);
    case kEventAbort:
      entry->ended = true;
      entry->known = false;
      return;
    case kEventFlushed:
      return OnFlushed(entry);
    case kEventDrain:
    case kEventHalfClosed:
      if ((Decide() & 1) == 0) Step(entry);
      return;
    default:
      Fail("an unknown record");
  }
}

void FakeApplication::OnBody(Entry* entry, const uint32_t* record) {
  const uint32_t length = record[kRecordBodyLength];
  const bool in_block = (record[kRecordFlags] & kFlagBodyInBlock) != 0;
  const uint64_t end = uint64_t{record[kRecordBodyOffset]} + length;
  if (length > 0 && end > (in_block ? kBodyBlockBytes : kArenaBytes)) Fail("a body outside of its memory");
  if (in_block) {
    const uint32_t slot = record[kRecordCode];
    if (slot >= kBodyBlocksMax || blocks_[slot] == nullptr) Fail("a body in a block that is gone");
  }
  entry->waiting_bytes += length;
  if (entry->waiting_bytes > kBodyWindowBytes + 2 * kBodyBlockBytes) Fail("a body beyond its window");
  if ((record[kRecordFlags] & kFlagBodyComplete) != 0) {
    entry->body_complete = true;
    const uint32_t* trailer = memory_.headers + record[kRecordHeaderFirst] * kHeaderWords;
    for (uint32_t i = 0; record[kRecordKind] == kEventBody && i < record[kRecordHeaderCount]; i++) {
      if (trailer[kHeaderValueOffset] + trailer[kHeaderValueLength] > record[kRecordHeadLength]) {
        Fail("a trailer stands elsewhere");
      }
      trailer += kHeaderWords;
    }
    return;
  }
  if (entry->reading && entry->waiting_bytes > 0 && (Decide() & 3) != 0) {
    Short(entry, kOpConsume, entry->waiting_bytes);
    entry->waiting_bytes = 0;
  }
}

void FakeApplication::Forget(Entry* entry) {
  if (entry->ended && entry->body_complete && !entry->watch_flush) entry->known = false;
}

void FakeApplication::Step(Entry* entry) {
  for (uint8_t steps = 1 + Decide() % 3; steps > 0 && entry->known && !entry->ended; steps--) {
    if (entry->tunnel) {
      UseTunnel(entry, Decide());
    } else if (entry->head_sent) {
      Stream(entry, Decide());
    } else {
      Start(entry, Decide());
    }
  }
}

void FakeApplication::Start(Entry* e, uint8_t action) {
  static constexpr uint32_t kLess[] = {kNoReason | kNoLength, kNoChunked | kNoLength, kClose, kNoReason};
  const uint32_t flags =
      ((action & 0x10) != 0 ? kNodeHead : 0u) | ((action & 0x80) != 0 ? kLess[action >> 5 & 3] : 0u);
  e->watch_flush = (action & 0x20) != 0;
  switch (action & 15) {
    case 0:
    case 1:
      return Respond(e, kOpRespond, 200, "content-type: text/plain\n", "hello", flags);
    case 2:
      return Respond(e, kOpRespond, 200, "", std::string(kCopyBytesMax + 1 + 1000 * (action >> 4), 'r'),
                     flags | kWithReference);
    case 3:
    case 4:
      return Respond(e, kOpRespond, 200, "", "", flags | kStreamed);
    case 5:
      return Respond(e, kOpRespond, 201, "content-length: 11\n", "", flags | kStreamed);
    case 6:
      return Respond(e, kOpInfo, 103, "link: <a>\n", "", 0);
    case 7:
    case 8:
      if (!e->body_complete) e->reading = true;
      return Short(e, kOpReadBody, 0);
    case 9:
      return Respond(e, kOpRespond, 200, "x-bad: a<CRLF>x-injected: b\n", "body", flags);
    case 10:
      return Respond(e, kOpRespond, 200, "Connection: close\n", "bye", flags);
    case 11:
      return Respond(e, kOpRespond, (action & 16) != 0 ? 204 : 304, "content-length: 4\n", "body", flags);
    case 12:
      return (action & 0x40) != 0 ? OpenTunnel(e) : TakeOver(e);
    case 13:
      return Abort(e, action);
    case 14:
      return Respond(e, kOpRespond, 200, "Transfer-Encoding: chunked\n", "body", flags | kNoDate);
    default:
      if ((action & 0x40) == 0) return;  // later
      watched_.insert(e->connection);
      return Short(e, kOpWatchEnd, 0);
  }
}

void FakeApplication::Abort(Entry* e, uint8_t action) {
  Short(e, kOpAbort, (action & 16) != 0);
  e->ended = true;
  e->watch_flush = false;
  if ((action & 32) != 0 && core_->EndBehindOthers(e->index, e->generation) == 0 && (action & 64) != 0) {
    Connection* c = core_->FindConnection(e->connection);
    if (c != nullptr) core_->End(c, true);
  }
  Forget(e);
}

void FakeApplication::Stream(Entry* e, uint8_t action) {
  if (++e->writes > kWritesMax) return End(e, "");
  switch (action & 15) {
    case 0:
    case 1:
    case 2:
      return Chunk(e, 11, false, 0);
    case 3:
    case 4:
      return Chunk(e, kCopyBytesMax + 100, true, kWantDrain);
    case 5:
      return Chunk(e, 0, true, 0);
    case 6:
      return Chunk(e, 3000, false, kWantDrain);
    case 7:
      return End(e, "x-trailer: a\n");
    case 8:
      return End(e, "x-trailer: a<CRLF><CRLF>HTTP/1.1 200 OK\n");
    case 9:
      return Abort(e, action);
    case 10:
      if (!e->body_complete) e->reading = true;
      return Short(e, kOpReadBody, 0);
    case 11:
      return File(e);
    case 12:
      e->reading = false;
      e->waiting_bytes = 0;
      return Short(e, kOpDiscardBody, 0);
    default:
      e->watch_flush = (action & 0x20) != 0;
      return End(e, "");
  }
}

void FakeApplication::GoOn(uint32_t which) {
  const size_t count = entries_.size();
  for (size_t i = 0; i < count; i++) {
    Entry* entry = &entries_[(which + i) % count];
    if ((which & 0x40) != 0) WatchFlush(entry);
    if (!entry->known) continue;
    if (entry->reading && entry->waiting_bytes > 0 && !entry->body_complete) {
      Short(entry, kOpConsume, entry->waiting_bytes);
      entry->waiting_bytes = 0;
    }
    if (entry->ended) continue;
    return Step(entry);
  }
}

// As for a listener of 'finish' that comes behind the end of a response that waits for others.
void FakeApplication::WatchFlush(Entry* entry) {
  if (!entry->ended || entry->watch_flush) return;
  core_->RunCommands();
  const Exchange* exchange = core_->exchanges().Find(entry->index, entry->generation);
  if (exchange == nullptr || core_->ConnectionOf(*exchange)->first_exchange == entry->index) return;
  entry->known = entry->watch_flush = true;
  Short(entry, kOpWatchFlush, 0);
  core_->RunCommands();  // Before that, nobody is told that its connection is gone.
}

void FakeApplication::FinishAll() {
  for (Entry& entry : entries_) {
    if (!entry.known) continue;
    if (entry.reading && entry.waiting_bytes > 0 && !entry.body_complete) {
      Short(&entry, kOpConsume, entry.waiting_bytes);
      entry.waiting_bytes = 0;
    }
    if (entry.ended) continue;
    if (entry.tunnel) {
      EndConnection(entry.connection, (Decide() & 1) != 0);
      entry.ended = true;
    } else if (entry.head_sent) {
      End(&entry, "");
    } else {
      Respond(&entry, kOpRespond, 200, "", "end", 0);
    }
  }
  for (const uint32_t number : std::set<uint32_t>(left_to_us_)) EndConnection(number, (Decide() & 1) != 0);
}

void FakeApplication::CheckEnd() const {
  for (const Entry& entry : entries_) {
    if (entry.known && (!entry.ended || entry.watch_flush || entry.reading)) Fail("an exchange was left behind");
  }
  if (references_ != 0) Fail("a reference did not come back");
  if (!connections_.empty()) Fail("the end of a connection was not told");
}

}  // namespace chaussette
