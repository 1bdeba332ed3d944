#ifndef NATIVE_INSTANCE_WRAP_H_
#define NATIVE_INSTANCE_WRAP_H_

#include <napi.h>

#include "core/check.h"
#include "core/core.h"
#include "host_wrap.h"

namespace chaussette {

// What one load of the addon keeps for its environment.
struct Instance {
  LlhttpFunctions llhttp;
  const char* llhttp_problem = nullptr;
  CoreHandle* handle = nullptr;
};

inline CoreHandle* HandleOf(const Napi::CallbackInfo& info) {
  Instance* instance = info.Env().GetInstanceData<Instance>();
  CHECK(instance->handle != nullptr);
  return instance->handle;
}

inline Core* CoreOf(const Napi::CallbackInfo& info) {
  return HandleOf(info)->core();
}

inline uint32_t Uint32Of(const Napi::CallbackInfo& info, size_t i) {
  CHECK(info.Length() > i && info[i].IsNumber());
  return info[i].As<Napi::Number>().Uint32Value();
}

}  // namespace chaussette

#endif  // NATIVE_INSTANCE_WRAP_H_
