#include "core/descriptor.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "core/glibc_floor.h"
#include "core/unique_fd.h"

namespace chaussette {

namespace {

// Parked sockets go to this descriptor or above, clear of those that a parent numbers by hand (3, 4, …).
constexpr int kParkedFdMin = 10;

constexpr int kSocketFlags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

// A Unix address and the length that goes with it: the name of an abstract one ends with the length (unix(7)).
// Owner:    the calling function.
// Lifetime: the call.
// Limits:   sizeof(sun_path), which a path must leave room in for its NUL.
// Never:    touches the file system.
struct UnixAddress {
  sockaddr_un value{};
  socklen_t bytes = 0;

  [[nodiscard]] int Set(const std::string& path) {
    if (path.empty() || path.find('\0') != std::string::npos) return -EINVAL;
    if (path.size() >= sizeof(value.sun_path)) return -ENAMETOOLONG;
    value.sun_family = AF_UNIX;
    std::memcpy(value.sun_path, path.data(), path.size());
    bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    if (path[0] == '@') {
      value.sun_path[0] = '\0';
    } else {
      bytes += 1;
    }
    return 0;
  }

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&value); }
};

DescriptorKind KindOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFSOCK: return DescriptorKind::kSocket;
    case S_IFREG: return DescriptorKind::kFile;
    case S_IFDIR: return DescriptorKind::kDirectory;
    case S_IFIFO: return DescriptorKind::kPipe;
    case S_IFCHR: return DescriptorKind::kCharacterDevice;
    case S_IFBLK: return DescriptorKind::kBlockDevice;
    default: return DescriptorKind::kOther;
  }
}

SocketType TypeOf(int type) {
  switch (type) {
    case SOCK_STREAM: return SocketType::kStream;
    case SOCK_DGRAM: return SocketType::kDgram;
    case SOCK_SEQPACKET: return SocketType::kSeqpacket;
    case SOCK_RAW: return SocketType::kRaw;
    default: return SocketType::kOther;
  }
}

int GetOption(int fd, int name, int* value) {
  socklen_t bytes = sizeof(*value);
  return getsockopt(fd, SOL_SOCKET, name, value, &bytes) == 0 ? 0 : -errno;
}

void ReadInetName(const sockaddr_storage& name, socklen_t bytes, DescriptorInfo* info) {
  char host[NI_MAXHOST];
  char service[NI_MAXSERV];
  const int failed = getnameinfo(reinterpret_cast<const sockaddr*>(&name),
                                 bytes,
                                 host,
                                 sizeof(host),
                                 service,
                                 sizeof(service),
                                 NI_NUMERICHOST | NI_NUMERICSERV);
  if (failed != 0) return;
  info->address = host;
  info->port = static_cast<uint16_t>(std::strtoul(service, nullptr, 10));
  // A stream socket without a name of its own has port 0 (ip(7)).
  info->bound = info->port != 0;
}

void ReadUnixName(const sockaddr_storage& name, socklen_t bytes, DescriptorInfo* info) {
  constexpr socklen_t kPathOffset = offsetof(sockaddr_un, sun_path);
  if (bytes <= kPathOffset) return;
  sockaddr_un address;
  std::memcpy(&address, &name, sizeof(address));
  const size_t path_bytes = bytes - kPathOffset;
  info->bound = true;
  if (address.sun_path[0] == '\0') {
    info->path.assign(1, '@').append(address.sun_path + 1, path_bytes - 1);
  } else {
    info->path.assign(address.sun_path, strnlen(address.sun_path, path_bytes));
  }
}

// Whether two descriptors stand for one socket: each socket has an inode of its own.
bool SameFile(int a, const FileStatus& b) {
  FileStatus other;
  return ReadFileStatus(a, &other) == 0 && other.device == b.device && other.inode == b.inode;
}

// Puts /dev/null wherever on 0 to 2 the socket with the status `socket` is.
int ReplaceStandardDescriptors(const FileStatus& socket) {
  UniqueFd null;
  for (int fd = 0; fd <= 2; ++fd) {
    if (!SameFile(fd, socket)) continue;
    if (!null.valid()) null.Reset(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null.valid()) return -errno;
    if (dup2(null.get(), fd) < 0) return -errno;
  }
  return 0;
}

}  // namespace

