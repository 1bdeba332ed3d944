#ifndef NATIVE_CORE_PROXY_HEADER_H_
#define NATIVE_CORE_PROXY_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/limits.h"

namespace chaussette {

// Both ends of a connection as a load balancer in front of us has seen them.
struct ProxiedEnds {
  struct End {
    uint8_t address[16] = {};  // IPv4 in the first four
    uint16_t port = 0;
  };
  // kOwn: it told of none, and the connection's own ends hold.
  enum class Family : uint8_t { kOwn, kIpv4, kIpv6, kUnix };
  End remote;
  End local;
  Family family = Family::kOwn;
};

// The header of the PROXY protocol, versions 1 and 2, that comes before the first
// byte of the client (haproxy.org, proxy-protocol.txt). The version is told by the
// first byte. TLVs are skipped; so is a checksum in them.
// Owner:    Proxied.
// Lifetime: from accept until the header is complete or bad.
// Limits:   kProxyLineBytesMax, kProxyHeaderBytesMax.
// Never:    takes a byte behind the header.
class ProxyHeader {
 public:
  enum class Outcome : uint8_t { kNeedMore, kComplete, kBad };

  // `taken`: how many of the bytes belong to the header.
  [[nodiscard]] Outcome Take(const char* from, size_t length, size_t* taken);
  // Whether a byte of it has come.
  bool begun() const { return count_ > 0; }
  // When it is complete.
  const ProxiedEnds& ends() const { return ends_; }

 private:
  Outcome TakeByte(uint8_t byte);
  Outcome TakeBinary(uint8_t byte);
  Outcome TakeText(uint8_t byte);
  bool ReadLengths();
  void ReadAddresses();
  bool ReadLine();

  uint8_t bytes_[kProxyLineBytesMax] = {};  // what is looked at again: no TLVs, no paths
  uint32_t count_ = 0;                      // taken
  uint32_t total_ = 0;                      // of version 2, when it is known
  ProxiedEnds ends_;
};

// What is kept of the load balancer in front of a connection.
struct Proxied {
  std::unique_ptr<ProxyHeader> header = std::make_unique<ProxyHeader>();  // until complete
  ProxiedEnds ends;
};

}  // namespace chaussette

#endif  // NATIVE_CORE_PROXY_HEADER_H_
