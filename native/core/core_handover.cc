// The part of Core that hands connections over: to other protocols, to node:net, and
// between transports.
#include <sys/epoll.h>

#include <utility>

#include "core/core.h"
#include "core/request_reader.h"
#include "core/response_writer.h"

namespace chaussette {

// The responses in front of it leave first. The exchange is gone when the
// connection turns out to be broken.
bool Core::CanTakeOver(Exchange* e) {
  Connection* c = ConnectionOf(*e);
  if (!e->upgrade || !e->request_complete || e->response_started) return false;
  if (!c->out.empty()) writer_->Write(c);
  return c->open() && c->in_flight == 1 && c->out.empty();
}

bool Core::TakeOver(Exchange* e, int* fd, std::string* head) {
  Connection* c = ConnectionOf(*e);
  if (c->transport != &plain_ || !CanTakeOver(e)) return false;
  if (c->spill != nullptr) *head = std::move(c->spill->bytes);
  c->first_exchange = c->last_exchange = kNoIndex;
  e->response_complete = true;  // the rest is the taker's
  FreeExchange(e);
  *fd = Detach(c);
  return true;
}

bool Core::Tunnel(Exchange* e, std::string* head) {
  Connection* c = ConnectionOf(*e);
  if (!CanTakeOver(e)) return false;
  if (c->spill != nullptr) *head = std::move(c->spill->bytes);
  c->spill.reset();
  e->tunnel = e->body_wanted = e->response_started = true;
  e->request_complete = false;
  reader_->ResumeReading(c);
  return true;
}

int Core::Release(Connection* c) {
  return c->open() && c->transport == &plain_ && c->bytes_in == 0 && c->out.empty() ? Detach(c)
                                                                                    : -1;
}

// The connection goes on without us, and nobody is told of its end.
int Core::Detach(Connection* c) {
  const int fd = c->channel.fd;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  c->channel.fd = -1;
  c->end_wanted = false;
  Close(c);
  return fd;
}

void Core::SetTls(Server* server, std::unique_ptr<TlsContext> context) {
  if (tls_ == nullptr) tls_ = std::make_unique<TlsTransport>();
  server->tls = std::move(context);
}

void Core::MakePlain(Connection* c) {
  c->transport->Release(&c->channel);
  c->transport = &plain_;
}

}  // namespace chaussette
