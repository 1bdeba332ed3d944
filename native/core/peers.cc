#include "core/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace chaussette {
namespace {

constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void MapIpv4(const void* address, uint8_t* to) {
  memcpy(to, kMapped, sizeof(kMapped));
  memcpy(to + sizeof(kMapped), address, 4);
}

}  // namespace

bool Peers::AddNetwork(const char* text, uint32_t bits) {
  Network network;
  uint8_t address[16];
  if (inet_pton(AF_INET, text, address) == 1) {
    MapIpv4(address, network.address);
    network.bits = 96 + bits;
  } else if (inet_pton(AF_INET6, text, network.address) == 1) {
    network.bits = bits;
  } else {
    return false;
  }
  networks_.push_back(network);
  return network.bits <= 128;
}

bool Peers::Has(const uint8_t* address) const {
  for (const Network& network : networks_) {
    const uint32_t bytes = network.bits / 8;
    const uint32_t rest = network.bits % 8;
    if (memcmp(network.address, address, bytes) != 0) continue;
    const auto differing = static_cast<uint32_t>(
        rest == 0 ? 0 : (network.address[bytes] ^ address[bytes]) >> (8 - rest));
    if (differing == 0) return true;
  }
  return false;
}

bool Peers::HasPeerOf(int fd) const {
  sockaddr_storage peer{};
  socklen_t length = sizeof(peer);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0) return false;
  if (peer.ss_family == AF_INET6) {
    return Has(reinterpret_cast<const sockaddr_in6*>(&peer)->sin6_addr.s6_addr);
  }
  if (peer.ss_family != AF_INET) return unix_;
  uint8_t address[16];
  MapIpv4(&reinterpret_cast<const sockaddr_in*>(&peer)->sin_addr, address);
  return Has(address);
}

}  // namespace chaussette
