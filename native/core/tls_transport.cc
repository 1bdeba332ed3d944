#include "core/tls_transport.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "core/limits.h"
#include "core/tls_context.h"

namespace chaussette {
namespace {

// The most plain bytes of one record (RFC 8446 §5.1).
constexpr size_t kRecordBytes = SSL3_RT_MAX_PLAIN_LENGTH;

// The type of the first record of every session (RFC 8446 §5.1).
constexpr char kHandshakeRecord = 0x16;

// Encrypted bytes that the socket has not taken: our half of a handshake, or one
// record and answers to KeyUpdates. Only a client that asks for thousands of those
// and reads none comes this far, and is cut.
constexpr size_t kUnsentBytesMax = 128 * 1024;

// What Channel::session points to.
struct Session {
  SSL* ssl = nullptr;
  const Channel* channel = nullptr;
  std::shared_ptr<const TlsContext> context;  // OpenSSL calls it back
  // Encrypted bytes that the socket has not taken. OpenSSL never finds it full: it
  // cannot answer a KeyUpdate while a record of data waits in its own buffer.
  std::string unsent;
  // Bytes that this Read may still take from the socket: records that carry no
  // data could keep it for ever.
  size_t allowance = 0;
  // The last recv(2) filled less than it could: the socket is empty, and epoll
  // tells when it is not.
  bool drained = false;
  bool ended = false;    // recv(2) has come to the end of the stream
  bool begun = false;    // at least one byte came
  bool foreign = false;  // and it was none of TLS
  // OpenSSL's words for what it does not go on with.
  const char* problem = nullptr;
};

Session* SessionOf(const Channel& channel) {
  return static_cast<Session*>(channel.session);
}

// As Transport::Write.
ssize_t SendSome(int fd, const char* data, size_t length) {
  ssize_t n;
  do {
    n = send(fd, data, length, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return n;
  return errno == EAGAIN || errno == EWOULDBLOCK ? kWouldBlock : kBroken;
}

// OpenSSL's own socket BIO calls write(2), which raises SIGPIPE.
int BioWrite(BIO* bio, const char* data, int length) {
  auto* session = static_cast<Session*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const auto bytes = static_cast<size_t>(length);
  ssize_t n = session->unsent.empty() ? SendSome(session->channel->fd, data, bytes) : 0;
  if (n == kBroken) return -1;
  if (n == kWouldBlock) n = 0;
  const auto sent = static_cast<size_t>(n);
  if (sent < bytes) session->unsent.append(data + sent, bytes - sent);
  return length;
}

// False when the connection is broken.
bool SendUnsent(Session* session) {
  if (session->unsent.empty()) return true;
  const ssize_t n = SendSome(session->channel->fd, session->unsent.data(), session->unsent.size());
  if (n > 0) session->unsent.erase(0, static_cast<size_t>(n));
  if (session->unsent.empty()) session->unsent.shrink_to_fit();
  return n != kBroken;
}

int BioRead(BIO* bio, char* to, int room) {
  auto* session = static_cast<Session*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (session->drained || session->allowance == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  ssize_t n;
  do {
    n = recv(session->channel->fd, to, static_cast<size_t>(room), 0);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_read(bio);
  session->drained = n < 0 || (n > 0 && n < room);
  session->ended = n == 0;
  if (n <= 0) return static_cast<int>(n);
  const auto taken = static_cast<size_t>(n);
  session->allowance -= taken < session->allowance ? taken : session->allowance;
  if (!session->begun) {
    session->begun = true;
    session->foreign = to[0] != kHandshakeRecord;
    if (session->foreign) return -1;
  }
  return static_cast<int>(n);
}

long BioControl(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return static_cast<const Session*>(BIO_get_data(bio))->ended;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

std::string Der(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  std::string text(reinterpret_cast<char*>(der), size > 0 ? static_cast<size_t>(size) : 0);
  OPENSSL_free(der);
  return text;
}

// Both kinds of Finished are read alike.
std::string Finished(const SSL* ssl, size_t (*read)(const SSL*, void*, size_t)) {
  char none[1];
  std::string text(read(ssl, none, 0), '\0');
  read(ssl, text.data(), text.size());
  return text;
}

std::string SessionBytes(const SSL* ssl) {
  SSL_SESSION* session = SSL_get_session(ssl);
  const int size = i2d_SSL_SESSION(session, nullptr);
  std::string text(size > 0 ? static_cast<size_t>(size) : 0, '\0');
  auto* to = reinterpret_cast<unsigned char*>(text.data());
  if (size > 0) i2d_SSL_SESSION(session, &to);
  return text;
}

const char* SignatureName(int nid) {
  switch (nid) {
    case EVP_PKEY_RSA: return "RSA";
    case EVP_PKEY_RSA_PSS: return "RSA-PSS";
    case EVP_PKEY_DSA: return "DSA";
    case EVP_PKEY_EC: return "ECDSA";
    case NID_ED25519: return "Ed25519";
    case NID_ED448: return "Ed448";
    default: return nullptr;
  }
}

// By Node's names.
std::vector<std::string> SharedSignatures(SSL* ssl) {
  std::vector<std::string> names;
  const int count = SSL_get_shared_sigalgs(ssl, 0, nullptr, nullptr, nullptr, nullptr, nullptr);
  for (int i = 0; i < count; i++) {
    int signature = NID_undef;
    int hash = NID_undef;
    SSL_get_shared_sigalgs(ssl, i, &signature, &hash, nullptr, nullptr, nullptr);
    const char* known = SignatureName(signature);
    std::string name = known != nullptr ? known : OBJ_nid2sn(signature);
    name += std::string("+") + OBJ_nid2sn(hash);
    names.push_back(std::move(name));
  }
  return names;
}

// The queue is the thread's, node:tls and node:crypto look into it too: what they
// left would be taken for ours, and what we leave for theirs.
void ClearErrors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

TlsTransport::TlsTransport()
    : method_(BIO_meth_new(BIO_TYPE_SOURCE_SINK, "chaussette")),
      record_(std::make_unique<char[]>(kRecordBytes)) {
  CHECK(method_ != nullptr);
  BIO_meth_set_write(method_, BioWrite);
  BIO_meth_set_read(method_, BioRead);
  BIO_meth_set_ctrl(method_, BioControl);
}

TlsTransport::~TlsTransport() {
  BIO_meth_free(method_);
}

void TlsTransport::Begin(std::shared_ptr<const TlsContext> context, Channel* channel) {
  SSL* ssl = SSL_new(context->get());
  BIO* bio = BIO_new(method_);
  CHECK(ssl != nullptr && bio != nullptr);
  auto* session = new Session;
  session->ssl = ssl;
  session->channel = channel;
  session->context = std::move(context);
  BIO_set_data(bio, session);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_accept_state(ssl);
  channel->session = session;
}

// Reads until `room` is full or the socket is empty, since epoll knows nothing of
// what OpenSSL has taken already.
ssize_t TlsTransport::Read(Channel* channel, char* to, size_t room) {
  Session* session = SessionOf(*channel);
  channel->more = false;
  const bool alive = SendUnsent(session);
  channel->wants_write = !session->unsent.empty();
  if (!alive || session->unsent.size() > kUnsentBytesMax) return kBroken;
  session->drained = false;
  session->allowance = 2 * room;
  size_t total = 0;
  ClearErrors();
  while (total < room) {
    size_t n = 0;
    if (SSL_read_ex(session->ssl, to + total, room - total, &n) == 1) {
      total += n;
      if (!session->drained || SSL_has_pending(session->ssl) == 1) continue;
      channel->wants_write = !session->unsent.empty();
      return static_cast<ssize_t>(total);
    }
    const int error = SSL_get_error(session->ssl, 0);
    channel->wants_write = !session->unsent.empty();
    if (error == SSL_ERROR_WANT_READ) {
      channel->more = !session->drained;
      return total > 0 ? static_cast<ssize_t>(total) : kWouldBlock;
    }
    if (error == SSL_ERROR_SSL) session->problem = ERR_reason_error_string(ERR_peek_error());
    ClearErrors();
    if (total > 0) break;  // the end comes up again
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    return session->foreign ? kForeign : kBroken;
  }
  channel->more = true;
  return static_cast<ssize_t>(total);
}

// Returns as Write. What would need the rest of the client's handshake is kBroken.
ssize_t TlsTransport::WriteRecord(Channel* channel, const char* data, size_t length) {
  Session* session = SessionOf(*channel);
  if (!SendUnsent(session)) return kBroken;
  if (!session->unsent.empty()) return kWouldBlock;
  size_t n = channel->held;
  channel->held = 0;
  if (n > 0) return static_cast<ssize_t>(n);
  ClearErrors();
  if (length > kRecordBytes) length = kRecordBytes;
  if (SSL_write_ex(session->ssl, data, length, &n) != 1) {
    ClearErrors();
    return kBroken;
  }
  if (session->unsent.empty()) return static_cast<ssize_t>(n);
  channel->held = n;
  return kWouldBlock;
}

// Small parts become one record. One that could not be sent is offered again, with
// the same bytes in front: output is only added behind.
ssize_t TlsTransport::Write(Channel* channel, const iovec* parts, int count) {
  ssize_t total = 0;
  int i = 0;
  size_t offset = 0;  // in parts[i]
  while (i < count) {
    const char* data = static_cast<const char*>(parts[i].iov_base) + offset;
    size_t length = parts[i].iov_len - offset;
    if (length < kRecordBytes && i + 1 < count) {
      size_t filled = 0;
      for (int k = i; k < count && filled < kRecordBytes; k++) {
        const size_t skip = k == i ? offset : 0;
        const size_t left = parts[k].iov_len - skip;
        const size_t n = left < kRecordBytes - filled ? left : kRecordBytes - filled;
        memcpy(record_.get() + filled, static_cast<const char*>(parts[k].iov_base) + skip, n);
        filled += n;
      }
      data = record_.get();
      length = filled;
    }
    const ssize_t n = WriteRecord(channel, data, length);
    if (n < 0) return total > 0 && n == kWouldBlock ? total : n;
    total += n;
    offset += static_cast<size_t>(n);
    while (i < count && offset >= parts[i].iov_len) offset -= parts[i++].iov_len;
  }
  return total;
}

ssize_t TlsTransport::SendFile(Channel* channel, int file, off_t offset, size_t length) {
  size_t total = 0;
  while (total < length && total < kSendBytesPerTurnMax) {
    const size_t left = length - total;
    ssize_t n;
    do {
      n = pread(file,
                record_.get(),
                left < kRecordBytes ? left : kRecordBytes,
                offset + static_cast<off_t>(total));
    } while (n < 0 && errno == EINTR);
    n = n > 0 ? WriteRecord(channel, record_.get(), static_cast<size_t>(n)) : kBroken;
    if (n == kBroken) return kBroken;
    if (n == kWouldBlock) break;
    total += static_cast<size_t>(n);
  }
  return total > 0 ? static_cast<ssize_t>(total) : kWouldBlock;
}

// The closing alert is one record; when the socket has no room even for that, the
// end of the stream has to do.
void TlsTransport::ShutdownWrite(Channel* channel) {
  SSL* ssl = SessionOf(*channel)->ssl;
  ClearErrors();
  if (SSL_is_init_finished(ssl)) SSL_shutdown(ssl);
  SendUnsent(SessionOf(*channel));
  ClearErrors();
  shutdown(channel->fd, SHUT_WR);
}

void TlsTransport::Release(Channel* channel) {
  Session* session = SessionOf(*channel);
  if (session == nullptr) return;
  channel->session = nullptr;
  channel->more = channel->wants_write = false;
  SSL_free(session->ssl);
  delete session;
  ClearErrors();
}

bool TlsTransport::ExportKeys(const Channel& channel,
                              const std::string& label,
                              const std::string* context,
                              std::string* to) const {
  SSL* ssl = SessionOf(channel)->ssl;
  ClearErrors();
  const auto* bytes =
      context == nullptr ? nullptr : reinterpret_cast<const unsigned char*>(context->data());
  const bool done = SSL_is_init_finished(ssl) &&
                    SSL_export_keying_material(ssl,
                                               reinterpret_cast<unsigned char*>(to->data()),
                                               to->size(),
                                               label.data(),
                                               label.size(),
                                               bytes,
                                               context == nullptr ? 0 : context->size(),
                                               context != nullptr) == 1;
  ClearErrors();
  return done;
}

const char* TlsTransport::Problem(const Channel& channel) const {
  return SessionOf(channel)->problem;
}

bool TlsTransport::LimitRecords(const Channel& channel, long bytes) const {
  return SSL_set_max_send_fragment(SessionOf(channel)->ssl, bytes) == 1;
}

bool TlsTransport::Describe(const Channel& channel, TlsSession* to) const {
  SSL* ssl = SessionOf(channel)->ssl;
  if (!SSL_is_init_finished(ssl)) return false;
  to->protocol = SSL_get_version(ssl);
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl);
  to->cipher = SSL_CIPHER_get_name(cipher);
  to->cipher_standard = SSL_CIPHER_standard_name(cipher);
  to->cipher_version = SSL_CIPHER_get_version(cipher);
  const unsigned char* protocol = nullptr;
  unsigned int length = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &length);
  to->application.assign(reinterpret_cast<const char*>(protocol), length);
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  to->server_name = name != nullptr ? name : "";
  to->resumed = SSL_session_reused(ssl) == 1;
  to->verify_error = SSL_get_verify_result(ssl);
  to->certificate_asked = SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE;
  if (const X509* own = SSL_get_certificate(ssl)) to->own_certificate = Der(own);
  to->finished = Finished(ssl, SSL_get_finished);
  to->peer_finished = Finished(ssl, SSL_get_peer_finished);
  to->session = SessionBytes(ssl);
  to->shared_signatures = SharedSignatures(ssl);
  const X509* shown = SSL_get0_peer_certificate(ssl);
  if (shown == nullptr) return true;
  to->certificates.push_back(Der(shown));
  // A resumed session knows only the first.
  const STACK_OF(X509)* chain = SSL_get0_verified_chain(ssl);
  for (int i = 1; i < sk_X509_num(chain); i++) {
    to->certificates.push_back(Der(sk_X509_value(chain, i)));
  }
  return true;
}

}  // namespace chaussette
