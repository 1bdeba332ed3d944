#ifndef NATIVE_CORE_SHARED_LISTENER_H_
#define NATIVE_CORE_SHARED_LISTENER_H_

#include <fcntl.h>
#include <sys/socket.h>

namespace chaussette {

// accept4(2) that does not sleep, although somebody else has made the socket blocking.
// O_NONBLOCK belongs to the open file description, and so to everybody who has the
// socket. systemd takes it away whenever it starts a service with the socket,
// unless that has NonBlocking=yes: a sibling that loses the race for a connection
// then would sleep in accept(2), with all of its connections. A time-out
// (SO_RCVTIMEO) would end such a sleep, too, but Linux hands it on to the accepted
// sockets of every other program that has this one.
inline int AcceptWithoutWaiting(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) == 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  return accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

}  // namespace chaussette

#endif  // NATIVE_CORE_SHARED_LISTENER_H_
