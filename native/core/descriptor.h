#ifndef CHAUSSETTE_CORE_DESCRIPTOR_H_
#define CHAUSSETTE_CORE_DESCRIPTOR_H_

#include <cstdint>
#include <string>

namespace chaussette {

enum class DescriptorKind : uint8_t {
  kSocket,
  kFile,
  kDirectory,
  kPipe,
  kCharacterDevice,
  kBlockDevice,
  kOther,
};

enum class SocketFamily : uint8_t { kInet, kInet6, kUnix, kOther };

enum class SocketType : uint8_t { kStream, kDgram, kSeqpacket, kRaw, kOther };

// What a descriptor is, at the moment of InspectDescriptor().
// Owner:    the caller.
// Lifetime: a copy; it does not follow later changes of the descriptor.
// Limits:   `path` is as long as sun_path at most (unix(7)).
// Never:    holds the descriptor open.
struct DescriptorInfo {
  DescriptorKind kind = DescriptorKind::kOther;
  // The rest has a meaning for sockets only.
  SocketFamily family = SocketFamily::kOther;
  SocketType type = SocketType::kOther;
  bool bound = false;
  bool listening = false;
  bool reuse_port = false;  // the socket has a queue of its own (socket(7), SO_REUSEPORT)
  std::string address;      // Numeric, with the scope of a link-local address; inet and inet6 only.
  uint16_t port = 0;
  std::string path;  // Unix only: a path, `@name` for the abstract namespace, or empty.
};

// All functions below return 0 or a descriptor on success and a negated errno otherwise. None keeps state.

[[nodiscard]] int InspectDescriptor(int fd, DescriptorInfo* info);

// Makes an inherited stream socket ours. It is put on close-on-exec and non-blocking; when it does not listen yet it
// is made to, and listen() is never called on one that does: the backlog belongs to everybody who shares the socket.
// A socket on 0, 1 or 2 moves to a high descriptor, and /dev/null takes its place there (and wherever else on 0 to 2
// the same socket is): Node would restore the blocking flag of these descriptors at its end, for all who share them.
// Returns the descriptor to use. After an error `fd` is still open where it was.
[[nodiscard]] int AdoptListener(int fd, int backlog);

// `address` is numeric. Returns a listening, non-blocking, close-on-exec descriptor.
[[nodiscard]] int ListenTcp(const std::string& address, uint16_t port, int backlog, bool v6only);

// `mode` holds permission bits, or is -1 for those that the umask leaves. They are set before the socket listens, so
// that nobody connects under wider ones. `path` may be `@name` (abstract namespace), which has no permissions.
[[nodiscard]] int ListenUnix(const std::string& path, int backlog, int mode);

// 0 when somebody listens at `path`, even with a full backlog; -ECONNREFUSED when the socket is a leftover.
[[nodiscard]] int ProbeUnix(const std::string& path);

// A second descriptor of the same socket, close-on-exec and above 2.
[[nodiscard]] int DuplicateDescriptor(int fd);

// Drops what would begin a connection on a listening TCP socket (SYN without ACK, RFC 9293 §3.10.7.2) and nothing
// else: the client sends it again a second later, and whoever listens then takes it. For as long as the socket lives,
// and for all who share it.
[[nodiscard]] int StopHandshakes(int fd);

// Sends one datagram to the Unix socket at `path`, or `@name`, without waiting: sd_notify(3) at its receiving end.
[[nodiscard]] int SendDatagram(const std::string& path, const std::string& text);

int CloseDescriptor(int fd);

}  // namespace chaussette

#endif  // CHAUSSETTE_CORE_DESCRIPTOR_H_
