#include "core/request_parser.h"

#include <cstring>

#include "core/known_headers.h"

namespace chaussette {

RequestParser::RequestParser(const LlhttpFunctions* llhttp,
                             const LlhttpSettings* settings,
                             Scratch* scratch)
    : llhttp_(llhttp), settings_(settings), spans_(*scratch) {}

void RequestParser::FillSettings(const LlhttpFunctions& llhttp, LlhttpSettings* settings) {
  memset(settings, 0, sizeof(*settings));
  llhttp.settings_init(settings);
  settings->on_url = OnUrl;
  settings->on_header_field = OnField;
  settings->on_header_field_complete = OnFieldComplete;
  settings->on_header_value = OnValue;
  settings->on_header_value_complete = OnValueComplete;
  settings->on_headers_complete = OnHeadersComplete;
  settings->on_body = OnBody;
  settings->on_chunk_extension_name = OnChunkExtension;
  settings->on_chunk_extension_value = OnChunkExtension;
  settings->on_chunk_extension_name_complete = OnChunkExtensionComplete;
  settings->on_chunk_extension_value_complete = OnChunkExtensionComplete;
  settings->on_chunk_complete = OnChunkComplete;
  settings->on_message_complete = OnMessageComplete;
}

RequestParser* RequestParser::Of(LlhttpParser* parser) {
  return reinterpret_cast<RequestParser*>(parser);
}

void RequestParser::Begin(const HeadLimits& limits) {
  llhttp_->init(raw(), kLlhttpRequest, settings_);
  limits_ = limits;
  span_count_ = target_offset_ = target_length_ = extension_bytes_ = counted_bytes_ = 0;
  value_seen_ = line_failed_ = false;
  error_ = 0;
  phase_ = Phase::kHead;
  refusal_ = Refusal::kNone;
  if (!saved_spans_.empty()) saved_spans_.clear();
  if (!trailer_bytes_.empty()) trailer_bytes_.clear();
  if (!trailers_.empty()) trailers_.clear();
}

RequestParser::Outcome RequestParser::Execute(
    RequestSink* sink, const char* base, const char* from, const char* end, const char** stopped) {
  *stopped = end;
  if (line_failed_) return JudgeError(line_error_, base, end);
  sink_ = sink;
  base_ = base;
  end_ = end;
  if (!saved_spans_.empty()) {
    memcpy(spans_, saved_spans_.data(), saved_spans_.size() * sizeof(HeaderSpan));
    saved_spans_.clear();
  }
  const int error = llhttp_->execute(raw(), from, static_cast<size_t>(end - from));
  if (error == kLlhttpOk) {
    return in_head() ? JudgeIncompleteHead(base, end) : Outcome::kNeedMore;
  }
  if (error == kLlhttpPaused) {
    *stopped = llhttp_->get_error_pos(raw());
    phase_ = Phase::kIdle;
    return Outcome::kComplete;
  }
  return JudgeError(error, base, end);
}

RequestParser::Outcome RequestParser::JudgeIncompleteHead(const char* base, const char* end) {
  if (IsTooLarge(static_cast<size_t>(end - base))) {
    refusal_ = TooLarge();
    return Outcome::kRefused;
  }
  saved_spans_.assign(spans_, spans_ + span_count_);
  return Outcome::kNeedMore;
}

bool RequestParser::IsTooLarge(size_t length) const {
  if (!limits_.node_style) return length > limits_.bytes_max;
  // Method, spaces, version and the last line end; a colon, a space and a line end
  // for each field.
  const size_t around = target_offset_ + 13 + 4 * span_count_;
  return length > around && length - around >= limits_.bytes_max;
}

// 414 when the request line alone is over the limit, else 431.
Refusal RequestParser::TooLarge() const {
  constexpr uint32_t kVersionBytes = 11;  // " HTTP/1.1" CRLF
  return target_offset_ + target_length_ + kVersionBytes > limits_.bytes_max
             ? Refusal::kTargetTooLong
             : Refusal::kHeadTooLarge;
}

// A refusal must not depend on how the bytes were cut into packets, so an error
// inside the request line waits for what tells 501, 505 and 400 apart. node:http
// answers 400 to all of them, and at once.
RequestParser::Outcome RequestParser::JudgeError(int error, const char* base, const char* end) {
  if (refusal_ != Refusal::kNone) return Outcome::kRefused;
  error_ = error;
  if (phase_ == Phase::kBody) {
    refusal_ = Refusal::kChunk;
    return Outcome::kRefused;
  }
  if (error == kLlhttpInvalidTransferEncoding) {
    refusal_ = Refusal::kTransferEncoding;
    return Outcome::kRefused;
  }
  const size_t length = static_cast<size_t>(end - base);
  const char* newline = static_cast<const char*>(memchr(base, '\n', length));
  const bool in_line = error == kLlhttpPausedH2Upgrade || span_count_ == 0;
  const bool of_line = error == kLlhttpInvalidMethod || error == kLlhttpInvalidVersion;
  if (in_line && of_line && limits_.node_style) {
    refusal_ = Refusal::kRequestLine;
    return Outcome::kRefused;
  }
  if (in_line && newline == nullptr && length <= limits_.bytes_max) {
    const bool undecided =
        error == kLlhttpInvalidVersion ||
        (error == kLlhttpInvalidMethod && length < kMethodBytesMax && IsToken(base, length));
    if (undecided) {
      line_failed_ = true;
      line_error_ = error;
      return Outcome::kNeedMore;
    }
  }
  if (in_line && (of_line || error == kLlhttpPausedH2Upgrade || error == kLlhttpInvalidUrl)) {
    refusal_ = RequestLineRefusal(error, base, end);
  } else {
    refusal_ = Refusal::kBadRequest;
  }
  return Outcome::kRefused;
}

int RequestParser::Refuse(Refusal refusal) {
  refusal_ = refusal;
  return -1;
}

// node:http counts target, names and values, and stops where there are too many.
int RequestParser::Count(size_t length) {
  counted_bytes_ += static_cast<uint32_t>(length);
  if (!limits_.node_style || counted_bytes_ < limits_.bytes_max) return 0;
  return Refuse(Refusal::kHeadTooLarge);
}

int RequestParser::OnUrl(LlhttpParser* parser, const char* at, size_t length) {
  RequestParser* self = Of(parser);
  if (self->target_length_ == 0) {
    self->target_offset_ = static_cast<uint32_t>(at - self->base_);
  }
  self->target_length_ += static_cast<uint32_t>(length);
  return self->Count(length);
}

int RequestParser::AddTrailerBytes(const char* at, size_t length, uint32_t* total) {
  if (trailer_bytes_.size() + length > kTrailerBytesMax) {
    return Refuse(Refusal::kTrailers);
  }
  trailer_bytes_.append(at, length);
  *total += static_cast<uint32_t>(length);
  return 0;
}

int RequestParser::OnField(LlhttpParser* parser, const char* at, size_t length) {
  RequestParser* self = Of(parser);
  if (self->phase_ == Phase::kBody) {
    if (self->trailers_.empty() || self->value_seen_) {
      if (self->trailers_.size() >= kTrailersPerRequestMax) {
        return self->Refuse(Refusal::kTrailers);
      }
      const uint32_t at_byte = static_cast<uint32_t>(self->trailer_bytes_.size());
      self->trailers_.push_back({at_byte, 0, at_byte, 0});
      self->value_seen_ = false;
    }
    return self->AddTrailerBytes(at, length, &self->trailers_.back().name_word);
  }
  if (self->span_count_ == 0 || self->value_seen_) {
    if (self->span_count_ >= self->limits_.fields_max) {
      return self->Refuse(Refusal::kTooManyHeaders);
    }
    self->spans_[self->span_count_++] = {static_cast<uint32_t>(at - self->base_), 0, 0, 0};
    self->value_seen_ = false;
  }
  HeaderSpan* span = &self->spans_[self->span_count_ - 1];
  span->name_word += static_cast<uint32_t>(length);
  if (span->name_word > 0xffff) return self->Refuse(Refusal::kHeadTooLarge);
  return self->Count(length);
}

int RequestParser::OnFieldComplete(LlhttpParser* parser) {
  RequestParser* self = Of(parser);
  self->value_seen_ = true;
  if (self->phase_ == Phase::kBody) {
    self->trailers_.back().value_offset = static_cast<uint32_t>(self->trailer_bytes_.size());
    return 0;
  }
  // Until a value byte comes, the value is empty and stands behind the colon.
  HeaderSpan* span = &self->spans_[self->span_count_ - 1];
  span->value_offset = span->name_offset + span->name_word + 1;
  return 0;
}

int RequestParser::OnValue(LlhttpParser* parser, const char* at, size_t length) {
  if (length == 0) return 0;
  RequestParser* self = Of(parser);
  if (self->phase_ == Phase::kBody) {
    return self->AddTrailerBytes(at, length, &self->trailers_.back().value_length);
  }
  HeaderSpan* span = &self->spans_[self->span_count_ - 1];
  const uint32_t offset = static_cast<uint32_t>(at - self->base_);
  if (span->value_length == 0) span->value_offset = offset;
  // A gap is a folded line (RFC 9112 §5.2).
  if (span->value_offset + span->value_length != offset) {
    return self->Refuse(Refusal::kHeaderLine);
  }
  span->value_length += static_cast<uint32_t>(length);
  return self->Count(length);
}

int RequestParser::OnValueComplete(LlhttpParser* parser) {
  RequestParser* self = Of(parser);
  if (self->phase_ == Phase::kBody) {
    HeaderSpan* trailer = &self->trailers_.back();
    const char* value = self->trailer_bytes_.data() + trailer->value_offset;
    while (trailer->value_length > 0 &&
           (value[trailer->value_length - 1] == ' ' || value[trailer->value_length - 1] == '\t')) {
      trailer->value_length--;
    }
    return 0;
  }
  HeaderSpan* span = &self->spans_[self->span_count_ - 1];
  if (span->known() == 0) {
    span->name_word |= FindKnownHeader(self->base_ + span->name_offset, span->name_length()) << 16;
  }
  return 0;
}

int RequestParser::OnHeadersComplete(LlhttpParser* parser) {
  RequestParser* self = Of(parser);
  Head head;
  head.base = self->base_;
  head.end = self->end_;
  head.method = self->llhttp_->get_method(parser);
  head.target_offset = self->target_offset_;
  head.target_length = self->target_length_;
  head.major = self->llhttp_->get_http_major(parser);
  head.minor = self->llhttp_->get_http_minor(parser);
  head.keep_alive = self->llhttp_->should_keep_alive(parser) != 0;
  head.upgrade = self->llhttp_->get_upgrade(parser) != 0;
  head.headers = self->spans_;
  head.header_count = self->span_count_;
  Refusal refusal = CheckHead(&head);
  const bool upgrades = head.upgrade && head.minor == 1 && !head.is_connect;
  head.bare_upgrade = self->limits_.bare_upgrades && upgrades && head.has_body;
  if (head.bare_upgrade) {
    head.has_body = head.chunked = false;
    head.content_length = 0;
  }
  if (refusal == Refusal::kNone && self->IsTooLarge(head.length)) {
    refusal = self->TooLarge();
  }
  if (refusal == Refusal::kNone) refusal = self->sink_->OnHead(head);
  if (refusal != Refusal::kNone) return self->Refuse(refusal);
  self->phase_ = Phase::kBody;
  self->value_seen_ = false;
  return head.bare_upgrade ? kLlhttpSkipBodyAndUpgrade : 0;
}

int RequestParser::OnBody(LlhttpParser* parser, const char* at, size_t length) {
  RequestParser* self = Of(parser);
  const Refusal refusal = self->sink_->OnBody(at, length);
  return refusal == Refusal::kNone ? 0 : self->Refuse(refusal);
}

int RequestParser::CountExtension(size_t length) {
  extension_bytes_ += static_cast<uint32_t>(length);
  const uint32_t most = limits_.node_style ? kNodeChunkExtensionBytesMax : kChunkExtensionBytesMax;
  return extension_bytes_ > most ? Refuse(Refusal::kChunkExtensions) : 0;
}

// Called for each piece that came: nothing may be added that depends on their number.
int RequestParser::OnChunkExtension(LlhttpParser* parser, const char*, size_t length) {
  return Of(parser)->CountExtension(length);
}

// The ";" or "=" in front; node:http does not count it.
int RequestParser::OnChunkExtensionComplete(LlhttpParser* parser) {
  RequestParser* self = Of(parser);
  return self->limits_.node_style ? 0 : self->CountExtension(1);
}

// node:http counts for each chunk anew.
int RequestParser::OnChunkComplete(LlhttpParser* parser) {
  RequestParser* self = Of(parser);
  if (self->limits_.node_style) self->extension_bytes_ = 0;
  return 0;
}

int RequestParser::OnMessageComplete(LlhttpParser*) {
  return kLlhttpPaused;
}

}  // namespace chaussette
