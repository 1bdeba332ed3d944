#include "core/core.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <ctime>

#include "core/check.h"
#include "core/request_reader.h"
#include "core/response_writer.h"

namespace chaussette {
namespace {

// Of what SendNow() tells of one response.
constexpr uint32_t kSentBytes = 3 * sizeof(uint32_t);

uint64_t EpollData(const Connection& c) {
  return (static_cast<uint64_t>(c.generation) << 32) | c.index;
}

}  // namespace

Core::Core(Host* host, const LlhttpFunctions* llhttp, const SharedMemory& memory)
    : host_(host),
      memory_(memory),
      llhttp_(llhttp),
      table_(memory.arena, memory.records, memory.headers),
      body_blocks_(host),
      blocks_(host,
              [](void* h, void* reference) { static_cast<Host*>(h)->ReleaseReference(reference); }),
      reader_(std::make_unique<RequestReader>(this)),
      writer_(std::make_unique<ResponseWriter>(this)) {
  RequestParser::FillSettings(*llhttp, &settings_);
  UpdateNow();
  wheel_.Advance(static_cast<uint32_t>(now_ms_ / kTickMs), &due_);
}

Core::~Core() {
  dead_ = true;
  for (const Event& event : events_) {
    if (event.kind == kEventDropped) close(static_cast<int>(event.code));
  }
  for (uint32_t i = 0; i < connections_.size(); i++) {
    Connection* c = connections_.at(i);
    if (c->in_use && c->state != ConnectionState::kClosed) Kill(c);
  }
  DestroyClosed();
}

int Core::Open() {
  epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return -errno;
  wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_.valid()) return -errno;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeData;
  const int error = epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
  return error == 0 ? epoll_.get() : -errno;
}

// The coarse clock is exact to a few milliseconds and costs next to nothing.
void Core::UpdateNow() {
  timespec now;
  clock_gettime(exact_ ? CLOCK_MONOTONIC : CLOCK_MONOTONIC_COARSE, &now);
  now_us_ = static_cast<uint64_t>(now.tv_sec) * 1000000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
  now_ms_ = now_us_ / 1000;
}

void Core::SetStyle(Server* server, uint32_t style) {
  server->style = style;
  if (server->is(kMeasured) && server->measures == nullptr) {
    server->measures = std::make_unique<Measures>();
  }
  if (server->watched()) exact_ = true;
}

uint64_t Core::IdleMs(const Connection& c) {
  UpdateNow();
  return now_ms_ - c.active_ms;
}

void Core::Poll() {
  polled_ = true;
  Turn();
  polled_ = false;
}

bool Core::Turn() {
  if (dispatching_ || dead_) return false;
  UpdateNow();
  turns_++;
  if (!unread_.empty()) ReadUnread();
  epoll_event events[kEventsPerTurnMax];
  const int count = epoll_wait(epoll_.get(), events, static_cast<int>(kEventsPerTurnMax), 0);
  for (int i = 0; i < count && !dead_; i++) {
    HandleEvent(events[i].data.u64, events[i].events);
  }
  Settle();
  return count == static_cast<int>(kEventsPerTurnMax);
}

bool Core::HasReadRoom(const Connection& c) {
  return HasMessageRoom() && table_.HasBytes(RequestReader::ReadRoom(c)) &&
         (!c.bulk || body_blocks_.HasBlock());
}

void Core::HandleEvent(uint64_t data, uint32_t events) {
  if (data == kWakeData) {
    eventfd_t count;
    woken_ = eventfd_read(wake_.get(), &count) != 0;
    return;
  }
  const uint32_t mark = static_cast<uint32_t>(data >> 32);
  const uint32_t index = static_cast<uint32_t>(data);
  if ((mark & kListenerMark) != 0) {
    Server* server = servers_[mark & ~kListenerMark].get();
    if (index < server->listeners.size()) {
      Accept(server->listeners[index].get(), server);
    }
    return;
  }
  Connection* c = connections_.Find(index, mark);
  if (c == nullptr || c->state == ConnectionState::kClosed) return;
  if ((events & EPOLLOUT) != 0) {
    Touch(c);
    if (c->channel.wants_write) events |= EPOLLIN;
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  const bool reads =
      c->state == ConnectionState::kLingering || (!c->read_paused && !c->peer_closed);
  if (!reads) {
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
      c->broken = (events & EPOLLERR) != 0;
      return Kill(c);
    }
    return Watch(c, c->epoll_events & ~static_cast<uint32_t>(EPOLLIN));
  }
  if (!HasReadRoom(*c)) {
    Dispatch();
    c = connections_.Find(index, mark);
    if (c == nullptr || c->state == ConnectionState::kClosed) return;
    if (!HasReadRoom(*c)) {  // for events that come first: read next turn
      if (c->channel.more) ReadAgain(c);
      return;
    }
  }
  reader_->Read(c);
}

