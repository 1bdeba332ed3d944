// The TLS transport on a socket pair, between a client of OpenSSL's own and a kernel that the input moves: records come
// in pieces, changed, twice, out of order, or are garbage. What one side reads must be the beginning of what the other
// one has written, and all of it when nothing was changed.
//
// Input: a byte of options, then operations.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>
#include <string>

#include "core/tls_context.h"
#include "core/tls_transport.h"
#include "core/unique_fd.h"
#include "fake_system.h"
#include "fuzz_target.h"

namespace chaussette {
namespace {

constexpr size_t kWrittenBytesMax = 256 * 1024;

enum Operation : uint8_t {
  kShake,
  kClientWrite,
  kDeliver,
  kDeliverSome,
  kChange,
  kAgain,
  kSwap,
  kGarbage,
  kServerRead,
  kServerWrite,
  kClientRead,
  kKernel,
  kKeyUpdate,
  kClientEnd,
  kServerEnd,
  kFinish,
};

// A key and a certificate that it signs itself, in PEM.
std::pair<std::string, std::string> MakeIdentity() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
  X509_set_pubkey(certificate, key);
  if (X509_sign(certificate, key, EVP_sha256()) == 0) Fail("no certificate");
  const auto text = [](auto write) {
    BIO* bio = BIO_new(BIO_s_mem());
    write(bio);
    char* data;
    const long length = BIO_get_mem_data(bio, &data);
    std::string pem(data, static_cast<size_t>(length));
    BIO_free(bio);
    return pem;
  };
  auto identity = std::make_pair(
      text([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); }),
      text([&](BIO* bio) { PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); }));
  X509_free(certificate);
  EVP_PKEY_free(key);
  return identity;
}

std::shared_ptr<const TlsContext> MakeContext(int version_max) {
  TlsOptions options;
  options.identities.push_back(MakeIdentity());
  options.protocols = std::string("\x08http/1.1", 9);
  options.version_max = version_max;
  std::string problem;
  std::shared_ptr<const TlsContext> context = TlsContext::Create(options, &problem);
  if (context == nullptr) Fail(problem.c_str());
  return context;
}

// One input at work.
// Owner:    FuzzOne.
// Lifetime: one input.
// Limits:   kWrittenBytesMax each way.
// Never:    waits.
class Pair {
 public:
  explicit Pair(uint8_t flags) {
    static const std::shared_ptr<const TlsContext> contexts[] = {MakeContext(0), MakeContext(TLS1_2_VERSION)};
    static SSL_CTX* client_context = SSL_CTX_new(TLS_client_method());
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) Fail("no sockets");
    client_fd_.Reset(ends[0]);
    server_fd_.Reset(ends[1]);
    const int bytes = 4096;
    if ((flags & 2) != 0) setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    channel_.fd = ends[1];
    transport_.Begin(contexts[flags & 1], &channel_);
    client_ = SSL_new(client_context);
    SSL_set_bio(client_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client_);
    if ((flags & 4) != 0) SSL_set_tlsext_host_name(client_, "localhost");
  }

  ~Pair() {
    transport_.Release(&channel_);
    SSL_free(client_);
    ERR_clear_error();
  }

  void Do(uint8_t operation, Script* script);
  void Finish();

 private:
  void ClientWrite(uint32_t count);
  void Collect();
  void Deliver(size_t count);
  void ClientRead();
  void ServerRead(size_t room);
  void ServerWrite(size_t count, size_t part);
  void Flush();

  TlsTransport transport_;
  UniqueFd client_fd_;
  UniqueFd server_fd_;
  Channel channel_;
  SSL* client_;
  std::string in_flight_;     // of the client, not delivered
  std::string last_;          // what was delivered last
  std::string sent_up_;       // plain
  std::string sent_down_;     // plain, accepted by Write or waiting
  size_t written_down_ = 0;   // of it, by Write
  size_t received_up_ = 0;
  size_t received_down_ = 0;
  bool tampered_ = false;
  bool broken_ = false;  // the server's side of the transport
  bool client_ended_ = false;
  bool server_ended_ = false;
};

