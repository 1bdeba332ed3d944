#include "connection_wrap.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "instance_wrap.h"
#include "peers_wrap.h"
#include "tls_wrap.h"

namespace chaussette {
namespace {

// The connection with the number that is the first argument, or nullptr. What
// JavaScript has said so far has happened to it.
Connection* ConnectionOf(const Napi::CallbackInfo& info) {
  Core* core = CoreOf(info);
  core->RunCommands();
  return core->FindConnection(Uint32Of(info, 0));
}

// watchConnection(number): tell of its end. Whether it is still to come.
Napi::Value WatchConnection(const Napi::CallbackInfo& info) {
  Connection* connection = ConnectionOf(info);
  const bool there = connection != nullptr && connection->state != ConnectionState::kClosed;
  if (there) connection->end_wanted = true;
  return Napi::Boolean::New(info.Env(), there);
}

// keepAliveConnection(number, on, seconds until the first): TCP's probes, as libuv
// sets them (tcp(7)).
void KeepAliveConnection(const Napi::CallbackInfo& info) {
  const Connection* connection = ConnectionOf(info);
  if (connection == nullptr) return;
  const int fd = connection->channel.fd;
  const int on = info[1].As<Napi::Boolean>().Value() ? 1 : 0;
  const int seconds = info[2].As<Napi::Number>().Int32Value();
  const int apart_seconds = 1;
  const int probes_max = 10;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  if (on == 0 || seconds <= 0) return;
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &apart_seconds, sizeof(apart_seconds));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes_max, sizeof(probes_max));
}

// resetConnection(number): close(2) sends RST from now on (SO_LINGER, socket(7)).
void ResetConnection(const Napi::CallbackInfo& info) {
  const Connection* connection = ConnectionOf(info);
  if (connection == nullptr) return;
  const linger at_once{1, 0};
  setsockopt(connection->channel.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

// tapConnection(number): hand on a copy of all that is received.
void TapConnection(const Napi::CallbackInfo& info) {
  Connection* connection = ConnectionOf(info);
  if (connection != nullptr) connection->tapped = true;
}

// measureConnection(number): [bytes in, bytes out, ms since the last of them, bytes
// not sent yet], or undefined.
Napi::Value MeasureConnection(const Napi::CallbackInfo& info) {
  const Connection* c = ConnectionOf(info);
  if (c == nullptr) return info.Env().Undefined();
  Napi::Array result = Napi::Array::New(info.Env(), 4);
  const uint64_t numbers[] = {
      c->bytes_in, c->queue_end(), CoreOf(info)->IdleMs(*c), c->out.bytes()};
  for (uint32_t i = 0; i < 4; i++) {
    result.Set(i, Napi::Number::New(info.Env(), static_cast<double>(numbers[i])));
  }
  return result;
}

// refConnection(number, on): whether it keeps the process alive.
void RefConnection(const Napi::CallbackInfo& info) {
  Connection* connection = ConnectionOf(info);
  if (connection != nullptr) connection->unrefd = !info[1].As<Napi::Boolean>().Value();
}

// releaseConnection(number): its descriptor, or -1.
Napi::Value ReleaseConnection(const Napi::CallbackInfo& info) {
  Connection* connection = ConnectionOf(info);
  const int fd = connection == nullptr ? -1 : CoreOf(info)->Release(connection);
  return Napi::Number::New(info.Env(), fd);
}

// writeConnection(number, bytes): past the exchanges; whether there is room for more.
Napi::Value WriteConnection(const Napi::CallbackInfo& info) {
  Connection* connection = ConnectionOf(info);
  const auto bytes = info[1].As<Napi::Uint8Array>();
  const char* data = reinterpret_cast<const char*>(bytes.Data());
  const bool room =
      connection == nullptr || CoreOf(info)->WriteRaw(connection, data, bytes.ByteLength());
  return Napi::Boolean::New(info.Env(), room);
}

// endConnection(number, cut, half).
void EndConnection(const Napi::CallbackInfo& info) {
  Connection* c = ConnectionOf(info);
  if (c != nullptr) CoreOf(info)->End(c, info[1].ToBoolean(), info[2].ToBoolean());
}

// endpoint(number, local): [address, port, family] or undefined.
Napi::Value Endpoint(const Napi::CallbackInfo& info) {
  const Connection* connection = CoreOf(info)->FindConnection(Uint32Of(info, 0));
  if (connection == nullptr) return info.Env().Undefined();
  const bool local = info[1].As<Napi::Boolean>().Value();
  const Proxied* proxied = connection->proxied.get();
  if (proxied != nullptr && proxied->ends.family != ProxiedEnds::Family::kOwn) {
    return ExportProxiedEnd(info.Env(), proxied->ends, local);
  }
  return ExportEnd(info.Env(), connection->channel.fd, local);
}

// tlsSession, tlsKeys, tlsRecordMax: see ExportTls.
Napi::Value AskTls(const Napi::CallbackInfo& info) {
  const Connection* connection = CoreOf(info)->FindConnection(Uint32Of(info, 0));
  const TlsTransport* tls = connection == nullptr ? nullptr : CoreOf(info)->TlsOf(*connection);
  return tls == nullptr ? info.Env().Undefined() : ExportTls(info, *tls, connection->channel);
}

}  // namespace

void InitConnections(Napi::Env env, Napi::Object exports) {
  exports.Set("watchConnection", Napi::Function::New(env, WatchConnection));
  exports.Set("keepAliveConnection", Napi::Function::New(env, KeepAliveConnection));
  exports.Set("resetConnection", Napi::Function::New(env, ResetConnection));
  exports.Set("tapConnection", Napi::Function::New(env, TapConnection));
  exports.Set("measureConnection", Napi::Function::New(env, MeasureConnection));
  exports.Set("releaseConnection", Napi::Function::New(env, ReleaseConnection));
  exports.Set("writeConnection", Napi::Function::New(env, WriteConnection));
  exports.Set("endConnection", Napi::Function::New(env, EndConnection));
  for (const char* name : {"tlsSession", "tlsKeys", "tlsRecordMax"}) {
    exports.Set(name, Napi::Function::New(env, AskTls));
  }
  exports.Set("endpoint", Napi::Function::New(env, Endpoint));
  exports.Set("refConnection", Napi::Function::New(env, RefConnection));
}

}  // namespace chaussette
