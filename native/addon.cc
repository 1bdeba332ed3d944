// The addon's only entry: called once per environment, so any number of worker threads may load it.
#include <napi.h>

#include "acceptor_wrap.h"
#include "core_wrap.h"
#include "descriptor_wrap.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  chaussette::InitDescriptors(env, exports);
  chaussette::InitAcceptor(env, exports);
  chaussette::InitCore(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(chaussette, Init)
