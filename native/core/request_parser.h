#ifndef NATIVE_CORE_REQUEST_PARSER_H_
#define NATIVE_CORE_REQUEST_PARSER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/head_rules.h"
#include "core/limits.h"
#include "core/llhttp.h"
#include "core/refusal.h"

namespace chaussette {

// Where a parser reports to. Called from inside RequestParser::Execute; must
// not touch the parser.
class RequestSink {
 public:
  // A head that passed every rule. What it points to is valid in the call only.
  [[nodiscard]] virtual Refusal OnHead(const Head& head) = 0;
  [[nodiscard]] virtual Refusal OnBody(const char* at, size_t length) = 0;

 protected:
  ~RequestSink() = default;
};

// What one head may be.
struct HeadLimits {
  uint32_t bytes_max = 0;
  uint32_t fields_max = kHeadersDefaultMax;
  // Of the head only target, names and values count, and chunk extensions may be
  // as long as with node:http.
  bool node_style = false;
  // As kBareUpgrades.
  bool bare_upgrades = false;
};

// Turns the bytes of one connection into heads and bodies, with llhttp and
// the rules of head_rules.h. One message at a time: Execute stops behind it.
// Owner:    Connection, from the first byte of a request until its last; between
//           requests it lies in the pool of the core.
// Lifetime: as long as the core.
// Limits:   HeadLimits, kChunkExtensionBytesMax, kTrailerBytesMax,
//           kTrailersPerRequestMax.
// Never:    copies a head or a body (trailers and the field table of an incomplete
//           head are the exceptions), or sees bytes of two connections.
class RequestParser {
 public:
  enum class Outcome : uint8_t { kNeedMore, kComplete, kRefused };

  // The field tables of the heads that are being parsed; one per core, since only
  // one parser works at a time.
  using Scratch = HeaderSpan[kHeadersPerRequestMax];

  RequestParser(const LlhttpFunctions* llhttp, const LlhttpSettings* settings, Scratch* scratch);

  // The callbacks that every parser of a core shares.
  static void FillSettings(const LlhttpFunctions& llhttp, LlhttpSettings* settings);

  // Forget everything; the next byte is the first of a request.
  void Begin(const HeadLimits& limits);

  // Parse [from, end). While in_head(), `base` is the first byte of the message
  // and everything since then lies in [base, from). `stopped` receives the first
  // byte that was not taken. After kRefused only Begin() may be called.
  [[nodiscard]] Outcome Execute(
      RequestSink* sink, const char* base, const char* from, const char* end, const char** stopped);

  bool in_head() const { return phase_ == Phase::kHead; }
  bool in_message() const { return phase_ != Phase::kIdle; }
  Refusal refusal() const { return refusal_; }

  // llhttp's own words for what it refused; nullptr when the rule was ours. And
  // the first byte that was not good.
  const char* error_name() const { return error_ == 0 ? nullptr : llhttp_->errno_name(error_); }
  const char* error_reason() const { return llhttp_->get_error_reason(raw()); }
  const char* error_at() const { return llhttp_->get_error_pos(raw()); }

  // Trailer fields of the message that kComplete ended; offsets into the bytes.
  const std::vector<HeaderSpan>& trailers() const { return trailers_; }
  const std::string& trailer_bytes() const { return trailer_bytes_; }

 private:
  enum class Phase : uint8_t { kIdle, kHead, kBody };

  static RequestParser* Of(LlhttpParser* parser);
  static int OnUrl(LlhttpParser* parser, const char* at, size_t length);
  static int OnField(LlhttpParser* parser, const char* at, size_t length);
  static int OnValue(LlhttpParser* parser, const char* at, size_t length);
  static int OnFieldComplete(LlhttpParser* parser);
  static int OnValueComplete(LlhttpParser* parser);
  static int OnHeadersComplete(LlhttpParser* parser);
  static int OnBody(LlhttpParser* parser, const char* at, size_t length);
  static int OnChunkExtension(LlhttpParser* parser, const char* at, size_t length);
  static int OnChunkExtensionComplete(LlhttpParser* parser);
  static int OnChunkComplete(LlhttpParser* parser);
  static int OnMessageComplete(LlhttpParser* parser);

  LlhttpParser* raw() { return reinterpret_cast<LlhttpParser*>(storage_); }
  const LlhttpParser* raw() const { return reinterpret_cast<const LlhttpParser*>(storage_); }
  int Refuse(Refusal refusal);
  int Count(size_t length);
  int CountExtension(size_t length);
  int AddTrailerBytes(const char* at, size_t length, uint32_t* total);
  Refusal TooLarge() const;
  bool IsTooLarge(size_t length) const;
  Outcome JudgeError(int error, const char* base, const char* end);
  Outcome JudgeIncompleteHead(const char* base, const char* end);

  // First, so that the address of llhttp's object leads back to ours.
  alignas(16) unsigned char storage_[kLlhttpStorageBytes];
  const LlhttpFunctions* llhttp_;
  const LlhttpSettings* settings_;
  RequestSink* sink_ = nullptr;
  const char* base_ = nullptr;
  const char* end_ = nullptr;
  HeaderSpan* spans_;
  uint32_t span_count_ = 0;
  uint32_t target_offset_ = 0;
  uint32_t target_length_ = 0;
  HeadLimits limits_;
  uint32_t extension_bytes_ = 0;
  uint32_t counted_bytes_ = 0;
  bool value_seen_ = false;
  bool line_failed_ = false;
  int line_error_ = 0;
  int error_ = 0;  // with which llhttp refused
  Phase phase_ = Phase::kIdle;
  Refusal refusal_ = Refusal::kNone;
  std::vector<HeaderSpan> saved_spans_;
  std::vector<HeaderSpan> trailers_;
  std::string trailer_bytes_;
};

}  // namespace chaussette

#endif  // NATIVE_CORE_REQUEST_PARSER_H_
