#include "fake_system.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace chaussette {

FakeSystem fake_system;

namespace {

bool Interrupted() {
  if (fake_system.interrupts == 0) return false;
  fake_system.interrupts--;
  errno = EINTR;
  return true;
}

bool Full() {
  if (fake_system.writes_refused == 0) return false;
  fake_system.writes_refused--;
  errno = EAGAIN;
  return true;
}

size_t Least(size_t a, size_t b) { return a < b ? a : b; }

}  // namespace
}  // namespace chaussette

using chaussette::fake_system;

extern "C" {

int FakeClockGettime(clockid_t, timespec* now) {
  now->tv_sec = static_cast<time_t>(fake_system.now_ms / 1000);
  now->tv_nsec = static_cast<long>(fake_system.now_ms % 1000) * 1'000'000;
  return 0;
}

ssize_t FakeRecv(int fd, void* to, size_t room, int flags) {
  if (chaussette::Interrupted()) return -1;
  return recv(fd, to, chaussette::Least(room, fake_system.read_bytes_max), flags);
}

ssize_t FakeSend(int fd, const void* from, size_t bytes, int flags) {
  if (chaussette::Interrupted() || chaussette::Full()) return -1;
  return send(fd, from, chaussette::Least(bytes, fake_system.write_bytes_max), flags);
}

ssize_t FakeSendmsg(int fd, const msghdr* message, int flags) {
  if (chaussette::Interrupted() || chaussette::Full()) return -1;
  if (fake_system.write_bytes_max == SIZE_MAX) return sendmsg(fd, message, flags);
  // Short: a part of the first piece only.
  return send(fd, message->msg_iov->iov_base,
              chaussette::Least(message->msg_iov->iov_len, fake_system.write_bytes_max), flags);
}

ssize_t FakeSendfile(int fd, int file, off_t* offset, size_t bytes) {
  if (chaussette::Interrupted() || chaussette::Full()) return -1;
  return sendfile(fd, file, offset, chaussette::Least(bytes, fake_system.write_bytes_max));
}

int FakeAccept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  if (fake_system.accept_errno != 0) {
    errno = fake_system.accept_errno;
    fake_system.accept_errno = 0;
    return -1;
  }
  const int accepted = accept4(fd, address, length, flags);
  if (accepted >= 0) {
    // The least that the kernel gives, so that a client that does not read is soon felt.
    const int bytes = 4096;
    setsockopt(accepted, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  }
  return accepted;
}

}  // extern "C"
