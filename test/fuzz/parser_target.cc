// The request parser and the rules for heads, whole and cut into pieces: what a request means must not depend on how
// its bytes were cut. And no head that passes may hold what a stricter reader would take for something else.
//
// Input: a byte for the limit of a head and for limits as node:http has them (bit 2), a byte for the cuts, then what the
// client sends.
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "core/head_rules.h"
#include "core/known_headers.h"
#include "core/request_parser.h"
#include "fuzz_target.h"

namespace chaussette {
namespace {

constexpr uint32_t kHeadLimits[] = {16384, 64, 200, 1024};

void CheckAcceptedHead(const Head& head) {
  if (head.length > static_cast<size_t>(head.end - head.base)) Fail("a head is longer than what came");
  const std::string text(head.base, head.length);
  if (text.size() < 4 || text.compare(text.size() - 4, 4, "\r\n\r\n") != 0) Fail("a head ends elsewhere");
  uint32_t lines = 0;
  uint32_t hosts = 0;
  uint32_t framings = 0;
  for (size_t at = 0; at + 2 < text.size(); lines++) {
    const size_t end = text.find("\r\n", at);
    const std::string line = text.substr(at, end - at);
    for (const char c : line) {
      if (c == '\r' || c == '\n' || c == '\0') Fail("a line holds CR, LF or NUL");
    }
    if (lines > 0) {
      const size_t colon = line.find(':');
      if (colon == std::string::npos || colon == 0 || !IsToken(line.data(), colon)) Fail("a name is no token");
      hosts += EqualsIgnoreCase(line.data(), colon, "host") ? 1 : 0;
      framings += EqualsIgnoreCase(line.data(), colon, "content-length") ? 1 : 0;
      framings += EqualsIgnoreCase(line.data(), colon, "transfer-encoding") ? 1 : 0;
      const HeaderSpan& span = head.headers[lines - 1];
      if (span.name_offset != at || span.name_length() != colon) Fail("a name stands elsewhere");
      if (span.value_offset < at + colon + 1 || span.value_offset + span.value_length > end) {
        Fail("a value stands elsewhere");
      }
    }
    at = end + 2;
  }
  if (lines != head.header_count + 1) Fail("a head has lines that are no fields");
  // Whether a request without it is served is for the server to say.
  if (hosts > 1 || head.host_missing != (hosts == 0 && head.minor == 1)) Fail("not one Host");
  if (framings > 1) Fail("more than one framing");
}

// Writes down what a request means.
// Owner:    Run.
// Lifetime: one run over an input.
// Limits:   none.
// Never:    touches the parser.
class Recorder final : public RequestSink {
 public:
  std::string heads;
  std::string bodies;

  Refusal OnHead(const Head& head) override {
    CheckAcceptedHead(head);
    heads.append(head.base, head.length);
    heads += head.has_body ? "[body" : "[none";
    heads += head.chunked ? " chunked" : "";
    heads += head.keep_alive ? " keep" : "";
    heads += head.upgrade ? " upgrade" : "";
    heads += std::to_string(head.content_length) + "]\n";
    for (uint32_t i = 0; i < head.header_count; i++) {
      const HeaderSpan& span = head.headers[i];
      heads.append(head.base + span.value_offset, span.value_length);
      heads += '|';
    }
    return Refusal::kNone;
  }

  Refusal OnBody(const char* at, size_t length) override {
    bodies.append(at, length);
    return Refusal::kNone;
  }
};

struct Result {
  Recorder recorder;
  uint32_t messages = 0;
  Refusal refusal = Refusal::kNone;
};

// As RequestReader does it, but with each piece in memory of its exact size.
class Run {
 public:
  Run(const HeadLimits& limits, Result* result)
      : limits_(limits), result_(result), parser_(&Llhttp(), Settings(), &scratch_) {}

