#ifndef NATIVE_CORE_TRANSPORT_H_
#define NATIVE_CORE_TRANSPORT_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

namespace chaussette {

// The end of a connection that a transport works on: the descriptor, and
// what the transport itself keeps (nullptr for plain TCP and Unix sockets).
struct Channel {
  int fd = -1;
  void* session = nullptr;
  // Of the last Read: it stopped with bytes at hand that epoll knows nothing of;
  // it goes on when the socket takes bytes.
  bool more = false;
  bool wants_write = false;
  // Of the last Write: bytes that it has made a record of and not said to be taken. They
  // are offered again, so they stay in front.
  size_t held = 0;
};

// Results of Read and Write below 0 that are not an errno.
constexpr ssize_t kWouldBlock = -1;
constexpr ssize_t kBroken = -2;
// What came is not of the transport's protocol.
constexpr ssize_t kForeign = -3;

// How bytes get to the peer and back. Five verbs; TLS is another implementation.
// Owner:    Core, one instance of each kind; stateless, the state is in Channel.
// Lifetime: that of the core.
// Limits:   those of its callers: Read fills at most `room`, Write one iovec list.
// Never:    blocks, or raises SIGPIPE.
class Transport {
 public:
  // Returns the bytes read, 0 at the end of the stream, kWouldBlock, kBroken or
  // kForeign.
  virtual ssize_t Read(Channel* channel, char* to, size_t room) = 0;
  // Returns the bytes taken, kWouldBlock or kBroken.
  virtual ssize_t Write(Channel* channel, const iovec* parts, int count) = 0;
  // Sends bytes of a file from `offset` on. As Write; a file that ends before
  // `length` bytes is kBroken.
  virtual ssize_t SendFile(Channel* channel, int file, off_t offset, size_t length) = 0;
  // No more bytes will be written; the peer sees the end of the stream.
  virtual void ShutdownWrite(Channel* channel) = 0;
  // Frees what the transport kept. The descriptor is closed by its owner.
  virtual void Release(Channel* channel) = 0;

 protected:
  ~Transport() = default;
};

// Bytes as they are, over TCP and Unix sockets.
// Owner:    Core.
// Lifetime: that of the core.
// Limits:   none of its own.
// Never:    blocks, or raises SIGPIPE.
class PlainTransport final : public Transport {
 public:
  ssize_t Read(Channel* channel, char* to, size_t room) override;
  ssize_t Write(Channel* channel, const iovec* parts, int count) override;
  ssize_t SendFile(Channel* channel, int file, off_t offset, size_t length) override;
  void ShutdownWrite(Channel* channel) override;
  void Release(Channel* channel) override;
};

}  // namespace chaussette

#endif  // NATIVE_CORE_TRANSPORT_H_