// Takes what the client has made.
void Pair::Collect() {
  char bytes[4096];
  int n;
  while ((n = BIO_read(SSL_get_wbio(client_), bytes, sizeof(bytes))) > 0) in_flight_.append(bytes, static_cast<size_t>(n));
}

void Pair::ClientWrite(uint32_t count) {
  if (client_ended_ || sent_up_.size() + count > kWrittenBytesMax) return;
  std::string bytes;
  for (uint32_t i = 0; i < count; i++) bytes += static_cast<char>((sent_up_.size() + i) * 31 >> 3);
  size_t n = 0;
  ERR_clear_error();
  if (count > 0 && SSL_write_ex(client_, bytes.data(), bytes.size(), &n) == 1) sent_up_.append(bytes, 0, n);
  Collect();
}

void Pair::Deliver(size_t count) {
  if (count > in_flight_.size()) count = in_flight_.size();
  const ssize_t n = send(client_fd_.get(), in_flight_.data(), count, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n <= 0) return;
  last_ = in_flight_.substr(0, static_cast<size_t>(n));
  in_flight_.erase(0, static_cast<size_t>(n));
}

// What the server has sent, and the client's answers.
void Pair::ClientRead() {
  char bytes[16384];
  ssize_t n;
  while ((n = recv(client_fd_.get(), bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
    BIO_write(SSL_get_rbio(client_), bytes, static_cast<int>(n));
  }
  size_t got = 0;
  ERR_clear_error();
  while (SSL_read_ex(client_, bytes, sizeof(bytes), &got) == 1) {
    if (received_down_ + got > sent_down_.size() || sent_down_.compare(received_down_, got, bytes, got) != 0) {
      Fail("the client reads what was not written");
    }
    received_down_ += got;
  }
  ERR_clear_error();
  Collect();
}

void Pair::ServerRead(size_t room) {
  if (broken_ || room == 0) return;
  static char bytes[128 * 1024];
  ERR_clear_error();
  const ssize_t n = transport_.Read(&channel_, bytes, room);
  if (ERR_peek_error() != 0) Fail("an error is left in the queue");
  if (n == kForeign) {
    if (!tampered_) Fail("our client is taken for another");
    broken_ = true;
  } else if (n == kBroken) {
    // The handshake, or the answer to a KeyUpdate, finds our side shut.
    if (!tampered_ && !server_ended_) Fail("broken without a reason");
    broken_ = true;
  } else if (n == 0) {
    if (!tampered_ && !client_ended_) Fail("an end that nobody sent");
    broken_ = true;
  } else if (n > 0) {
    const auto count = static_cast<size_t>(n);
    if (count > room) Fail("more than there is room for");
    if (received_up_ + count > sent_up_.size() || sent_up_.compare(received_up_, count, bytes, count) != 0) {
      Fail("the server reads what was not written");
    }
    received_up_ += count;
  }
}

// What waits goes first, in two parts.
void Pair::ServerWrite(size_t count, size_t part) {
  if (broken_ || server_ended_ || SSL_is_init_finished(client_) == 0) return;
  for (size_t i = 0; i < count && sent_down_.size() < kWrittenBytesMax; i++) {
    sent_down_ += static_cast<char>(sent_down_.size() * 17 >> 2);
  }
  const size_t left = sent_down_.size() - written_down_;
  if (left == 0) return;
  if (part > left) part = left;
  char* from = sent_down_.data() + written_down_;
  const iovec parts[] = {{from, part}, {from + part, left - part}};
  ERR_clear_error();
  const ssize_t n = transport_.Write(&channel_, parts, 2);
  if (ERR_peek_error() != 0) Fail("an error is left in the queue");
  if (n == kBroken && received_up_ > 0 && !tampered_) Fail("a write that breaks");
  if (n == kBroken) broken_ = true;
  if (n > 0) written_down_ += static_cast<size_t>(n);
}

void Pair::Do(uint8_t operation, Script* script) {
  size_t count;
  switch (operation % 16) {
    case kShake:
      SSL_do_handshake(client_);
      ERR_clear_error();
      return Collect();
    case kClientWrite:
      return ClientWrite(script->Word());
    case kDeliver:
      return Deliver(SIZE_MAX);
    case kDeliverSome:
      return Deliver(script->Byte());
    case kChange: {
      const uint32_t at = script->Word();
      const uint8_t by = script->Byte();
      if (in_flight_.empty() || by == 0) return;
      tampered_ = true;
      in_flight_[at % in_flight_.size()] ^= static_cast<char>(by);
      return;
    }
    case kAgain:
      if (last_.empty()) return;
      tampered_ = true;
      in_flight_.insert(0, last_);
      return;
    case kSwap: {
      const uint32_t at = script->Word();
      if (in_flight_.size() < 2) return;
      tampered_ = true;
      in_flight_ = in_flight_.substr(at % in_flight_.size()) + in_flight_.substr(0, at % in_flight_.size());
      return;
    }
    case kGarbage: {
      const char* bytes = script->Bytes(script->Byte(), &count);
      if (count > 0) tampered_ = true;
      in_flight_.append(bytes, count);
      return;
    }
    case kServerRead: {
      const uint32_t room = script->Word();
      return ServerRead((room & 1) != 0 ? room : 64 * 1024);
    }
    case kServerWrite: {
      const uint32_t bytes = script->Word();
      return ServerWrite(bytes, script->Word());
    }
    case kClientRead:
      return ClientRead();
    case kKernel: {
      const uint8_t kind = script->Byte();
      if ((kind & 1) != 0) fake_system.read_bytes_max = (kind & 0x80) != 0 ? SIZE_MAX : 1 + (kind >> 4);
      if ((kind & 2) != 0) fake_system.write_bytes_max = (kind & 0x80) != 0 ? SIZE_MAX : 1 + (kind >> 2);
      if ((kind & 4) != 0) fake_system.interrupts = kind >> 5;
      if ((kind & 8) != 0) fake_system.writes_refused = kind >> 4;
      return;
    }
    case kKeyUpdate:
      if (SSL_version(client_) == TLS1_3_VERSION && SSL_is_init_finished(client_) == 1 && !client_ended_) {
        SSL_key_update(client_, SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(client_);
      }
      ERR_clear_error();
      return Collect();
    case kClientEnd:
      client_ended_ = true;
      if (SSL_is_init_finished(client_) == 1) SSL_shutdown(client_);
      ERR_clear_error();
      return Collect();
    case kServerEnd:
      if (written_down_ == sent_down_.size() && !server_ended_) transport_.ShutdownWrite(&channel_);
      server_ended_ = server_ended_ || written_down_ == sent_down_.size();
      return;
    case kFinish:
      return Flush();
  }
}

// All that is on its way arrives, both ways.
void Pair::Flush() {
  fake_system.write_bytes_max = fake_system.read_bytes_max = SIZE_MAX;
  fake_system.writes_refused = fake_system.interrupts = 0;
  for (int round = 0; round < 400; round++) {
    if (!client_ended_) SSL_do_handshake(client_);
    ERR_clear_error();
    Collect();
    Deliver(SIZE_MAX);
    // As the core: while the transport says that there is more, else when epoll tells.
    do {
      ServerRead(16 * 1024);
    } while (channel_.more && !broken_);
    ServerWrite(0, 100);
    ClientRead();
    if (in_flight_.empty() && written_down_ == sent_down_.size()) {
      char byte;
      if (recv(channel_.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) break;
    }
    if (broken_) break;
  }
}

void Pair::Finish() {
  Flush();
  Flush();
  if (tampered_ || broken_ || client_ended_ || server_ended_) return;
  if (received_up_ != sent_up_.size()) Fail("the server has not got all");
  if (received_down_ != written_down_ || written_down_ != sent_down_.size()) Fail("the client has not got all");
}

}  // namespace

int FuzzOne(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  fake_system = FakeSystem{};
  Pair pair(data[0]);
  Script script(data + 1, size - 1);
  while (!script.empty()) pair.Do(script.Byte(), &script);
  pair.Finish();
  return 0;
}

}  // namespace chaussette
