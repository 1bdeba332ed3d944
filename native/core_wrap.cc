#include "core_wrap.h"

#include <memory>

#include "core/check.h"
#include "core/core.h"
#include "core/response_head.h"
#include "instance_wrap.h"
#include "layout_export.h"
#include "peers_wrap.h"
#include "stats_export.h"
#include "tls_wrap.h"

namespace chaussette {
namespace {

template <typename T>
T* MemoryOf(const Napi::Object& holder, const char* name, size_t bytes) {
  const Napi::Value value = holder.Get(name);
  CHECK(value.IsArrayBuffer());
  Napi::ArrayBuffer buffer = value.As<Napi::ArrayBuffer>();
  CHECK(buffer.ByteLength() == bytes);
  return static_cast<T*>(buffer.Data());
}

Napi::Value LlhttpProblem(const Napi::CallbackInfo& info) {
  Instance* instance = info.Env().GetInstanceData<Instance>();
  const char* problem = instance->llhttp_problem;
  return Napi::String::New(info.Env(), problem == nullptr ? "" : problem);
}

// openCore(memory, slots, blocks, onTurn): 0 or a negated errno.
Napi::Value OpenCore(const Napi::CallbackInfo& info) {
  Instance* instance = info.Env().GetInstanceData<Instance>();
  CHECK(instance->handle == nullptr && instance->llhttp_problem == nullptr);
  const Napi::Object holder = info[0].As<Napi::Object>();
  constexpr size_t kWord = sizeof(uint32_t);
  const SharedMemory memory{
      MemoryOf<char>(holder, "arena", kArenaBytes),
      MemoryOf<uint32_t>(holder, "records", kRecordsMax * kRecordWords * kWord),
      MemoryOf<uint32_t>(holder, "headers", kHeadersMax * kHeaderWords * kWord),
      MemoryOf<char>(holder, "commands", kCommandBytes),
      MemoryOf<uint32_t>(holder, "control", kControlWords * kWord),
      MemoryOf<uint32_t>(holder, "ends", kEndsMax * kEndWords * kWord),
      MemoryOf<char>(holder, "endText", kEndTextBytes)};
  auto* handle = new CoreHandle(info.Env(), instance->llhttp, memory);
  const int error = handle->Open(
      holder, info[1].As<Napi::Array>(), info[2].As<Napi::Array>(), info[3].As<Napi::Function>());
  if (error == 0) {
    instance->handle = handle;
  } else {
    delete handle;
  }
  return Napi::Number::New(info.Env(), error);
}

// keepAliveMs, headMs, bodyMs, writeMs, headBytesMax, connectionsMax,
// bodyBytesMax, requestsMax, headersMax, keepAliveSlackMs, checkMs, from argument
// `first` on.
ServerLimits LimitsOf(const Napi::CallbackInfo& info, size_t first) {
  ServerLimits limits;
  limits.keep_alive_ms = Uint32Of(info, first);
  limits.head_ms = Uint32Of(info, first + 1);
  limits.body_ms = Uint32Of(info, first + 2);
  limits.write_ms = Uint32Of(info, first + 3);
  limits.head_bytes_max = Uint32Of(info, first + 4);
  limits.connections_max = Uint32Of(info, first + 5);
  limits.body_bytes_max = static_cast<uint64_t>(info[first + 6].As<Napi::Number>().Int64Value());
  limits.requests_max = Uint32Of(info, first + 7);
  limits.headers_max = Uint32Of(info, first + 8);
  limits.keep_alive_slack_ms = Uint32Of(info, first + 9);
  limits.check_ms = Uint32Of(info, first + 10);
  return limits;
}

// addServer(limits…): its tag.
Napi::Value AddServer(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), HandleOf(info)->AddServer(LimitsOf(info, 0)));
}

Server* ServerOf(const Napi::CallbackInfo& info) {
  Server* server = CoreOf(info)->FindServer(Uint32Of(info, 0));
  CHECK(server != nullptr);
  return server;
}

// forgetServer(tag): its last connection is closed.
void ForgetServer(const Napi::CallbackInfo& info) {
  HandleOf(info)->ForgetServer(Uint32Of(info, 0));
  ServerOf(info)->tls.reset();  // those that linger have it still
}

