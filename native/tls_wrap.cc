#include "tls_wrap.h"

namespace chaussette {
namespace {

std::string Text(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

std::string Bytes(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  if (!value.IsBuffer()) return std::string();
  const auto bytes = value.As<Napi::Buffer<char>>();
  return std::string(bytes.Data(), bytes.Length());
}

Napi::Value ExportBytes(Napi::Env env, const std::string& bytes) {
  return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
}

int Number(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().Int32Value() : 0;
}

bool Flag(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  return value.IsBoolean() && value.As<Napi::Boolean>().Value();
}

TlsOptions Read(const Napi::Object& given) {
  TlsOptions options;
  // [chain, key, chain, key, …]
  const auto identities = given.Get("identities").As<Napi::Array>();
  for (uint32_t i = 0; i + 1 < identities.Length(); i += 2) {
    options.identities.emplace_back(identities.Get(i).As<Napi::String>().Utf8Value(),
                                    identities.Get(i + 1).As<Napi::String>().Utf8Value());
  }
  options.passphrase = Text(given, "passphrase");
  options.authorities = Text(given, "authorities");
  options.ciphers = Text(given, "ciphers");
  options.cipher_suites = Text(given, "cipherSuites");
  options.groups = Text(given, "groups");
  options.ticket_keys = Bytes(given, "ticketKeys");
  options.protocols = Bytes(given, "protocols");
  options.version_min = Number(given, "versionMin");
  options.version_max = Number(given, "versionMax");
  options.prefer_own_ciphers = Flag(given, "preferOwnCiphers");
  options.request_certificate = Flag(given, "requestCertificate");
  options.require_certificate = Flag(given, "requireCertificate");
  return options;
}

Napi::Value ExportSession(Napi::Env env, const TlsSession& session) {
  Napi::Object exported = Napi::Object::New(env);
  exported.Set("protocol", session.protocol);
  exported.Set("cipher", session.cipher);
  exported.Set("cipherStandard", session.cipher_standard);
  exported.Set("cipherVersion", session.cipher_version);
  exported.Set("application", session.application);
  exported.Set("serverName", session.server_name);
  exported.Set("resumed", session.resumed);
  exported.Set("verifyError", static_cast<double>(session.verify_error));
  exported.Set("certificateAsked", session.certificate_asked);
  Napi::Array certificates = Napi::Array::New(env);
  for (const std::string& der : session.certificates) {
    certificates.Set(certificates.Length(), ExportBytes(env, der));
  }
  exported.Set("certificates", certificates);
  exported.Set("ownCertificate", ExportBytes(env, session.own_certificate));
  exported.Set("finished", ExportBytes(env, session.finished));
  exported.Set("peerFinished", ExportBytes(env, session.peer_finished));
  exported.Set("session", ExportBytes(env, session.session));
  Napi::Array signatures = Napi::Array::New(env);
  for (const std::string& name : session.shared_signatures) {
    signatures.Set(signatures.Length(), name);
  }
  exported.Set("sharedSignatures", signatures);
  return exported;
}

}  // namespace

std::unique_ptr<TlsContext> MakeTlsContext(const Napi::Object& given, std::string* problem) {
  if (const char* reason = TlsContext::Problem()) {
    *problem = reason;
    return nullptr;
  }
  std::unique_ptr<TlsContext> context = TlsContext::Create(Read(given), problem);
  if (context == nullptr) return nullptr;
  // [pattern, options, pattern, options, …]
  const auto names = given.Get("names").As<Napi::Array>();
  for (uint32_t i = 0; i + 1 < names.Length(); i += 2) {
    const std::string pattern = names.Get(i).As<Napi::String>().Utf8Value();
    const Napi::Value options = names.Get(i + 1);
    std::unique_ptr<TlsContext> other =
        TlsContext::Create(Read(options.As<Napi::Object>()), problem);
    if (other == nullptr) {
      *problem = pattern + ": " + *problem;
      return nullptr;
    }
    context->AddName(pattern, std::move(other));
  }
  return context;
}

// (number): what was agreed on; (number, bytes, label, context?): keying material;
// (number, bytes): whether records have no more from now on.
Napi::Value ExportTls(const Napi::CallbackInfo& info,
                      const TlsTransport& tls,
                      const Channel& channel) {
  const Napi::Env env = info.Env();
  if (info.Length() == 1) {
    TlsSession session;
    return tls.Describe(channel, &session) ? ExportSession(env, session) : env.Undefined();
  }
  const auto bytes = info[1].As<Napi::Number>().Int64Value();
  if (info.Length() == 2) return Napi::Boolean::New(env, tls.LimitRecords(channel, bytes));
  std::string material(static_cast<size_t>(bytes), '\0');
  std::string context;
  const bool has_context = info[3].IsBuffer();
  if (has_context) {
    const auto given = info[3].As<Napi::Buffer<char>>();
    context.assign(given.Data(), given.Length());
  }
  const std::string label = info[2].As<Napi::String>().Utf8Value();
  return tls.ExportKeys(channel, label, has_context ? &context : nullptr, &material)
             ? ExportBytes(env, material)
             : env.Undefined();
}

}  // namespace chaussette
