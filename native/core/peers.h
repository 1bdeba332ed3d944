#ifndef NATIVE_CORE_PEERS_H_
#define NATIVE_CORE_PEERS_H_

#include <cstdint>
#include <vector>

namespace chaussette {

// Whom a server expects something of: networks of IP addresses, and those on Unix
// sockets.
// Owner:    Server::proxy_peers.
// Lifetime: from SetProxyPeers until the server goes.
// Limits:   as many networks as the command line has.
// Never:    changes once a server has it.
class Peers {
 public:
  // `text`: an IPv4 or IPv6 address. False when it is none, or has fewer bits.
  [[nodiscard]] bool AddNetwork(const char* text, uint32_t bits);
  void AddUnix() { unix_ = true; }
  // Whether the other end of a connected socket is one of them.
  bool HasPeerOf(int fd) const;

 private:
  struct Network {
    uint8_t address[16];  // IPv4 mapped (RFC 4291 §2.5.5.2)
    uint32_t bits;
  };

  bool Has(const uint8_t* address) const;

  std::vector<Network> networks_;
  bool unix_ = false;
};

}  // namespace chaussette

#endif  // NATIVE_CORE_PEERS_H_