int InspectDescriptor(int fd, DescriptorInfo* info) {
  FileStatus status;
  if (const int error = ReadFileStatus(fd, &status); error < 0) return error;
  *info = DescriptorInfo{};
  info->kind = KindOf(status.mode);
  if (info->kind != DescriptorKind::kSocket) return 0;

  int type = 0;
  int listening = 0;
  if (const int error = GetOption(fd, SO_TYPE, &type); error < 0) return error;
  info->type = TypeOf(type);
  // Some families do not know this option: they cannot listen.
  if (GetOption(fd, SO_ACCEPTCONN, &listening) == 0) info->listening = listening != 0;

  int reuse_port = 0;
  if (GetOption(fd, SO_REUSEPORT, &reuse_port) == 0) info->reuse_port = reuse_port != 0;

  sockaddr_storage name{};
  socklen_t bytes = sizeof(name);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &bytes) != 0) return -errno;
  switch (name.ss_family) {
    case AF_INET:
      info->family = SocketFamily::kInet;
      ReadInetName(name, bytes, info);
      break;
    case AF_INET6:
      info->family = SocketFamily::kInet6;
      ReadInetName(name, bytes, info);
      break;
    case AF_UNIX:
      info->family = SocketFamily::kUnix;
      ReadUnixName(name, bytes, info);
      break;
    default: info->family = SocketFamily::kOther;
  }
  return 0;
}

int AdoptListener(int fd, int backlog) {
  FileStatus status;
  if (const int error = ReadFileStatus(fd, &status); error < 0) return error;
  int listening = 0;
  if (const int error = GetOption(fd, SO_ACCEPTCONN, &listening); error < 0) return error;

  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return -errno;
  if ((flags & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
  if (listening == 0 && listen(fd, backlog) != 0) return -errno;

  UniqueFd parked;
  if (fd <= 2) {
    parked.Reset(fcntl(fd, F_DUPFD_CLOEXEC, kParkedFdMin));
    if (!parked.valid()) return -errno;
  } else if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
    return -errno;
  }
  if (const int error = ReplaceStandardDescriptors(status); error < 0) return error;
  return parked.valid() ? parked.Release() : fd;
}

int ListenTcp(const std::string& address, uint16_t port, int backlog, bool v6only) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  // Numeric only, so that nothing is asked of the network here.
  if (getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return -EINVAL;
  }
  sockaddr_storage name{};
  const int family = found->ai_family;
  const socklen_t bytes = found->ai_addrlen;
  std::memcpy(&name, found->ai_addr, bytes);
  freeaddrinfo(found);

  UniqueFd fd(socket(family, kSocketFlags, 0));
  if (!fd.valid()) return -errno;
  const int on = 1;
  if (setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) return -errno;
  if (family == AF_INET6) {
    const int only = v6only ? 1 : 0;
    if (setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) != 0) return -errno;
  }
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&name), bytes) != 0) return -errno;
  if (listen(fd.get(), backlog) != 0) return -errno;
  return fd.Release();
}

int ListenUnix(const std::string& path, int backlog, int mode) {
  UnixAddress name;
  if (const int error = name.Set(path); error < 0) return error;
  UniqueFd fd(socket(AF_UNIX, kSocketFlags, 0));
  if (!fd.valid()) return -errno;
  if (bind(fd.get(), name.get(), name.bytes) != 0) return -errno;
  const bool has_file = path[0] != '@';
  int error = 0;
  if (has_file && mode >= 0 && chmod(path.c_str(), static_cast<mode_t>(mode)) != 0) error = -errno;
  if (error == 0 && listen(fd.get(), backlog) != 0) error = -errno;
  if (error == 0) return fd.Release();
  if (has_file) unlink(path.c_str());  // We have just made it: bind() fails where a file exists.
  return error;
}

int ProbeUnix(const std::string& path) {
  UnixAddress name;
  if (const int error = name.Set(path); error < 0) return error;
  const UniqueFd fd(socket(AF_UNIX, kSocketFlags, 0));
  if (!fd.valid()) return -errno;
  if (connect(fd.get(), name.get(), name.bytes) == 0) return 0;
  return errno == EAGAIN ? 0 : -errno;  // EAGAIN: the backlog is full (connect(2)).
}

int DuplicateDescriptor(int fd) {
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  return copy < 0 ? -errno : copy;
}

int StopHandshakes(int fd) {
  // A socket filter sees the segment from its TCP header on; the flags are its fourteenth byte.
  constexpr uint32_t kFlagsOffset = 13;
  constexpr uint32_t kSyn = 0x02;
  constexpr uint32_t kAck = 0x10;
  constexpr uint32_t kWhole = 0xffffffff;
  sock_filter code[] = {
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, kFlagsOffset},
      {BPF_ALU | BPF_AND | BPF_K, 0, 0, kSyn | kAck},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, kSyn},
      {BPF_RET | BPF_K, 0, 0, 0},
      {BPF_RET | BPF_K, 0, 0, kWhole},
  };
  const sock_fprog program{sizeof(code) / sizeof(code[0]), code};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0 ? 0 : -errno;
}

int SendDatagram(const std::string& path, const std::string& text) {
  UnixAddress name;
  if (const int error = name.Set(path); error < 0) return error;
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return -errno;
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  const ssize_t sent = sendto(fd.get(), text.data(), text.size(), kFlags, name.get(), name.bytes);
  return sent < 0 ? -errno : 0;
}

int CloseDescriptor(int fd) {
  return close(fd) == 0 || errno == EINTR ? 0 : -errno;
}

}  // namespace chaussette
