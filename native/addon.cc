// The addon's only entry: called once per environment, so any number of worker threads may load it.
#include <napi.h>

#include "acceptor_wrap.h"
#include "connection_wrap.h"
#include "core_wrap.h"
#include "descriptor_wrap.h"

namespace {

// fatalException(error): what an error is that nobody catches.
void FatalException(const Napi::CallbackInfo& info) {
  napi_fatal_exception(info.Env(), info[0]);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  chaussette::InitDescriptors(env, exports);
  chaussette::InitAcceptor(env, exports);
  chaussette::InitCore(env, exports);
  chaussette::InitConnections(env, exports);
  exports.Set("fatalException", Napi::Function::New(env, FatalException));
  return exports;
}

}  // namespace

NODE_API_MODULE(chaussette, Init)
