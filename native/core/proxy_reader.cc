// The part of RequestReader that reads what a load balancer sends before the first
// byte of its client. No transport is asked: it comes before a TLS handshake.
#include <sys/socket.h>

#include <cerrno>

#include "core/core.h"
#include "core/request_reader.h"

namespace chaussette {

// Bytes are looked at first, and only those of the header are taken from the
// socket. False while it is not complete, or when it is bad.
bool RequestReader::ReadProxyHeader(Connection* c) {
  for (;;) {
    char bytes[512];
    const ssize_t n = recv(c->channel.fd, bytes, sizeof(bytes), MSG_PEEK);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (n <= 0) {
      RefuseUnproxied(c);
      return false;
    }
    size_t taken = 0;
    const ProxyHeader::Outcome outcome =
        c->proxied->header->Take(bytes, static_cast<size_t>(n), &taken);
    ssize_t gone;
    do {
      gone = recv(c->channel.fd, bytes, taken, 0);
    } while (gone < 0 && errno == EINTR);
    if (outcome == ProxyHeader::Outcome::kBad || gone != static_cast<ssize_t>(taken)) {
      RefuseUnproxied(c);
      return false;
    }
    if (outcome == ProxyHeader::Outcome::kNeedMore) continue;
    c->proxied->ends = c->proxied->header->ends();
    c->proxied->header.reset();
    if (c->proxied->ends.family == ProxiedEnds::Family::kOwn) c->proxied.reset();
    return true;
  }
}

// Who connects and says nothing may be a health check.
void RequestReader::RefuseUnproxied(Connection* c) {
  if (c->proxied->header->begun()) {
    core_->PushEvent(kEventUnproxied, nullptr, c->server->tag, c->serial);
  }
  core_->Kill(c);
}

}  // namespace chaussette