Napi::Value AddListener(const Napi::CallbackInfo& info) {
  const int fd = info[1].As<Napi::Number>().Int32Value();
  const bool shared = info[2].As<Napi::Boolean>().Value();
  return Napi::Number::New(info.Env(), CoreOf(info)->AddListener(ServerOf(info), fd, shared));
}

void SetLimits(const Napi::CallbackInfo& info) {
  ServerOf(info)->SetLimits(LimitsOf(info, 1));
}

// setStyle(tag, bits of ServerStyle).
void SetStyle(const Napi::CallbackInfo& info) {
  CoreOf(info)->SetStyle(ServerOf(info), Uint32Of(info, 1));
}

// unsentBytes(index, generation): of its response, and of what is in front of it once it
// is the first of its connection; undefined when the exchange has ended.
Napi::Value UnsentBytes(const Napi::CallbackInfo& info) {
  Core* core = CoreOf(info);
  core->RunCommands();
  const Exchange* e = core->exchanges().Find(Uint32Of(info, 0), Uint32Of(info, 1));
  if (e == nullptr) return info.Env().Undefined();
  const Connection* c = core->ConnectionOf(*e);
  const OutQueue& unsent = c->first_exchange == e->index ? c->out : e->out;
  return Napi::Number::New(info.Env(), static_cast<double>(unsent.bytes()));
}

Napi::Value EndBehindOthers(const Napi::CallbackInfo& info) {
  const uint32_t waits = CoreOf(info)->EndBehindOthers(Uint32Of(info, 0), Uint32Of(info, 1));
  return Napi::Number::New(info.Env(), waits);
}

Napi::Value Reason(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), ReasonOf(info[0].As<Napi::Number>().Uint32Value()));
}

void CloseIdle(const Napi::CallbackInfo& info) {
  CoreOf(info)->RequestCloseIdle(ServerOf(info), info[1].As<Napi::Boolean>().Value());
}

void Drain(const Napi::CallbackInfo& info) {
  CoreOf(info)->Drain(ServerOf(info));
}

Napi::Value Cut(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), CoreOf(info)->Cut(ServerOf(info)));
}

void RunCommands(const Napi::CallbackInfo& info) {
  CoreOf(info)->RunCommands();
}

void Flush(const Napi::CallbackInfo& info) {
  HandleOf(info)->Flush();
}

void SetRef(const Napi::CallbackInfo& info) {
  HandleOf(info)->SetRef(info[0].As<Napi::Boolean>().Value());
}

// stats(tag): see lib/native/binding.ts.
Napi::Value Stats(const Napi::CallbackInfo& info) {
  return ExportStats(info.Env(), *CoreOf(info), *ServerOf(info));
}

// measures(tag), or undefined.
Napi::Value MeasuresOf(const Napi::CallbackInfo& info) {
  return ExportMeasures(info.Env(), *ServerOf(info));
}

// flushEnds(): puts the ends so far into the shared memory, and returns their number.
Napi::Value FlushEnds(const Napi::CallbackInfo& info) {
  Core* core = CoreOf(info);
  core->ends().HandOver();
  return Napi::Number::New(info.Env(), core->memory().control[kControlEnds]);
}

// openExchanges(tag): index, generation and age in milliseconds, in turn.
Napi::Value OpenExchanges(const Napi::CallbackInfo& info) {
  Core* core = CoreOf(info);
  const Server* server = ServerOf(info);
  Napi::Array open = Napi::Array::New(info.Env());
  for (uint32_t i = 0; i < core->exchanges().size(); i++) {
    const Exchange& e = *core->exchanges().at(i);
    if (!e.in_use || core->ConnectionOf(e)->server != server) continue;
    for (const uint32_t number : {e.index, e.generation, core->AgeMs(e)}) {
      open.Set(open.Length(), Napi::Number::New(info.Env(), number));
    }
  }
  return open;
}

// descriptorEndpoint(fd, local): the same.
Napi::Value DescriptorEndpoint(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>().Int32Value();
  return ExportEnd(info.Env(), fd, info[1].As<Napi::Boolean>().Value());
}

// setProxyPeers(tag, [address, bits, …], unix).
void SetProxyPeers(const Napi::CallbackInfo& info) {
  const bool with_unix = info[2].As<Napi::Boolean>().Value();
  ServerOf(info)->proxy_peers = MakePeers(info[1].As<Napi::Array>(), with_unix);
}

