// The half of Core that opens and ends things: listeners, accepting, draining,
// deadlines, and the end of connections.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "core/check.h"
#include "core/core.h"
#include "core/request_reader.h"
#include "core/response_writer.h"
#include "core/shared_listener.h"

namespace chaussette {
namespace {

// Settings go up to UINT32_MAX, which stands for never.
uint32_t Sum(uint32_t a, uint32_t b) {
  return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

}  // namespace

Server* Core::AddServer(const ServerLimits& limits) {
  servers_.push_back(std::make_unique<Server>());
  Server* server = servers_.back().get();
  server->tag = static_cast<uint32_t>(servers_.size() - 1);
  open_servers_++;
  UpdateNow();
  server->started_ms = now_ms_;
  server->SetLimits(limits);
  return server;
}

Server* Core::FindServer(uint32_t tag) {
  return tag < servers_.size() ? servers_[tag].get() : nullptr;
}

int Core::AddListener(Server* server, int fd, bool shared) {
  auto listener = std::make_unique<Listener>();
  listener->fd.Reset(fd);
  int domain = 0;
  socklen_t length = sizeof(domain);
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0) {
    return -errno;
  }
  listener->tcp = domain == AF_INET || domain == AF_INET6;
  // With SO_REUSEPORT every socket has a queue of its own (socket(7)).
  int reuse_port = 0;
  length = sizeof(reuse_port);
  getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &reuse_port, &length);
  listener->shared = shared && reuse_port == 0;
  listener->number = static_cast<uint32_t>(server->listeners.size());
  server->listeners.push_back(std::move(listener));
  WatchListener(server->listeners.back().get(), server, true);
  return server->listeners.back()->watched ? 0 : -errno;
}

void Core::WatchListener(Listener* listener, Server* server, bool watch) {
  if (listener->watched == watch) return;
  epoll_event event{};
  // The socket is shared with siblings: not all of them are to wake up.
  event.events = EPOLLIN | EPOLLEXCLUSIVE;
  event.data.u64 = (static_cast<uint64_t>(kListenerMark | server->tag) << 32) | listener->number;
  const int op = watch ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;
  if (epoll_ctl(epoll_.get(), op, listener->fd.get(), &event) == 0) {
    listener->watched = watch;
  }
}

void Core::Accept(Listener* listener, Server* server) {
  for (uint32_t i = 0; i < kAcceptsPerTurnMax; i++) {
    const uint32_t most = server->limits.connections_max;
    if (most != 0 && server->counted_connections() >= most && !server->is(kNodeStyle)) {
      return WatchListener(listener, server, false);
    }
    if (!AcceptOne(listener, server)) return;
  }
}

// Returns false when there is nothing more to accept now.
bool Core::AcceptOne(Listener* listener, Server* server) {
  const int fd = AcceptWithoutWaiting(listener->fd.get());
  if (fd < 0) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      PauseAccept(listener, server);
      return false;
    }
    if (errno == EINVAL) {  // it does not listen any more: epoll would not rest
      WatchListener(listener, server, false);
      listener->paused_until_ms = UINT64_MAX;
      PushEvent(kEventProblem, nullptr, server->tag, kProblemListenerLost);
      return false;
    }
    // A connection that is gone already is no reason to stop (accept(2)).
    return errno == ECONNABORTED || errno == EINTR || errno == EPROTO;
  }
  const uint32_t most = server->limits.connections_max;
  const bool full = most != 0 && server->counted_connections() >= most;
  if (full || server->is(kDropsAll)) {  // as node:http
    if (server->is(kTellDrops)) {
      PushEvent(kEventDropped, nullptr, server->tag, static_cast<uint32_t>(fd));
    } else {
      close(fd);
    }
    return true;
  }
  if (listener->tcp) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  uint32_t index;
  Connection* c = connections_.Take(&index);
  c->index = index;
  c->channel.fd = fd;
  c->transport = &plain_;
  if (server->tls != nullptr) {
    c->transport = tls_.get();
    tls_->Begin(server->tls, &c->channel);
  }
  if (server->proxy_peers != nullptr && server->proxy_peers->HasPeerOf(fd)) {
    c->proxied = std::make_unique<Proxied>();
  }
  c->server = server;
  c->serial = ++connection_serial_;
  recent_[c->serial % kRecentConnections] = index;
  c->active_ms = now_ms_;
  epoll_event event{};
  event.events = c->epoll_events = EPOLLIN;
  event.data.u64 = (static_cast<uint64_t>(c->generation) << 32) | index;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    c->transport->Release(&c->channel);
    close(fd);
    c->proxied.reset();
    connections_.Give(index);
    PauseAccept(listener, server);
    return false;
  }
  connection_count_++;
  server->connections++;
  server->accepted++;
  if (server->is(kTellConnections)) {
    c->end_wanted = true;
    PushEvent(kEventConnection, nullptr, server->tag, c->serial);
  }
  UpdateDeadline(c);
  return true;
}

