#include <sys/sendfile.h>
#include <sys/socket.h>

#include <cerrno>

#include "core/transport.h"

namespace chaussette {

ssize_t PlainTransport::Read(Channel* channel, char* to, size_t room) {
  ssize_t n;
  do {
    n = recv(channel->fd, to, room, 0);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return n;
  return errno == EAGAIN || errno == EWOULDBLOCK ? kWouldBlock : kBroken;
}

ssize_t PlainTransport::Write(Channel* channel, const iovec* parts, int count) {
  ssize_t n;
  do {
    if (count == 1) {
      n = send(channel->fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL);
    } else {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(parts);
      message.msg_iovlen = static_cast<size_t>(count);
      n = sendmsg(channel->fd, &message, MSG_NOSIGNAL);
    }
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return n;
  return errno == EAGAIN || errno == EWOULDBLOCK ? kWouldBlock : kBroken;
}

ssize_t PlainTransport::SendFile(Channel* channel, int file, off_t offset, size_t length) {
  ssize_t n;
  do {
    n = sendfile(channel->fd, file, &offset, length);
  } while (n < 0 && errno == EINTR);
  if (n > 0) return n;
  return n < 0 && errno == EAGAIN ? kWouldBlock : kBroken;
}

void PlainTransport::ShutdownWrite(Channel* channel) {
  shutdown(channel->fd, SHUT_WR);
}

void PlainTransport::Release(Channel*) {}

}  // namespace chaussette
