#ifndef NATIVE_CORE_TLS_CONTEXT_H_
#define NATIVE_CORE_TLS_CONTEXT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// OpenSSL's own names, so that its headers stay in tls_*.cc.
struct ssl_ctx_st;

namespace chaussette {

// What a server shows and asks for. Certificates and keys are PEM.
struct TlsOptions {
  std::vector<std::pair<std::string, std::string>> identities;  // chain, key
  std::string passphrase;                                       // of encrypted keys
  std::string authorities;    // whose client certificates are believed
  std::string ciphers;        // up to TLS 1.2, OpenSSL's format; empty: its default
  std::string cipher_suites;  // TLS 1.3
  std::string groups;         // for the key exchange
  std::string ticket_keys;    // 80 bytes, the same in all workers; empty: random
  std::string protocols;      // ALPN, in wire format (RFC 7301 §3.1)
  int version_min = 0;        // 0x0303: TLS 1.2, 0x0304: TLS 1.3
  int version_max = 0;        // 0: the newest
  bool prefer_own_ciphers = true;
  bool request_certificate = false;
  bool require_certificate = false;  // and one that is believed
};

// What session tickets are sealed with (RFC 5077 §4), in the order of `ticket_keys`.
struct TicketKeys {
  unsigned char name[16];
  unsigned char mac[32];
  unsigned char cipher[32];

  // Empty: random ones. False, and nothing is set, when it has another size.
  bool Set(const std::string& bytes);
};
static_assert(sizeof(TicketKeys) == 80);

// Certificates and rules of one server, and of the names that it also answers to
// (SNI, RFC 6066 §3).
// Owner:    Server; every session holds OpenSSL's own count of it, so a reload
//           replaces it and what is connected goes on.
// Lifetime: from Create until the server has newer ones.
// Limits:   none of its own.
// Never:    changes once it serves: a reload makes new ones.
class TlsContext {
 public:
  // Why this process has no OpenSSL to use, or nullptr.
  static const char* Problem();

  // nullptr when something in `options` is not right: `problem` says what.
  static std::unique_ptr<TlsContext> Create(const TlsOptions& options, std::string* problem);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // `pattern` is a host name, or "*." and the rest of one for a single label.
  // The first that fits serves; none: this one does.
  void AddName(std::string pattern, std::unique_ptr<TlsContext> context);

  ssl_ctx_st* get() const { return context_; }
  const std::string& protocols() const { return protocols_; }
  const TicketKeys& ticket_keys() const { return ticket_keys_; }
  // By the name that a client asked for; nullptr: this one.
  const TlsContext* FindName(const char* name) const;

 private:
  TlsContext() = default;

  ssl_ctx_st* context_ = nullptr;
  std::string protocols_;
  TicketKeys ticket_keys_;
  std::vector<std::pair<std::string, std::unique_ptr<TlsContext>>> names_;
};

}  // namespace chaussette

#endif  // NATIVE_CORE_TLS_CONTEXT_H_
