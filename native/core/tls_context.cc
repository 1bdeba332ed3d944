#include "core/tls_context.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <strings.h>

#include <cstring>

#include "core/check.h"
#include "core/glibc_floor.h"

namespace chaussette {
namespace {

template <auto kFree>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;
using CertificatePtr = std::unique_ptr<X509, Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

BioPtr Open(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// The newest entry of OpenSSL's error queue, which is emptied.
std::string Reason(const char* what) {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  ERR_clear_error();
  return std::string(what) + ": " + (reason != nullptr ? reason : "not usable");
}

int Passphrase(char* to, int room, int, void* given) {
  const auto* passphrase = static_cast<const std::string*>(given);
  if (passphrase->size() > static_cast<size_t>(room)) return -1;
  memcpy(to, passphrase->data(), passphrase->size());
  return static_cast<int>(passphrase->size());
}

// The first certificate is the server's own, the others lead to its root.
bool UseChain(SSL_CTX* context, const std::string& pem, std::string* problem) {
  const BioPtr bio = Open(pem);
  CertificatePtr own(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr));
  if (own == nullptr || SSL_CTX_use_certificate(context, own.get()) != 1) {
    *problem = Reason("the certificate cannot be read");
    return false;
  }
  SSL_CTX_clear_chain_certs(context);
  while (true) {
    CertificatePtr next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (next == nullptr) break;
    if (SSL_CTX_add1_chain_cert(context, next.get()) != 1) {
      *problem = Reason("the certificate chain cannot be used");
      return false;
    }
  }
  ERR_clear_error();  // "no start line": the end of the file
  return true;
}

bool UseKey(SSL_CTX* context,
            const std::string& pem,
            const std::string& passphrase,
            std::string* problem) {
  const BioPtr bio = Open(pem);
  KeyPtr key(PEM_read_bio_PrivateKey(
      bio.get(), nullptr, Passphrase, const_cast<std::string*>(&passphrase)));
  if (key == nullptr) {
    *problem = Reason("the private key cannot be read");
    return false;
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    *problem = Reason("the private key does not belong to the certificate");
    return false;
  }
  return true;
}

bool UseAuthorities(SSL_CTX* context, const std::string& pem, std::string* problem) {
  const BioPtr bio = Open(pem);
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int count = 0;
  while (true) {
    CertificatePtr authority(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr));
    if (authority == nullptr) break;
    X509_STORE_add_cert(store, authority.get());
    // The names that a client is told, so that it can choose its certificate.
    SSL_CTX_add_client_CA(context, authority.get());
    count++;
  }
  if (count == 0) {
    *problem = Reason("the certificates of the authorities cannot be read");
    return false;
  }
  ERR_clear_error();
  return true;
}

// Ours is taken when the client offers it; what it offers without ours is refused
// (RFC 7301 §3.2).
int SelectProtocol(SSL*,
                   const unsigned char** chosen,
                   unsigned char* chosen_length,
                   const unsigned char* offered,
                   unsigned int offered_length,
                   void* self) {
  const std::string& own = static_cast<const TlsContext*>(self)->protocols();
  unsigned char* found = nullptr;
  const int result = SSL_select_next_proto(&found,
                                           chosen_length,
                                           reinterpret_cast<const unsigned char*>(own.data()),
                                           static_cast<unsigned int>(own.size()),
                                           offered,
                                           offered_length);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int SelectName(SSL* ssl, int*, void* self) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  const TlsContext* other =
      name != nullptr ? static_cast<const TlsContext*>(self)->FindName(name) : nullptr;
  if (other != nullptr) SSL_set_SSL_CTX(ssl, other->get());
  return SSL_TLSEXT_ERR_OK;
}

// What OpenSSL does with keys of its own, but for one thing: a session that is resumed
// gets no new ticket with TLS 1.3 either, as with node:https. Clients that compare or
// count sessions rely on it; all of a session's resumptions end with its first ticket.
int SealTicket(SSL* ssl,
               unsigned char* name,
               unsigned char* iv,
               EVP_CIPHER_CTX* cipher,
               EVP_MAC_CTX* mac,
               int sealing) {
  const auto* self = static_cast<const TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const TicketKeys& keys = self->ticket_keys();
  if (sealing != 0) {
    memcpy(name, keys.name, sizeof(keys.name));
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  } else if (memcmp(name, keys.name, sizeof(keys.name)) != 0) {
    return 0;  // of other keys: a full handshake
  }
  char digest[] = "SHA256";
  const OSSL_PARAM mac_settings[] = {
      OSSL_PARAM_construct_octet_string(
          OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(keys.mac), sizeof(keys.mac)),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  if (EVP_MAC_CTX_set_params(mac, mac_settings) != 1) return -1;
  return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, keys.cipher, iv, sealing) == 1 ? 1
                                                                                              : -1;
}

// A certificate that is not believed is for JavaScript to judge (`authorized`).
int AcceptAny(int, X509_STORE_CTX*) {
  return 1;
}

bool UseRules(SSL_CTX* context, const TlsOptions& options, std::string* problem) {
  SSL_CTX_set_min_proto_version(context,
                                options.version_min != 0 ? options.version_min : TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context, options.version_max);
  uint64_t flags = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                   // A connection that ends without the alert is cut; the framing
                   // of HTTP shows what is missing (RFC 9112 §9.8).
                   SSL_OP_IGNORE_UNEXPECTED_EOF;
  if (options.prefer_own_ciphers) flags |= SSL_OP_CIPHER_SERVER_PREFERENCE;
  SSL_CTX_set_options(context, flags);
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                       SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_dh_auto(context, 1);
  // Sessions are resumed by tickets, which any worker with the same keys can read.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // What a ticket says of the client's certificate was judged by these rules; by
  // others it is judged anew.
  const std::string rules = options.authorities + (options.request_certificate ? "+" : "-") +
                            (options.require_certificate ? "!" : "?");
  unsigned char digest[SSL_MAX_SID_CTX_LENGTH];
  CHECK(EVP_Digest(rules.data(), rules.size(), digest, nullptr, EVP_sha256(), nullptr) == 1);
  SSL_CTX_set_session_id_context(context, digest, sizeof(digest));
  if (!options.ciphers.empty() && SSL_CTX_set_cipher_list(context, options.ciphers.c_str()) != 1) {
    *problem = Reason("the ciphers are not valid");
    return false;
  }
  if (!options.cipher_suites.empty() &&
      SSL_CTX_set_ciphersuites(context, options.cipher_suites.c_str()) != 1) {
    *problem = Reason("the cipher suites are not valid");
    return false;
  }
  if (!options.groups.empty() && SSL_CTX_set1_groups_list(context, options.groups.c_str()) != 1) {
    *problem = Reason("the groups are not valid");
    return false;
  }
  int verify = SSL_VERIFY_NONE;
  if (options.request_certificate) verify = SSL_VERIFY_PEER;
  if (options.require_certificate) verify = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(context, verify, options.require_certificate ? nullptr : AcceptAny);
  return true;
}

bool SameName(const std::string& pattern, const char* name) {
  if (pattern.compare(0, 2, "*.") != 0) return strcasecmp(pattern.c_str(), name) == 0;
  const char* dot = strchr(name, '.');
  return dot != nullptr && dot != name && strcasecmp(pattern.c_str() + 1, dot) == 0;
}

}  // namespace

