#ifndef NATIVE_CONNECTION_WRAP_H_
#define NATIVE_CONNECTION_WRAP_H_

#include <napi.h>

namespace chaussette {

// Adds what JavaScript asks of one connection, by its number, to the exports;
// lib/native/binding.ts has the types.
void InitConnections(Napi::Env env, Napi::Object exports);

}  // namespace chaussette

#endif  // NATIVE_CONNECTION_WRAP_H_
