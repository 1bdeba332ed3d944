#ifndef NATIVE_CORE_WRAP_H_
#define NATIVE_CORE_WRAP_H_

#include <napi.h>

namespace chaussette {

// Adds the functions of the core to the exports; lib/native/binding.ts has their
// types. Nothing is opened before openCore() is called.
void InitCore(Napi::Env env, Napi::Object exports);

}  // namespace chaussette

#endif  // NATIVE_CORE_WRAP_H_
