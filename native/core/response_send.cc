// The half of ResponseWriter that sends, and draws the consequences of what was
// sent: the next exchange, drain, close.
#include <sys/epoll.h>

#include "core/core.h"
#include "core/response_writer.h"

namespace chaussette {

// Takes complete exchanges from the front, so that the output of those behind
// them may follow.
void ResponseWriter::FinishFront(Connection* c) {
  bool taken = false;
  while (c->first_exchange != kNoIndex) {
    Exchange* e = core_->exchanges().at(c->first_exchange);
    if (!e->response_complete) break;
    if (e->close) {
      c->close_after_flush = true;
      c->cut = e->cut;
    }
    if (e->want_flushed) {
      if (!c->out.empty()) break;
      e->want_flushed = false;
      core_->PushEvent(kEventFlushed, e, c->server->tag, e->close ? 1 : 0);
    }
    if (e->close || !e->request_complete) break;
    c->first_exchange = e->next;
    if (e->next == kNoIndex) c->last_exchange = kNoIndex;
    c->served = true;
    core_->FreeExchange(e);
    taken = true;
    if (c->first_exchange != kNoIndex) {
      Exchange* next = core_->exchanges().at(c->first_exchange);
      next->out_from = c->queue_end();
      c->out.Splice(&next->out);
    }
  }
  const bool waits = c->spill != nullptr || c->read_paused;
  if (taken && waits && !c->in_message()) core_->Resume(c);
}

void ResponseWriter::Write(Connection* c) {
  if (c->channel.fd < 0) return core_->Kill(c);
  if (!c->open()) return;
  FinishFront(c);
  while (!c->out.empty()) {
    if (!Send(c)) return core_->Kill(c);
    if (!c->out.empty()) break;
    FinishFront(c);
  }
  const bool out = !c->out.empty() || (c->channel.wants_write && !c->read_paused);
  const uint32_t out_bit = out ? static_cast<uint32_t>(EPOLLOUT) : 0;
  core_->Watch(c, (c->epoll_events & ~static_cast<uint32_t>(EPOLLOUT)) | out_bit);
  if (c->out.empty()) {
    if (c->close_after_flush) return c->cut ? core_->Kill(c) : core_->Linger(c);
    if (c->in_flight == 0 && c->peer_closed) return core_->Leave(c);
    if (c->server->draining && core_->IsSpare(*c)) return core_->Linger(c);
  }
  if (c->write_blocked && c->out.bytes() <= kWriteWindowBytes / 2) {
    c->write_blocked = false;
    core_->Resume(c);
  }
  TellDrain(c);
  core_->UpdateDeadline(c);
}

// One system call; `offered` receives how many bytes it could have taken.
ssize_t ResponseWriter::SendOnce(Connection* c, uint64_t* offered) {
  const OutBlock* file = c->out.FrontFile();
  if (file != nullptr) {
    *offered = file->length;
    return c->transport->SendFile(&c->channel, file->file, file->file_offset, file->length);
  }
  if (!c->out.HoldsReferences(core_->host())) {
    core_->PushEvent(kEventProblem, nullptr, c->server->tag, kProblemBodyGone);
    return kBroken;
  }
  iovec parts[kIovecsMax];
  const int count = c->out.Gather(parts);
  for (int i = 0; i < count; i++) *offered += parts[i].iov_len;
  return c->transport->Write(&c->channel, parts, count);
}

// Returns false when the connection is broken.
bool ResponseWriter::Send(Connection* c) {
  uint64_t sent = 0;
  while (!c->out.empty() && sent < kSendBytesPerTurnMax) {
    uint64_t offered = 0;
    const ssize_t n = SendOnce(c, &offered);
    if (n == kBroken) return false;
    if (n == kWouldBlock) break;
    c->out.Consume(&core_->blocks(), static_cast<size_t>(n));
    sent += static_cast<uint64_t>(n);
    c->deadline = Deadline::kNone;  // progress: the next one starts anew
    if (static_cast<uint64_t>(n) < offered) break;
  }
  c->server->bytes_out += sent;
  c->bytes_out += sent;
  if (sent != 0) c->active_ms = core_->now_ms();
  if (c->first_end != kNoIndex) core_->ends().Sent(c);
  return true;
}

void ResponseWriter::TellDrain(Connection* c) {
  if (c->first_exchange == kNoIndex) return;
  Exchange* e = core_->exchanges().at(c->first_exchange);
  // A response of node:http says so when nothing is left.
  const size_t left_bytes_max = c->server->is(kNodeStyle) ? 0 : kWriteWindowBytes / 2;
  if (!e->want_drain || c->out.bytes() > left_bytes_max) return;
  e->want_drain = false;
  core_->PushEvent(kEventDrain, e, c->server->tag);
}

}  // namespace chaussette
