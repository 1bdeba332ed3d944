#ifndef NATIVE_ACCEPTOR_WRAP_H_
#define NATIVE_ACCEPTOR_WRAP_H_

#include <napi.h>

namespace chaussette {

// Adds openAcceptor() to the addon.
void InitAcceptor(Napi::Env env, Napi::Object exports);

}  // namespace chaussette

#endif  // NATIVE_ACCEPTOR_WRAP_H_