bool TicketKeys::Set(const std::string& bytes) {
  if (bytes.empty()) return RAND_bytes(reinterpret_cast<unsigned char*>(this), sizeof(*this)) == 1;
  if (bytes.size() != sizeof(*this)) return false;
  memcpy(this, bytes.data(), sizeof(*this));
  return true;
}

const char* TlsContext::Problem() {
  // Undefined symbols of the addon are bound when they are first called.
  if (HostSymbol("SSL_CTX_new") == nullptr || HostSymbol("OpenSSL_version_num") == nullptr) {
    return "this Node does not offer its OpenSSL to addons";
  }
  if (OpenSSL_version_num() >> 28 != OPENSSL_VERSION_MAJOR) {
    return "this Node has another major version of OpenSSL than the addon was built for";
  }
  return nullptr;
}

std::unique_ptr<TlsContext> TlsContext::Create(const TlsOptions& options, std::string* problem) {
  ERR_clear_error();
  std::unique_ptr<TlsContext> made(new TlsContext);
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  CHECK(context != nullptr);
  made->context_ = context;
  made->protocols_ = options.protocols;
  if (!made->ticket_keys_.Set(options.ticket_keys)) {
    *problem = "the ticket keys do not have 80 bytes";
    return nullptr;
  }
  SSL_CTX_set_app_data(context, made.get());
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, SealTicket);
  if (!UseRules(context, options, problem)) return nullptr;
  for (const auto& [chain, key] : options.identities) {
    if (!UseChain(context, chain, problem)) return nullptr;
    if (!UseKey(context, key, options.passphrase, problem)) return nullptr;
  }
  if (!options.authorities.empty() && !UseAuthorities(context, options.authorities, problem)) {
    return nullptr;
  }
  if (!made->protocols_.empty()) {
    SSL_CTX_set_alpn_select_cb(context, SelectProtocol, made.get());
  }
  SSL_CTX_set_tlsext_servername_callback(context, SelectName);
  SSL_CTX_set_tlsext_servername_arg(context, made.get());
  return made;
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

void TlsContext::AddName(std::string pattern, std::unique_ptr<TlsContext> context) {
  // OpenSSL opens a ticket before it knows which name is meant, and seals it afterwards.
  context->ticket_keys_ = ticket_keys_;
  names_.emplace_back(std::move(pattern), std::move(context));
}

const TlsContext* TlsContext::FindName(const char* name) const {
  for (const auto& [pattern, context] : names_) {
    if (SameName(pattern, name)) return context.get();
  }
  return nullptr;
}

}  // namespace chaussette
