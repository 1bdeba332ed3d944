#ifndef NATIVE_CORE_TLS_TRANSPORT_H_
#define NATIVE_CORE_TLS_TRANSPORT_H_

#include <memory>
#include <string>
#include <vector>

#include "core/transport.h"

// OpenSSL's own names, so that its headers stay in tls_*.cc.
struct bio_method_st;

namespace chaussette {

class TlsContext;

// What JavaScript may ask about a session.
struct TlsSession {
  std::string protocol;         // "TLSv1.3"
  std::string cipher;           // OpenSSL's name
  std::string cipher_standard;  // the name in the RFCs
  std::string cipher_version;
  std::string application;  // by ALPN; empty: none
  std::string server_name;  // by SNI; empty: none
  // Of the client, each followed by its issuer, as far as they are known; DER.
  std::vector<std::string> certificates;
  std::string own_certificate;  // DER
  std::string finished;         // the Finished messages of both sides (RFC 8446 §4.4.4)
  std::string peer_finished;
  std::string session;                         // ASN.1
  std::vector<std::string> shared_signatures;  // "ECDSA+SHA256"
  long verify_error = 0;                       // X509_V_ERR_*; 0: believed, or none
  bool certificate_asked = false;
  bool resumed = false;
};

// Bytes over TLS. The handshake happens inside Read.
// Owner:    Core.
// Lifetime: that of the core, or longer than every channel that it began.
// Limits:   one record (16 KiB) is encrypted at a time.
// Never:    blocks, raises SIGPIPE, or renegotiates.
class TlsTransport final : public Transport {
 public:
  TlsTransport();
  ~TlsTransport();
  TlsTransport(const TlsTransport&) = delete;
  TlsTransport& operator=(const TlsTransport&) = delete;

  // The server's side of a session on `channel`, which keeps it.
  void Begin(std::shared_ptr<const TlsContext> context, Channel* channel);
  // False before the handshake is complete.
  bool Describe(const Channel& channel, TlsSession* session) const;
  // Keying material for another use (RFC 8446 §7.5); `context` may be nullptr. False
  // before the handshake is complete, or when OpenSSL refuses.
  bool ExportKeys(const Channel& channel,
                  const std::string& label,
                  const std::string* context,
                  std::string* to) const;
  // After kBroken: OpenSSL's words for it; nullptr when the connection broke.
  const char* Problem(const Channel& channel) const;
  // The most plain bytes of a record from now on. False for what OpenSSL refuses.
  bool LimitRecords(const Channel& channel, long bytes) const;

  // kForeign: the client does not speak TLS. What it sent is lost; plain bytes may
  // be written after Release.
  ssize_t Read(Channel* channel, char* to, size_t room) override;
  ssize_t Write(Channel* channel, const iovec* parts, int count) override;
  ssize_t SendFile(Channel* channel, int file, off_t offset, size_t length) override;
  void ShutdownWrite(Channel* channel) override;
  void Release(Channel* channel) override;

 private:
  ssize_t WriteRecord(Channel* channel, const char* data, size_t length);

  bio_method_st* method_;
  std::unique_ptr<char[]> record_;  // what becomes one record out of many parts
};

}  // namespace chaussette

#endif  // NATIVE_CORE_TLS_TRANSPORT_H_
