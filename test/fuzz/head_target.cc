// The writer of response heads, with names and values that an attacker chose: either it is refused, or every line on the
// wire is one that was asked for.
//
// Input: flags, status, count, then per field two lengths and the bytes.
#include <cstring>
#include <string>
#include <vector>

#include "core/known_headers.h"
#include "core/out_queue.h"
#include "core/response_head.h"
#include "fuzz_target.h"

namespace chaussette {
namespace {

struct Field {
  std::string name;
  std::string value;
};

bool IsSafe(const std::string& text) {
  for (const char c : text) {
    if (c == '\r' || c == '\n' || c == '\0') return false;
  }
  return true;
}

std::string Take(OutQueue* out, BlockPool* pool) {
  std::string text;
  while (!out->empty()) {
    iovec parts[kIovecsMax];
    const int count = out->Gather(parts);
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
      text.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
      bytes += parts[i].iov_len;
    }
    // In two steps, so that a block is left half sent.
    out->Consume(pool, bytes / 3);
    out->Consume(pool, bytes - bytes / 3);
  }
  return text;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = text.find("\r\n", at);
    if (end == std::string::npos) Fail("a line has no end");
    lines.push_back(text.substr(at, end - at));
    if (!IsSafe(lines.back())) Fail("a line holds CR, LF or NUL");
    at = end + 2;
  }
  return lines;
}

bool IsOwn(const Field& field, const char* name) {
  return EqualsIgnoreCase(field.name.data(), field.name.size(), name);
}

void CheckLines(const std::vector<std::string>& lines, const std::vector<Field>& fields, bool trailers) {
  size_t next = 0;
  uint32_t own = 0;
  for (size_t i = trailers ? 0 : 1; i < lines.size() - (trailers ? 0 : 1); i++) {
    bool found = false;
    for (size_t k = next; k < fields.size() && !found; k++) {
      found = lines[i] == fields[k].name + ": " + fields[k].value;
      if (found) next = k + 1;
    }
    if (!found) own++;
    if (lines[i].find(": ") == std::string::npos && lines[i].back() != ':') Fail("a line is no field");
  }
  // Date, Connection, Keep-Alive, and one of Content-Length and Transfer-Encoding.
  if (own > (trailers ? 0 : 4)) Fail("a line was injected");
  for (size_t i = 0; i < fields.size() && trailers; i++) {
    if (lines.size() != fields.size()) Fail("a trailer is missing");
  }
}

}  // namespace

int FuzzOne(const uint8_t* data, size_t size) {
  Script script(data, size);
  const uint32_t flags = script.Word();
  const uint32_t status = script.Word() % 1000;
  const uint32_t count = script.Byte() % 24;
  std::vector<uint32_t> lengths;
  std::vector<Field> fields;
  std::string bytes;
  const auto take = [&](uint32_t length) {
    size_t taken;
    const char* at = script.Bytes(length, &taken);
    bytes.append(at, taken);
    return std::string(at, taken);
  };
  const std::string reason = take(script.Byte() % 32);
  for (uint32_t i = 0; i < count; i++) {
    Field field;
    const uint32_t name_length = script.Byte() % 64;
    field.name = take(name_length);
    const uint32_t value_length = script.Word() % 12000;
    field.value = take(value_length);
    lengths.push_back(static_cast<uint32_t>(field.name.size()));
    lengths.push_back(static_cast<uint32_t>(field.value.size()));
    fields.push_back(field);
  }
  // In memory of its exact size.
  std::vector<char> exact(bytes.begin(), bytes.end());
  const GivenHead head{status, lengths.data(), count, exact.data(), static_cast<uint32_t>(reason.size()),
                       exact.data() + reason.size()};
  const HeadFindings findings = Examine(head);
  bool safe = IsSafe(reason);
  for (const Field& field : fields) safe = safe && IsSafe(field.name) && IsSafe(field.value) && !field.name.empty();
  if (findings.valid && !safe) Fail("a head passed that holds CR, LF or NUL");
  BlockPool pool(nullptr, [](void*, void*) { Fail("there was no reference to release"); });
  OutQueue out;
  if (findings.valid) {
    DateCache date;
    date.Refresh();
    HeadFraming framing;
    framing.keep = (flags & 1) != 0;
    framing.http10 = (flags & 2) != 0;
    framing.node_style = (flags & 4) != 0;
    framing.date = (flags & 8) != 0 ? &date : nullptr;
    framing.add_length = (flags & 16) != 0;
    framing.keep_given_length = (flags & 32) != 0;
    framing.add_chunked = (flags & 64) != 0;
    framing.length = flags;
    framing.keep_alive_ms = (flags & 128) * 1000;
    AppendHead(&out, &pool, head, findings, framing);
    const std::string text = Take(&out, &pool);
    const std::vector<std::string> lines = Lines(text);
    if (lines.size() < 2 || !lines.back().empty()) Fail("a head does not end with an empty line");
    for (size_t i = 0; i + 1 < lines.size(); i++) {
      if (lines[i].empty()) Fail("a head ends before its end");
    }
    if (lines[0].compare(0, 9, "HTTP/1.1 ") != 0) Fail("the status line is not there");
    CheckLines(lines, fields, false);
    uint32_t framings = 0;
    for (const Field& field : fields) framings += IsOwn(field, "content-length") ? 1 : 0;
    if (framings > 1) Fail("two lengths passed");
  }
  const bool sent = AppendTrailers(&out, &pool, head);
  const std::string text = Take(&out, &pool);
  if (sent && !safe) Fail("a trailer passed that holds CR, LF or NUL");
  if (!sent && !text.empty()) Fail("a refused trailer left bytes");
  if (sent && count > 0) CheckLines(Lines(text), fields, true);
  return 0;
}

}  // namespace chaussette
