#include "peers_wrap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "core/check.h"

namespace chaussette {
namespace {

// `domain`: AF_INET, AF_INET6, or another one for Unix sockets, which have neither
// address nor port here.
Napi::Value Export(Napi::Env env, int domain, const void* address, uint32_t port) {
  char text[INET6_ADDRSTRLEN] = "";
  const bool ip = domain == AF_INET || domain == AF_INET6;
  if (ip) inet_ntop(domain, address, text, sizeof(text));
  const char* family = !ip ? "unix" : domain == AF_INET ? "IPv4" : "IPv6";
  Napi::Array result = Napi::Array::New(env, 3);
  result.Set(0u, Napi::String::New(env, text));
  result.Set(1u, Napi::Number::New(env, port));
  result.Set(2u, Napi::String::New(env, family));
  return result;
}

}  // namespace

std::unique_ptr<const Peers> MakePeers(const Napi::Array& networks, bool with_unix) {
  auto peers = std::make_unique<Peers>();
  if (with_unix) peers->AddUnix();
  for (uint32_t i = 0; i + 1 < networks.Length(); i += 2) {
    const std::string address = networks.Get(i).As<Napi::String>();
    CHECK(peers->AddNetwork(address.c_str(), networks.Get(i + 1).As<Napi::Number>()));
  }
  return peers;
}

Napi::Value ExportEnd(Napi::Env env, int fd, bool local) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const int error = local ? getsockname(fd, generic, &length) : getpeername(fd, generic, &length);
  if (error != 0) return env.Undefined();
  const auto* in = reinterpret_cast<const sockaddr_in*>(&address);
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&address);
  switch (address.ss_family) {
    case AF_INET: return Export(env, AF_INET, &in->sin_addr, ntohs(in->sin_port));
    case AF_INET6: return Export(env, AF_INET6, &in6->sin6_addr, ntohs(in6->sin6_port));
    default: return Export(env, AF_UNIX, nullptr, 0);
  }
}

Napi::Value ExportProxiedEnd(Napi::Env env, const ProxiedEnds& ends, bool local) {
  const ProxiedEnds::End& end = local ? ends.local : ends.remote;
  const int domain = ends.family == ProxiedEnds::Family::kIpv4   ? AF_INET
                     : ends.family == ProxiedEnds::Family::kIpv6 ? AF_INET6
                                                                 : AF_UNIX;
  return Export(env, domain, end.address, end.port);
}

}  // namespace chaussette
