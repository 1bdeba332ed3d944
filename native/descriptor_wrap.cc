#include "descriptor_wrap.h"

#include <cstdint>
#include <string>

#include "core/check.h"
#include "core/descriptor.h"

namespace chaussette {

namespace {

// lib/sockets/ has validated the arguments: a wrong one is our own bug.
int Int(const Napi::CallbackInfo& info, size_t index) {
  CHECK(info[index].IsNumber());
  return info[index].As<Napi::Number>().Int32Value();
}

bool Bool(const Napi::CallbackInfo& info, size_t index) {
  CHECK(info[index].IsBoolean());
  return info[index].As<Napi::Boolean>().Value();
}

std::string String(const Napi::CallbackInfo& info, size_t index) {
  CHECK(info[index].IsString());
  return info[index].As<Napi::String>().Utf8Value();
}

const char* NameOf(DescriptorKind kind) {
  switch (kind) {
    case DescriptorKind::kSocket: return "socket";
    case DescriptorKind::kFile: return "file";
    case DescriptorKind::kDirectory: return "directory";
    case DescriptorKind::kPipe: return "pipe";
    case DescriptorKind::kCharacterDevice: return "character device";
    case DescriptorKind::kBlockDevice: return "block device";
    case DescriptorKind::kOther: return "other";
  }
  return "other";
}

const char* NameOf(SocketFamily family) {
  switch (family) {
    case SocketFamily::kInet: return "inet";
    case SocketFamily::kInet6: return "inet6";
    case SocketFamily::kUnix: return "unix";
    case SocketFamily::kOther: return "other";
  }
  return "other";
}

const char* NameOf(SocketType type) {
  switch (type) {
    case SocketType::kStream: return "stream";
    case SocketType::kDgram: return "dgram";
    case SocketType::kSeqpacket: return "seqpacket";
    case SocketType::kRaw: return "raw";
    case SocketType::kOther: return "other";
  }
  return "other";
}

Napi::Value Inspect(const Napi::CallbackInfo& info) {
  DescriptorInfo found;
  const int error = InspectDescriptor(Int(info, 0), &found);
  if (error < 0) return Napi::Number::New(info.Env(), error);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("kind", NameOf(found.kind));
  if (found.kind != DescriptorKind::kSocket) return result;
  result.Set("family", NameOf(found.family));
  result.Set("type", NameOf(found.type));
  result.Set("bound", found.bound);
  result.Set("listening", found.listening);
  result.Set("reusePort", found.reuse_port);
  if (found.family == SocketFamily::kInet || found.family == SocketFamily::kInet6) {
    result.Set("address", found.address);
    result.Set("port", found.port);
  } else if (found.family == SocketFamily::kUnix) {
    result.Set("path", found.path);
  }
  return result;
}

Napi::Value Adopt(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), AdoptListener(Int(info, 0), Int(info, 1)));
}

Napi::Value TcpListener(const Napi::CallbackInfo& info) {
  const int port = Int(info, 1);
  CHECK(port >= 0 && port <= UINT16_MAX);
  const int fd =
      ListenTcp(String(info, 0), static_cast<uint16_t>(port), Int(info, 2), Bool(info, 3));
  return Napi::Number::New(info.Env(), fd);
}

Napi::Value UnixListener(const Napi::CallbackInfo& info) {
  const int fd = ListenUnix(String(info, 0), Int(info, 1), Int(info, 2));
  return Napi::Number::New(info.Env(), fd);
}

Napi::Value Probe(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), ProbeUnix(String(info, 0)));
}

Napi::Value Duplicate(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), DuplicateDescriptor(Int(info, 0)));
}

Napi::Value Quieten(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), StopHandshakes(Int(info, 0)));
}

Napi::Value Datagram(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), SendDatagram(String(info, 0), String(info, 1)));
}

Napi::Value Close(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), CloseDescriptor(Int(info, 0)));
}

}  // namespace

void InitDescriptors(Napi::Env env, Napi::Object exports) {
  exports.Set("inspect", Napi::Function::New<Inspect>(env, "inspect"));
  exports.Set("adopt", Napi::Function::New<Adopt>(env, "adopt"));
  exports.Set("listenTcp", Napi::Function::New<TcpListener>(env, "listenTcp"));
  exports.Set("listenUnix", Napi::Function::New<UnixListener>(env, "listenUnix"));
  exports.Set("probeUnix", Napi::Function::New<Probe>(env, "probeUnix"));
  exports.Set("duplicate", Napi::Function::New<Duplicate>(env, "duplicate"));
  exports.Set("stopHandshakes", Napi::Function::New<Quieten>(env, "stopHandshakes"));
  exports.Set("sendDatagram", Napi::Function::New<Datagram>(env, "sendDatagram"));
  exports.Set("close", Napi::Function::New<Close>(env, "close"));
}

}  // namespace chaussette