// takeOver(index, generation): [fd, head] or undefined.
Napi::Value TakeOver(const Napi::CallbackInfo& info) {
  Core* core = CoreOf(info);
  // What this turn has answered so far may be all that stands in front of it.
  core->RunCommands();
  Exchange* exchange = core->exchanges().Find(Uint32Of(info, 0), Uint32Of(info, 1));
  int fd = -1;
  std::string head;
  if (exchange == nullptr || !core->TakeOver(exchange, &fd, &head)) return info.Env().Undefined();
  Napi::Array result = Napi::Array::New(info.Env(), 2);
  result.Set(0u, Napi::Number::New(info.Env(), fd));
  result.Set(1u, Napi::Buffer<char>::Copy(info.Env(), head.data(), head.size()));
  return result;
}

// tunnel(index, generation): the bytes behind the request, or undefined.
Napi::Value Tunnel(const Napi::CallbackInfo& info) {
  Core* core = CoreOf(info);
  core->RunCommands();
  Exchange* exchange = core->exchanges().Find(Uint32Of(info, 0), Uint32Of(info, 1));
  std::string head;
  if (exchange == nullptr || !core->Tunnel(exchange, &head)) return info.Env().Undefined();
  return Napi::Buffer<char>::Copy(info.Env(), head.data(), head.size());
}

// setTls(tag, options): empty, or what is wrong with the options.
Napi::Value SetTls(const Napi::CallbackInfo& info) {
  std::string problem;
  std::unique_ptr<TlsContext> context = MakeTlsContext(info[1].As<Napi::Object>(), &problem);
  if (context != nullptr) CoreOf(info)->SetTls(ServerOf(info), std::move(context));
  return Napi::String::New(info.Env(), problem);
}

}  // namespace

void InitCore(Napi::Env env, Napi::Object exports) {
  auto* instance = new Instance;
  instance->llhttp_problem = LoadLlhttp(&instance->llhttp);
  env.SetInstanceData(instance);
  exports.Set("layout", ExportLayout(env));
  exports.Set("llhttpProblem", Napi::Function::New(env, LlhttpProblem));
  exports.Set("openCore", Napi::Function::New(env, OpenCore));
  exports.Set("addServer", Napi::Function::New(env, AddServer));
  exports.Set("forgetServer", Napi::Function::New(env, ForgetServer));
  exports.Set("addListener", Napi::Function::New(env, AddListener));
  exports.Set("setLimits", Napi::Function::New(env, SetLimits));
  exports.Set("setStyle", Napi::Function::New(env, SetStyle));
  exports.Set("unsentBytes", Napi::Function::New(env, UnsentBytes));
  exports.Set("endBehindOthers", Napi::Function::New(env, EndBehindOthers));
  exports.Set("reasonOf", Napi::Function::New(env, Reason));
  exports.Set("closeIdle", Napi::Function::New(env, CloseIdle));
  exports.Set("drain", Napi::Function::New(env, Drain));
  exports.Set("cut", Napi::Function::New(env, Cut));
  exports.Set("runCommands", Napi::Function::New(env, RunCommands));
  exports.Set("sendNow", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Napi::Number::New(info.Env(), CoreOf(info)->SendNow());
              }));
  exports.Set("flush", Napi::Function::New(env, Flush));
  exports.Set("setRef", Napi::Function::New(env, SetRef));
  exports.Set("stats", Napi::Function::New(env, Stats));
  exports.Set("measures", Napi::Function::New(env, MeasuresOf));
  exports.Set("flushEnds", Napi::Function::New(env, FlushEnds));
  exports.Set("openExchanges", Napi::Function::New(env, OpenExchanges));
  exports.Set("takeOver", Napi::Function::New(env, TakeOver));
  exports.Set("tunnel", Napi::Function::New(env, Tunnel));
  exports.Set("setProxyPeers", Napi::Function::New(env, SetProxyPeers));
  exports.Set("setTls", Napi::Function::New(env, SetTls));
  exports.Set("descriptorEndpoint", Napi::Function::New(env, DescriptorEndpoint));
}

}  // namespace chaussette
