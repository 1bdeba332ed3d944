#ifndef NATIVE_TLS_WRAP_H_
#define NATIVE_TLS_WRAP_H_

#include <napi.h>

#include <memory>
#include <string>

#include "core/tls_context.h"
#include "core/tls_transport.h"

namespace chaussette {

// Reads the options that lib/native/tls.ts has checked. nullptr when OpenSSL
// refuses something: `problem` says what.
std::unique_ptr<TlsContext> MakeTlsContext(const Napi::Object& options, std::string* problem);

// Answers a question about the session on `channel`: tlsSession, tlsKeys and
// tlsRecordMax of lib/native/binding.ts.
Napi::Value ExportTls(const Napi::CallbackInfo& info,
                      const TlsTransport& tls,
                      const Channel& channel);

}  // namespace chaussette

#endif  // NATIVE_TLS_WRAP_H_