void Core::PauseAccept(Listener* listener, Server* server) {
  WatchListener(listener, server, false);
  listener->paused_until_ms = now_ms_ + kAcceptPauseMs;
  paused_ = true;
  PushEvent(kEventProblem, nullptr, server->tag, kProblemAcceptPaused);
}

void Core::Drain(Server* server) {
  if (!server->closed) open_servers_--;
  server->closed = true;
  server->draining = !server->is(kKeepsConnections);
  for (const auto& listener : server->listeners) {
    WatchListener(listener.get(), server, false);
    const uint32_t most = server->limits.connections_max;
    for (uint32_t i = 0; i < kDrainAcceptsMax && !listener->shared; i++) {
      if (most != 0 && server->counted_connections() >= most) break;
      if (!AcceptOne(listener.get(), server)) break;
    }
    listener->fd.Reset();
  }
  server->listeners.clear();
  close_idle_ = true;
}

void Core::DestroyClosed() {
  for (size_t i = 0; i < closed_.size(); i++) {
    Connection* c = connections_.at(closed_[i]);
    Server* server = c->server;
    if (c->parser != nullptr) GiveParser(c->parser);
    c->out.Clear(&blocks_);
    c->spill.reset();
    c->proxied.reset();
    c->transport->Release(&c->channel);
    if (c->channel.fd >= 0) close(c->channel.fd);
    wheel_.Cancel(c->index);
    connections_.Give(c->index);
    connection_count_--;
    server->connections--;
    if (connection_count_ == 0 && ends_.waiting()) ends_due_ = true;  // no tick follows
    ReportIdle(server);
    for (const auto& listener : server->listeners) {
      if (listener->paused_until_ms == 0) {
        WatchListener(listener.get(), server, true);
      }
    }
  }
  closed_.clear();
}

void Core::SetDeadline(Connection* c, Deadline kind, uint32_t ms) {
  SetDeadlineAt(c, kind, ms == 0 ? 0 : now_ms_ + ms);
}

// `at`: by the clock of the core; 0 for none.
void Core::SetDeadlineAt(Connection* c, Deadline kind, uint64_t at) {
  c->deadline = at == 0 ? Deadline::kNone : kind;
  if (c->deadline == Deadline::kNone) return;
  c->deadline_tick = static_cast<uint32_t>((at + kTickMs - 1) / kTickMs);
  // Mostly the deadline moves away: then the wheel finds out when it comes due.
  if (wheel_.due(c->index) > c->deadline_tick) {
    wheel_.Arm(c->index, c->deadline_tick);
  }
}

// The first look that the server takes at its deadlines `ms` after `from` or later; 0
// for none. It does not depend on when it is asked for: a client that sends a byte now
// and then could put off one that does, again and again.
uint64_t Core::LookAfter(const Server& server, uint64_t from, uint32_t ms) const {
  if (ms == 0) return 0;
  // Looks that are closer than ticks need no moments of their own.
  const uint64_t apart = server.limits.check_ms > kTickMs ? server.limits.check_ms : 0;
  const uint64_t late = apart == 0 ? 0 : (from + ms - server.started_ms) % apart;
  return from + ms + (late == 0 ? 0 : apart - late);
}

// When who asks for nothing more from now on is idle; 0 for never.
uint64_t Core::IdleAt(const ServerLimits& limits) const {
  const uint32_t told = limits.keep_alive_ms;
  return told == 0 ? 0 : now_ms_ + Sum(told, limits.keep_alive_slack_ms);
}

void Core::UpdateDeadline(Connection* c) {
  const ServerLimits& limits = c->server->limits;
  if (!c->open()) return;
  if (!c->out.empty()) {
    if (c->deadline != Deadline::kWrite) {
      SetDeadline(c, Deadline::kWrite, limits.write_ms);
    }
  } else if (c->in_message() && c->parser->in_head()) {
    if (c->deadline != Deadline::kHead && !c->late) {
      SetDeadlineAt(c, Deadline::kHead, LookAfter(*c->server, now_ms_, limits.head_ms));
    }
  } else if (c->in_message()) {
    // An open exchange may take its time; one that is answered may not hold the
    // connection with a body that it does not read on.
    if (c->server->is(kNodeStyle)) {
      const uint64_t body_at = c->late ? 0 : LookAfter(*c->server, c->message_ms, limits.body_ms);
      // Behind its response, node:http takes the connection for idle between any two pieces.
      const bool answered = c->first_exchange == c->last_exchange &&
                            exchanges_.at(c->last_exchange)->response_complete;
      const uint64_t idle_at = answered ? IdleAt(limits) : 0;
      const bool idle_first = idle_at != 0 && (body_at == 0 || idle_at < body_at);
      SetDeadlineAt(
          c, idle_first ? Deadline::kIdle : Deadline::kBody, idle_first ? idle_at : body_at);
    } else {
      const bool waits = c->read_paused && !exchanges_.at(c->last_exchange)->response_complete;
      SetDeadline(c, waits ? Deadline::kNone : Deadline::kBody, limits.body_ms);
    }
  } else if (c->in_flight > 0) {
    if (!c->peer_closed) {
      c->deadline = Deadline::kNone;
    } else if (!c->half_close_told && c->deadline != Deadline::kHalfClosed) {
      SetDeadline(c, Deadline::kHalfClosed, kHalfCloseGraceMs);
    }
  } else if (c->served) {
    SetDeadlineAt(c, Deadline::kIdle, IdleAt(limits));
  } else if (c->server->draining) {
    // Once, too; one of before may be further off.
    const uint64_t at = now_ms_ + kDrainFirstRequestMs;
    const bool sooner = (at + kTickMs - 1) / kTickMs < c->deadline_tick;
    if (c->deadline != Deadline::kIdle || sooner) SetDeadlineAt(c, Deadline::kIdle, at);
  } else if (c->deadline != Deadline::kIdle && !c->late) {  // once: empty lines do not put it off
    SetDeadlineAt(c, Deadline::kIdle, LookAfter(*c->server, now_ms_, limits.head_ms));
  }
}

