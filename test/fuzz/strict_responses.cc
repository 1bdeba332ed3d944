#include "strict_responses.h"

#include <cstdio>
#include <cstdlib>

#include "core/head_rules.h"
#include "core/known_headers.h"
#include "fuzz_target.h"

namespace chaussette {
namespace {

bool IsName(const std::string& name, const char* lower) {
  return EqualsIgnoreCase(name.data(), name.size(), lower);
}

bool IsDigits(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

void StrictResponses::Check() {
  while (at_ < bytes_.size()) {
    if (last_) {
      fwrite(bytes_.data(), 1, bytes_.size(), stderr);
      Fail("there is something behind the last response");
    }
    const size_t from = at_;
    const Step step = CheckOne();
    if (step != Step::kComplete) return;
    if (at_ == from) Fail("a response of no bytes");
  }
}

// The next line without its end; false when it is incomplete.
bool StrictResponses::Line(std::string* line) {
  const size_t end = bytes_.find("\r\n", at_);
  if (end == std::string::npos) return false;
  *line = bytes_.substr(at_, end - at_);
  for (const char c : *line) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 32 && byte != '\t') || byte == 127) Fail("a line holds a control character");
  }
  at_ = end + 2;
  return true;
}

StrictResponses::Step StrictResponses::CheckOne() {
  status_ = framings_ = 0;
  has_id_ = to_head_ = closes_ = chunked_ = false;
  length_ = 0;
  std::string line;
  if (!Line(&line)) return Step::kIncomplete;
  if (line.size() < 13 || line.compare(0, 9, "HTTP/1.1 ") != 0 || !IsDigits(line.substr(9, 3)) || line[12] != ' ') {
    fprintf(stderr, "line: %s\n", line.c_str());
    Fail("no status line");
  }
  status_ = static_cast<uint32_t>(atoi(line.c_str() + 9));
  if (status_ < 100) Fail("no status");
  for (;;) {
    if (!Line(&line)) return Step::kIncomplete;
    if (line.empty()) break;
    Field(line);
  }
  if (framings_ > 1) Fail("more than one framing");
  if (status_ < 200) {
    if (framings_ != 0 || has_id_) Fail("an interim response with what only final ones have");
    return Step::kComplete;
  }
  // What the core says itself ends the connection.
  if (!has_id_ && !closes_) Fail("a response that nobody gave");
  last_ = closes_;
  return Body();
}

void StrictResponses::Field(const std::string& line) {
  const size_t colon = line.find(": ");
  if (colon == std::string::npos || !IsToken(line.data(), colon) || colon == 0) Fail("no field line");
  const std::string name = line.substr(0, colon);
  const std::string value = line.substr(colon + 2);
  if (IsName(name, "content-length")) {
    if (!IsDigits(value)) Fail("no Content-Length");
    framings_++;
    length_ = strtoull(value.c_str(), nullptr, 10);
  } else if (IsName(name, "transfer-encoding")) {
    if (value != "chunked") Fail("another transfer coding than chunked");
    framings_++;
    chunked_ = true;
  } else if (IsName(name, "connection")) {
    closes_ = closes_ || HasToken(value.data(), value.size(), "close");
  } else if (name == "x-id") {
    if (has_id_) Fail("two ids");
    has_id_ = true;
    if (value != std::to_string(next_id_)) Fail("a response out of order");
    next_id_++;
  } else if (name == "x-head") {
    to_head_ = true;
  } else if (name == "x-injected") {
    Fail("a field was injected");
  }
}

StrictResponses::Step StrictResponses::Body() {
  if (to_head_ || status_ == 304) return Step::kComplete;
  if (status_ == 204) {
    if (framings_ != 0) Fail("a framing in a 204");
    return Step::kComplete;
  }
  if (chunked_) return Chunks();
  if (framings_ == 0) {
    if (!closes_) Fail("a body without a framing");
    at_ = bytes_.size();
    return Step::kUntilClose;
  }
  if (bytes_.size() - at_ < length_) return Step::kIncomplete;
  at_ += length_;
  return Step::kComplete;
}

StrictResponses::Step StrictResponses::Chunks() {
  std::string line;
  for (;;) {
    if (!Line(&line)) return Step::kIncomplete;
    if (line.empty() || line.size() > 8 || line.find_first_not_of("0123456789abcdef") != std::string::npos) {
      Fail("no chunk size");
    }
    const size_t size = strtoul(line.c_str(), nullptr, 16);
    if (size == 0) break;
    if (bytes_.size() - at_ < size + 2) return Step::kIncomplete;
    at_ += size;
    if (bytes_.compare(at_, 2, "\r\n") != 0) Fail("a chunk does not end where it says");
    at_ += 2;
  }
  do {
    if (!Line(&line)) return Step::kIncomplete;
    if (!line.empty() && line.compare(0, 9, "x-trailer") != 0) Fail("no trailer");
  } while (!line.empty());
  return Step::kComplete;
}

}  // namespace chaussette