  // Returns false after a refusal.
  bool Feed(const char* data, size_t size) {
    const size_t held = held_.size();
    const std::unique_ptr<char[]> memory(new char[held + size]);
    memcpy(memory.get(), held_.data(), held);
    if (size > 0) memcpy(memory.get() + held, data, size);
    held_.clear();
    const char* base = memory.get();
    const char* p = base + held;
    const char* end = p + size;
    for (;;) {
      if (!active_) {
        while (p < end && (*p == '\r' || *p == '\n')) p++;
        if (p == end) return true;
        parser_.Begin(limits_);
        active_ = true;
        base = p;
      }
      switch (parser_.Execute(&result_->recorder, base, p, end, &p)) {
        case RequestParser::Outcome::kRefused:
          result_->refusal = parser_.refusal();
          if (result_->refusal == Refusal::kNone) Fail("refused without a reason");
          return false;
        case RequestParser::Outcome::kNeedMore:
          if (parser_.in_head()) held_.assign(base, static_cast<size_t>(end - base));
          return true;
        case RequestParser::Outcome::kComplete:
          if (p < base || p > end) Fail("stopped outside of the input");
          result_->messages++;
          for (const HeaderSpan& span : parser_.trailers()) {
            const std::string& bytes = parser_.trailer_bytes();
            result_->recorder.bodies += bytes.substr(span.name_offset, span.name_length()) + "=" +
                                        bytes.substr(span.value_offset, span.value_length) + ";";
          }
          active_ = false;
      }
    }
  }

 private:
  static const LlhttpSettings* Settings() {
    static LlhttpSettings settings;
    static const bool filled = (RequestParser::FillSettings(Llhttp(), &settings), true);
    return filled ? &settings : nullptr;
  }

  RequestParser::Scratch scratch_;
  HeadLimits limits_;
  Result* result_;
  RequestParser parser_;
  std::string held_;
  bool active_ = false;
};

bool IsLimit(Refusal refusal) {
  return refusal == Refusal::kHeadTooLarge || refusal == Refusal::kTargetTooLong ||
         refusal == Refusal::kTooManyHeaders || refusal == Refusal::kChunkExtensions ||
         refusal == Refusal::kTrailers;
}

}  // namespace

int FuzzOne(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const HeadLimits limits = {kHeadLimits[data[0] & 3], kHeadersDefaultMax, (data[0] & 4) != 0};
  uint32_t cut = data[1];
  const char* bytes = reinterpret_cast<const char*>(data + 2);
  size -= 2;
  Result whole;
  Run(limits, &whole).Feed(bytes, size);
  Result cuts;
  {
    Run run(limits, &cuts);
    for (size_t at = 0; at < size;) {
      size_t n = cut == 0 ? 1 : 1 + cut % 23;
      cut = cut == 0 ? 0 : (cut * 5 + 1) & 0xff;
      if (n > size - at) n = size - at;
      if (!run.Feed(bytes + at, n)) break;
      at += n;
    }
  }
  // Behind a limit that was passed, what else is wrong may be seen or not.
  const bool passed = IsLimit(whole.refusal) || IsLimit(cuts.refusal) || size > limits.bytes_max;
  const bool same = passed ? (whole.refusal == Refusal::kNone) == (cuts.refusal == Refusal::kNone)
                           : whole.refusal == cuts.refusal;
  if (!same) {
    fprintf(stderr, "whole: %s; in pieces: %s\n", RefusalOf(whole.refusal).text, RefusalOf(cuts.refusal).text);
    Fail("the refusal depends on the cuts");
  }
  if (whole.messages != cuts.messages) Fail("the number of requests depends on the cuts");
  if (whole.recorder.heads != cuts.recorder.heads) Fail("a head depends on the cuts");
  if (whole.recorder.bodies != cuts.recorder.bodies && whole.refusal == Refusal::kNone) {
    Fail("a body depends on the cuts");
  }
  return 0;
}

}  // namespace chaussette
