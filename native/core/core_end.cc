// The part of Core that ends connections and what is open on them, and writes
// past the exchanges.
#include <sys/epoll.h>

#include "core/core.h"
#include "core/request_reader.h"
#include "core/response_writer.h"

namespace chaussette {
namespace {

uint32_t HowEnded(const Connection& c) {
  if (c.broken) return kEndBroken;
  if (c.peer_closed) return kEndByPeer;
  const bool answered = c.close_after_flush && !c.cut && c.out.empty();
  return answered ? static_cast<uint32_t>(kEndAnswered) : 0;
}

}  // namespace

void Core::AbortExchanges(Connection* c) {
  const uint32_t first = c->first_exchange;
  c->first_exchange = c->last_exchange = kNoIndex;
  AbortFrom(c, first);
}

void Core::AbortFrom(Connection* c, uint32_t index) {
  while (index != kNoIndex) {
    Exchange* e = exchanges_.at(index);
    index = e->next;
    const bool told = e->response_complete && e->request_complete && !e->want_flushed;
    if (!told) PushEvent(kEventAbort, e, c->server->tag, HowEnded(*c));
    FreeExchange(e);
  }
}

void Core::Linger(Connection* c) {
  if (!c->open()) return;
  if (c->peer_closed) return Leave(c);
  AbortExchanges(c);
  c->spill.reset();
  if (c->parser != nullptr) GiveParser(c->parser);
  c->parser = nullptr;
  c->state = ConnectionState::kLingering;
  c->transport->ShutdownWrite(&c->channel);
  Watch(c, EPOLLIN);
  // Whose server is closed is waited for by a process or a test that wants to end.
  const bool ending = c->server->draining || c->server->closed;
  SetDeadline(c, Deadline::kLinger, ending ? kDrainLingerMs : kLingerMs);
  if (c->half_ended) return;
  c->server->lingering++;
  if (!c->server->is(kNodeStyle)) return;
  // For programs of node:http, which closes here, it is gone.
  if (!c->tapped) TellClosed(c);
  ReportIdle(c->server);
}

Connection* Core::FindConnection(uint32_t serial) {
  const uint32_t recent = recent_[serial % kRecentConnections];
  for (uint32_t i = 0; i <= connections_.size(); i++) {
    const uint32_t index = i == 0 ? recent : i - 1;
    if (index >= connections_.size()) continue;
    Connection* c = connections_.at(index);
    if (c->in_use && c->serial == serial) return c;
  }
  return nullptr;
}

bool Core::WriteRaw(Connection* c, const char* data, size_t length) {
  // Behind what is answered; and behind the last response there is nothing.
  if (!c->open() || c->close_after_flush) return true;
  for (uint32_t i = c->first_exchange; i != kNoIndex && exchanges_.at(i)->response_complete;) {
    if (exchanges_.at(i)->close) return true;
    i = exchanges_.at(i)->next;
    if (i != kNoIndex) c->out.Splice(&exchanges_.at(i)->out);
  }
  c->out.Append(&blocks_, data, length);
  Touch(c);
  if (c->out.bytes() <= kWriteWindowBytes || c->first_exchange == kNoIndex) return true;
  Exchange* e = exchanges_.at(c->first_exchange);
  e->want_drain = e->want_drain || e->tunnel;
  return !e->tunnel;
}

void Core::End(Connection* c, bool cut, bool half) {
  if (c->state == ConnectionState::kClosed) return;
  if (cut) {
    // What was answered before has left, as far as the socket takes it.
    if (!c->out.empty()) writer_->Write(c);
    return Kill(c);
  }
  c->no_more_requests = true;
  c->close_after_flush = true;
  if (c->open()) c->half_ended = half;
  if (c->open()) AbortUnanswered(c);
  Touch(c);
}

uint32_t Core::EndBehindOthers(uint32_t index, uint32_t generation) {
  RunCommands();
  Exchange* e = exchanges_.Find(index, generation);
  if (e == nullptr) return kBehindNothing;
  Connection* c = ConnectionOf(*e);
  if (c->first_exchange == index) writer_->Write(c);
  e = exchanges_.Find(index, generation);
  if (e == nullptr || (c->first_exchange == index && e->out_from <= c->bytes_out))
    return kBehindNothing;
  writer_->DropUnsent(e);
  e->close = e->cut = true;
  c->no_more_requests = true;
  Touch(c);
  return c->first_exchange == index ? kBehindBytes : kBehindResponses;
}

// What would be answered from now on would go behind the last bytes. A tunnel has
// no answer, and may be read until its last bytes are sent.
void Core::AbortUnanswered(Connection* c) {
  uint32_t last = kNoIndex;
  uint32_t first = c->first_exchange;
  while (first != kNoIndex && exchanges_.at(first)->response_complete) {
    last = first;
    first = exchanges_.at(first)->next;
  }
  if (first != kNoIndex && exchanges_.at(first)->tunnel) return;
  c->spill.reset();
  if (c->in_message() && (first != kNoIndex || c->parser->in_head())) {
    GiveParser(c->parser);
    c->parser = nullptr;
  }
  if (first == kNoIndex) return;
  (last == kNoIndex ? c->first_exchange : exchanges_.at(last)->next) = kNoIndex;
  c->last_exchange = last;
  AbortFrom(c, first);
}

void Core::EndAfterFlush(Connection* c) {
  AbortExchanges(c);
  if (c->out.empty()) return Kill(c);
  c->close_after_flush = true;
  UpdateDeadline(c);
}

void Core::Leave(Connection* c) {
  // RFC 8446 §6.1: each side says that what it sent was all.
  if (c->channel.session != nullptr) c->transport->ShutdownWrite(&c->channel);
  Kill(c);
}

void Core::Kill(Connection* c) {
  if (c->state == ConnectionState::kClosed) return;
  AbortExchanges(c);
  Close(c);
}

void Core::Close(Connection* c) {
  if (c->state == ConnectionState::kLingering && !c->half_ended) c->server->lingering--;
  c->state = ConnectionState::kClosed;
  if (c->first_end != kNoIndex) ends_.Closed(c);
  TellClosed(c);
  closed_.push_back(c->index);
}

void Core::TellClosed(Connection* c) {
  if (!c->end_wanted) return;
  c->end_wanted = false;
  events_.push_back({kEventClosed, HowEnded(*c), 0, c->server->tag, c->serial});
}

bool Core::IsSpare(const Connection& c) {
  if (c.idle()) return true;
  if (!c.server->draining || !c.open() || c.in_flight != 1 || !c.out.empty()) return false;
  if (c.first_exchange == kNoIndex) return false;
  const Exchange& e = *exchanges_.at(c.first_exchange);
  return e.response_complete && !e.request_complete && !e.body_wanted;
}

bool Core::KeepsAlive() {
  if (memory_.control[kControlCommandBytes] != 0 || paused_ || close_idle_) return true;
  if (!events_.empty() || !touched_.empty() || !resumed_.empty()) return true;
  for (uint32_t i = 0; i < connections_.size(); i++) {
    const Connection& c = *connections_.at(i);
    if (c.in_use && !WaitsForProgram(c)) return true;
  }
  return false;
}

// Nothing becomes of it unless the program begins, which has to read on first; or the
// program does not want to wait for it.
bool Core::WaitsForProgram(const Connection& c) {
  if (!c.open() || !c.server->is(kNodeStyle) || !c.out.empty()) return false;
  if (c.unrefd) return true;
  return c.read_paused && c.last_exchange != kNoIndex &&
         !exchanges_.at(c.last_exchange)->request_complete;
}

// Idle connections of draining servers: what is already on the wire is read and
// answered, the others are closed; those that have not asked yet, a little later.
void Core::CloseIdle() {
  close_idle_ = false;
  for (uint32_t i = 0; i < connections_.size(); i++) {
    Connection* c = connections_.at(i);
    if (!c->in_use || (!c->server->draining && !c->close_idle)) continue;
    // Answered a moment ago: for node:http it is idle then.
    if (c->close_idle && c->in_flight == 0 && !c->out.empty()) writer_->Write(c);
    if (IsSpare(*c) && !HasReadRoom(*c)) {
      close_idle_ = true;  // the rest at the next flush
      break;
    }
    c->close_idle = false;
    if (!IsSpare(*c)) continue;
    reader_->Read(c);
    if (!IsSpare(*c)) continue;
    if (c->served || c->in_flight != 0 || !c->server->draining) {
      Linger(c);
    } else {
      UpdateDeadline(c);
    }
  }
  for (const auto& server : servers_) ReportIdle(server.get());
}

void Core::RequestCloseIdle(Server* server, bool in_handler) {
  RunCommands();  // what was answered before does not keep its connection
  for (uint32_t i = 0; i < connections_.size(); i++) {
    Connection* c = connections_.at(i);
    if (!c->in_use || c->server != server) continue;
    // As with node:http: who asks in a handler leaves the connection of its request, answered or not.
    const bool asks = in_handler && c->requests != 0 && c->request_epoch == table_.epoch();
    const bool idle = c->in_flight == 0 && !c->in_message() && c->spill == nullptr;
    c->close_idle = c->open() && idle && !asks;
  }
  close_idle_ = true;
}

uint32_t Core::Cut(Server* server) {
  const uint32_t in_flight = server->in_flight;
  for (uint32_t i = 0; i < connections_.size(); i++) {
    Connection* c = connections_.at(i);
    if (c->in_use && c->server == server) Kill(c);
  }
  close_idle_ = true;
  return in_flight;
}

void Core::ReportIdle(Server* server) {
  if (!server->closed || server->counted_connections() > 0 || server->idle_told) return;
  server->idle_told = true;
  PushEvent(kEventIdle, nullptr, server->tag);
}

}  // namespace chaussette
