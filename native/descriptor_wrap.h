#ifndef CHAUSSETTE_DESCRIPTOR_WRAP_H_
#define CHAUSSETTE_DESCRIPTOR_WRAP_H_

#include <napi.h>

namespace chaussette {

// Adds `DescriptorFunctions` of lib/native/binding.ts to `exports`.
void InitDescriptors(Napi::Env env, Napi::Object exports);

}  // namespace chaussette

#endif  // CHAUSSETTE_DESCRIPTOR_WRAP_H_