// Ticks begin with the wheel's own, so that no deadline is late by two of them.
uint32_t Core::MsToTick() {
  UpdateNow();
  return kTickMs - static_cast<uint32_t>(now_ms_ % kTickMs) + kClockSlackMs;
}

// Sockets are read first, all of them, so that a client whose bytes came in time
// is not punished when the loop was blocked. Reading runs handlers, which may
// block it again: what came meanwhile is judged by the next tick.
void Core::Tick() {
  if (dispatching_ || dead_) return;
  UpdateNow();
  const uint32_t tick = static_cast<uint32_t>(now_ms_ / kTickMs);
  uint32_t turns = connection_count_ / kEventsPerTurnMax + 1;
  while (Turn() && turns-- > 0) {
  }
  if (ends_.waiting()) ends_due_ = true;
  due_.clear();
  wheel_.Advance(tick, &due_);
  for (uint32_t index : due_) JudgeDeadline(connections_.at(index), tick);
  if (paused_) {
    paused_ = false;
    for (const auto& server : servers_) {
      for (const auto& listener : server->listeners) {
        if (listener->paused_until_ms == 0 || listener->paused_until_ms == UINT64_MAX) {
          continue;
        }
        if (listener->paused_until_ms > now_ms_) {
          paused_ = true;
          continue;
        }
        WatchListener(listener.get(), server.get(), true);
        if (!listener->watched) {
          paused_ = true;
          continue;
        }
        listener->paused_until_ms = 0;
        PushEvent(kEventProblem, nullptr, server->tag, kProblemAcceptResumed);
      }
    }
  }
  Settle();
}

void Core::JudgeDeadline(Connection* c, uint32_t tick) {
  if (!c->in_use || c->state == ConnectionState::kClosed || c->deadline == Deadline::kNone) {
    return;
  }
  if (c->deadline_tick > tick) {
    return wheel_.Arm(c->index, c->deadline_tick);
  }
  const Deadline deadline = c->deadline;
  c->deadline = Deadline::kNone;
  c->server->deadline_closes += deadline == Deadline::kHalfClosed ? 0 : 1;
  switch (deadline) {
    case Deadline::kHead: return reader_->Refuse(c, Refusal::kHeadTimeout);
    case Deadline::kBody: return reader_->Refuse(c, Refusal::kBodyTimeout);
    case Deadline::kIdle:
      if (c->awaits_proxy()) return reader_->RefuseUnproxied(c);
      // node:http answers whoever has connected and asks for nothing.
      if (!c->served && !c->in_message() && c->server->is(kNodeStyle) && !c->server->draining) {
        return reader_->Refuse(c, Refusal::kHeadTimeout);
      }
      if (c->server->is(kTellTimeouts) && !c->server->draining) {
        // Who listens may keep it; its body has a time of its own.
        if (c->in_message()) {
          const uint32_t body_ms = c->server->limits.body_ms;
          SetDeadlineAt(c, Deadline::kBody, LookAfter(*c->server, c->message_ms, body_ms));
        }
        return PushEvent(kEventTimeout, nullptr, c->server->tag, c->serial);
      }
      return c->server->is(kNodeStyle) ? Kill(c) : Linger(c);
    case Deadline::kWrite: {
      // Closed with a reset (socket(7), SO_LINGER): the kernel would go on for
      // minutes with what it has taken, and a slow reader would hold its memory.
      const linger reset{1, 0};
      setsockopt(c->channel.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
      return Kill(c);
    }
    case Deadline::kLinger: return Kill(c);
    case Deadline::kHalfClosed:
      c->half_close_told = true;
      for (uint32_t i = c->first_exchange; i != kNoIndex; i = exchanges_.at(i)->next) {
        PushEvent(kEventHalfClosed, exchanges_.at(i), c->server->tag);
      }
      return;
    case Deadline::kNone: return;
  }
}

}  // namespace chaussette