void Core::ReadUnread() {
  std::vector<uint64_t> unread;
  unread.swap(unread_);
  for (const uint64_t data : unread) {
    connections_.at(static_cast<uint32_t>(data))->unread = false;
    HandleEvent(data, EPOLLIN);
  }
}

void Core::ReadAgain(Connection* c) {
  if (c->unread) return;
  c->unread = true;
  unread_.push_back(EpollData(*c));
  Wake();
}

void Core::Settle() {
  uint32_t rounds = 0;
  do {
    if (rounds++ == kRoundsPerTurnMax) return Wake();
    Dispatch();
    // JavaScript may begin to drain a server in any dispatch, that of the flush
    // before the loop blocks too.
    if (close_idle_) CloseIdle();
    WriteTouched();
    ResumeReading();
    if (table_.record_count() == 0) DestroyClosed();
  } while (!dead_ && (table_.record_count() != 0 || !events_.empty() || !touched_.empty() ||
                      !resumed_.empty() || close_idle_ || ends_due_));
}

// Lets the event loop go round before the rest of a turn.
void Core::Wake() {
  if (!woken_) woken_ = eventfd_write(wake_.get(), 1) == 0;
}

// Hands the records to JavaScript, which may return before it has handled all:
// then what it answered is written before it is called again. Events that come
// of it are left for the next round.
void Core::Dispatch() {
  if (dispatching_ || dead_) return;
  MoveEvents();
  const uint32_t count = table_.record_count();
  if (count == 0 && !ends_due_) return;
  if (count != 0) batches_[std::bit_width(count) - 1]++;
  dispatching_ = true;
  memory_.control[kControlDispatching] = polled_ ? kDispatchingInPoll : kDispatchingBeforePoll;
  uint32_t first = 0;
  if (count == 0 && !Tell(0, 0)) dead_ = true;
  while (first < count && !dead_) {
    memory_.control[kControlHandled] = 0;
    if (!Tell(first, count - first)) dead_ = true;
    const uint32_t handled = memory_.control[kControlHandled];
    first += handled == 0 ? 1 : handled;
    dispatched_ = first;
    UpdateNow();
    RunCommands();
    if (first < count) WriteTouched();
  }
  while (memory_.control[kControlAgain] != 0 && !dead_) {
    if (!host_->Dispatch(first, 0)) dead_ = true;
    UpdateNow();
    RunCommands();
    WriteTouched();
  }
  dispatching_ = false;
  memory_.control[kControlDispatching] = kNotDispatching;
  for (; first < count; first++) {  // nobody is there to close it
    const uint32_t* record = table_.record(first);
    if (record[kRecordKind] == kEventDropped) close(static_cast<int>(record[kRecordCode]));
  }
  table_.Reset();
  dispatched_ = 0;
  ends_.TellEarly();
  body_blocks_.Reset();
}

// Calls JavaScript. The ends of exchanges come before the records of new ones, which
// may have their indices.
bool Core::Tell(uint32_t first, uint32_t count) {
  ends_due_ = false;
  while (ends_.waiting()) {
    ends_.HandOver();
    if (!ends_.waiting()) break;
    if (!host_->Dispatch(first, 0)) return false;
  }
  return host_->Dispatch(first, count);
}

void Core::MoveEvents() {
  if (events_.empty()) return;
  size_t moved = 0;
  for (; moved < events_.size() && table_.HasRecord(); moved++) {
    const Event& event = events_[moved];
    uint32_t* record = table_.AddRecord(event.kind, event.index, event.generation, event.server);
    record[kRecordCode] = event.code;
  }
  events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(moved));
}

