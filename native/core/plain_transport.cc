#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "core/transport.h"

namespace chaussette {
namespace {

// The functions of libc are cancellation points (pthreads(7)): two atomic
// operations around each call in a process with threads. Nobody cancels the
// thread of an event loop.
#ifdef CHAUSSETTE_FUZZ
ssize_t Receive(int fd, char* to, size_t room) {
  return recv(fd, to, room, 0);
}
ssize_t SendBytes(int fd, const void* from, size_t length) {
  return send(fd, from, length, MSG_NOSIGNAL);
}
#else
ssize_t Receive(int fd, char* to, size_t room) {
  return syscall(SYS_recvfrom, fd, to, room, 0, nullptr, nullptr);
}
ssize_t SendBytes(int fd, const void* from, size_t length) {
  return syscall(SYS_sendto, fd, from, length, MSG_NOSIGNAL, nullptr, 0);
}
#endif

}  // namespace

ssize_t PlainTransport::Read(Channel* channel, char* to, size_t room) {
  ssize_t n;
  do {
    n = Receive(channel->fd, to, room);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return n;
  return errno == EAGAIN || errno == EWOULDBLOCK ? kWouldBlock : kBroken;
}

ssize_t PlainTransport::Write(Channel* channel, const iovec* parts, int count) {
  ssize_t n;
  do {
    if (count == 1) {
      n = SendBytes(channel->fd, parts->iov_base, parts->iov_len);
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
