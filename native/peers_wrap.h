#ifndef NATIVE_PEERS_WRAP_H_
#define NATIVE_PEERS_WRAP_H_

#include <napi.h>

#include <memory>

#include "core/peers.h"
#include "core/proxy_header.h"

namespace chaussette {

// Reads the networks that lib/proxies/networks.ts has checked: [address, bits, …].
std::unique_ptr<const Peers> MakePeers(const Napi::Array& networks, bool with_unix);

// One end of a connected socket: [address, port, family], or undefined.
Napi::Value ExportEnd(Napi::Env env, int fd, bool local);
// The same of a connection that came through a load balancer.
Napi::Value ExportProxiedEnd(Napi::Env env, const ProxiedEnds& ends, bool local);

}  // namespace chaussette

#endif  // NATIVE_PEERS_WRAP_H_