void Core::Flush() {
  if (dispatching_ || dead_) return;
  if (memory_.control[kControlCommandBytes] == 0 && touched_.empty() && events_.empty() &&
      closed_.empty() && resumed_.empty() && !close_idle_ && !ends_due_ &&
      table_.record_count() == 0) {
    return;
  }
  UpdateNow();
  RunCommands();
  Settle();
}

void Core::RunCommands() {
  const uint32_t size = memory_.control[kControlCommandBytes];
  memory_.control[kControlCommandBytes] = 0;
  if (size == 0 || dead_) return;
  CHECK(size <= kCommandBytes);
  writer_->Run(memory_.commands, size);
}

uint32_t Core::SendNow() {
  if (dead_) return 0;
  const size_t before = events_.size();
  UpdateNow();
  RunCommands();
  WriteTouched();
  uint32_t* word = reinterpret_cast<uint32_t*>(memory_.commands);
  uint32_t count = 0;
  size_t kept = before;
  for (size_t i = before; i < events_.size(); i++) {
    const Event& event = events_[i];
    if (event.kind != kEventFlushed || (count + 1) * kSentBytes > kCommandBytes) {
      events_[kept++] = event;
      continue;
    }
    *word++ = event.index;
    *word++ = event.generation;
    *word++ = event.code;
    count++;
  }
  events_.resize(kept);
  return count;
}

void Core::WriteTouched() {
  for (size_t i = 0; i < touched_.size(); i++) {
    Connection* c = connections_.at(touched_[i]);
    c->touched = false;
    writer_->Write(c);
  }
  touched_.clear();
}

void Core::ResumeReading() {
  size_t done = 0;
  for (; done < resumed_.size(); done++) {
    Connection* c = connections_.at(resumed_[done]);
    if (!HasReadRoom(*c)) break;
    c->resume = false;
    reader_->ParseSpill(c);
  }
  resumed_.erase(resumed_.begin(), resumed_.begin() + static_cast<std::ptrdiff_t>(done));
}

void Core::Touch(Connection* c) {
  if (c->touched) return;
  c->touched = true;
  touched_.push_back(c->index);
}

void Core::Resume(Connection* c) {
  if (c->resume) return;
  c->resume = true;
  resumed_.push_back(c->index);
}

void Core::PushEvent(RecordKind kind, const Exchange* exchange, uint32_t server, uint32_t code) {
  const uint32_t index = exchange != nullptr ? exchange->index : kNoIndex;
  const uint32_t generation = exchange != nullptr ? exchange->generation : 0;
  events_.push_back({kind, index, generation, server, code});
}

RequestParser* Core::TakeParser() {
  if (free_parsers_.empty()) {
    parsers_.push_back(std::make_unique<RequestParser>(llhttp_, &settings_, &scratch_));
    free_parsers_.push_back(parsers_.back().get());
  }
  RequestParser* parser = free_parsers_.back();
  free_parsers_.pop_back();
  return parser;
}

void Core::GiveParser(RequestParser* parser) {
  free_parsers_.push_back(parser);
}

Exchange* Core::AddExchange(Connection* c) {
  uint32_t index;
  Exchange* e = exchanges_.Take(&index);
  e->index = index;
  e->connection = c->index;
  e->started_us = now_us_;
  if (c->last_exchange == kNoIndex) {
    c->first_exchange = index;
  } else {
    exchanges_.at(c->last_exchange)->next = index;
  }
  c->last_exchange = index;
  c->in_flight++;
  c->server->in_flight++;
  return e;
}

void Core::FreeExchange(Exchange* e) {
  Connection* c = ConnectionOf(*e);
  if (c->server->watched()) ends_.Note(c, *e);
  c->in_flight--;
  c->server->in_flight--;
  e->out.Clear(&blocks_);
  exchanges_.Give(e->index);
}

void Core::Watch(Connection* c, uint32_t events) {
  if (c->epoll_events == events || c->state == ConnectionState::kClosed) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = EpollData(*c);
  c->epoll_events = events;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, c->channel.fd, &event) == 0) return;
  // Somebody in this process has closed the descriptor (epoll_ctl(2): EBADF,
  // ENOENT); its number may be another file's by now.
  PushEvent(kEventProblem, nullptr, c->server->tag, kProblemDescriptorLost);
  c->channel.fd = -1;
  Touch(c);
}

}  // namespace chaussette
