#ifndef NATIVE_CORE_SHARED_LISTENER_H_
#define NATIVE_CORE_SHARED_LISTENER_H_

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace chaussette {

// O_NONBLOCK belongs to the open file description, and so to everybody who has the
// socket. systemd takes it away whenever it starts a service with the socket,
// unless that has NonBlocking=yes: a sibling that loses the race for a connection
// then would sleep in accept(2), with all of its connections. The time-out is the
// socket's own, which nobody takes away: such a sleep ends with the next tick of
// the kernel's clock (socket(7), SO_RCVTIMEO).
inline void BoundAccept(int fd) {
  const timeval shortest{0, 1};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &shortest, sizeof(shortest));
}

// After an accept that found nothing, which may have been such a sleep.
inline void KeepNonBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) == 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

}  // namespace chaussette

#endif  // NATIVE_CORE_SHARED_LISTENER_H_
