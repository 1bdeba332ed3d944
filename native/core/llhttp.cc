#include "core/llhttp.h"

#include <cstring>

#include "core/glibc_floor.h"

namespace chaussette {
namespace {

// What the self-test saw: one letter per event, in order.
struct Probe {
  alignas(16) unsigned char storage[kLlhttpStorageBytes];
  unsigned char canary[64];
  char events[64];
  size_t event_count;
  char url[32];
  size_t url_length;
  char value[32];
  size_t value_length;
};

LlhttpParser* ParserOf(Probe* probe) {
  return reinterpret_cast<LlhttpParser*>(probe->storage);
}

// The parser is the first member of Probe, so that its address leads back.
Probe* ProbeOf(LlhttpParser* parser) {
  return reinterpret_cast<Probe*>(parser);
}

void Note(LlhttpParser* parser, char event) {
  Probe* probe = ProbeOf(parser);
  if (probe->event_count < sizeof(probe->events) - 1) {
    probe->events[probe->event_count++] = event;
  }
}

void Keep(char* to, size_t* length, size_t room, const char* at, size_t n) {
  if (*length + n > room) n = room - *length;
  memcpy(to + *length, at, n);
  *length += n;
}

int OnBegin(LlhttpParser* parser) {
  Note(parser, 'b');
  return 0;
}

int OnUrl(LlhttpParser* parser, const char* at, size_t length) {
  Probe* probe = ProbeOf(parser);
  Keep(probe->url, &probe->url_length, sizeof(probe->url), at, length);
  return 0;
}

int OnUrlComplete(LlhttpParser* parser) {
  Note(parser, 'u');
  return 0;
}

int OnFieldComplete(LlhttpParser* parser) {
  Note(parser, 'f');
  return 0;
}

int OnValue(LlhttpParser* parser, const char* at, size_t length) {
  Probe* probe = ProbeOf(parser);
  Keep(probe->value, &probe->value_length, sizeof(probe->value), at, length);
  return 0;
}

int OnValueComplete(LlhttpParser* parser) {
  Note(parser, 'v');
  return 0;
}

int OnHeadersComplete(LlhttpParser* parser) {
  Note(parser, 'h');
  return 0;
}

int OnBody(LlhttpParser* parser, const char* at, size_t length) {
  Note(parser, length == 3 && memcmp(at, "abc", 3) == 0 ? 'd' : '?');
  return 0;
}

int OnChunkHeader(LlhttpParser* parser) {
  Note(parser, 'c');
  return 0;
}

int OnMessageComplete(LlhttpParser* parser) {
  Note(parser, 'm');
  return kLlhttpPaused;
}

template <typename Function>
bool Find(const char* name, Function* function) {
  void* symbol = HostSymbol(name);
  *function = reinterpret_cast<Function>(symbol);
  return symbol != nullptr;
}

void Prepare(const LlhttpFunctions& f, Probe* probe, const LlhttpSettings* settings) {
  memset(probe, 0, sizeof(*probe));
  memset(probe->canary, 0xa5, sizeof(probe->canary));
  f.init(ParserOf(probe), kLlhttpRequest, settings);
}

bool CanaryLives(const Probe& probe) {
  for (unsigned char byte : probe.canary) {
    if (byte != 0xa5) return false;
  }
  return true;
}

const char* TestGoodRequest(const LlhttpFunctions& f, const LlhttpSettings* settings) {
  static constexpr char kRequest[] =
      "POST /a?b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0\r\n\r\nGET";
  Probe probe;
  Prepare(f, &probe, settings);
  const int error = f.execute(ParserOf(&probe), kRequest, sizeof(kRequest) - 1);
  if (!CanaryLives(probe)) return "its parser object is larger than expected";
  if (error != kLlhttpPaused) return "it did not pause at the end of a request";
  if (strcmp(probe.events, "bufvfvhcdcm") != 0) {
    return "it reported other events than expected";
  }
  if (probe.url_length != 4 || memcmp(probe.url, "/a?b", 4) != 0 || probe.value_length != 8 ||
      memcmp(probe.value, "hchunked", 8) != 0) {
    return "it reported other bytes than expected";
  }
  if (f.get_error_pos(ParserOf(&probe)) != kRequest + sizeof(kRequest) - 4) {
    return "it paused at another place than expected";
  }
  if (strcmp(f.method_name(f.get_method(ParserOf(&probe))), "POST") != 0 ||
      f.get_http_major(ParserOf(&probe)) != 1 || f.get_http_minor(ParserOf(&probe)) != 1 ||
      f.get_upgrade(ParserOf(&probe)) != 0 || f.should_keep_alive(ParserOf(&probe)) != 1) {
    return "its accessors gave other values than expected";
  }
  return nullptr;
}

const char* TestBadRequest(const LlhttpFunctions& f, const LlhttpSettings* settings) {
  static constexpr char kRequest[] =
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  Probe probe;
  Prepare(f, &probe, settings);
  const int error = f.execute(ParserOf(&probe), kRequest, sizeof(kRequest) - 1);
  if (error == kLlhttpOk || error == kLlhttpPaused || f.get_errno(ParserOf(&probe)) != error) {
    return "it accepted a request with two framings";
  }
  return CanaryLives(probe) ? nullptr : "its parser object is larger than expected";
}

}  // namespace

const char* LoadLlhttp(LlhttpFunctions* f) {
  const bool found =
      Find("llhttp_init", &f->init) && Find("llhttp_settings_init", &f->settings_init) &&
      Find("llhttp_execute", &f->execute) && Find("llhttp_get_errno", &f->get_errno) &&
      Find("llhttp_get_error_pos", &f->get_error_pos) &&
      Find("llhttp_get_error_reason", &f->get_error_reason) &&
      Find("llhttp_errno_name", &f->errno_name) && Find("llhttp_get_method", &f->get_method) &&
      Find("llhttp_get_http_major", &f->get_http_major) &&
      Find("llhttp_get_http_minor", &f->get_http_minor) &&
      Find("llhttp_get_upgrade", &f->get_upgrade) &&
      Find("llhttp_should_keep_alive", &f->should_keep_alive) &&
      Find("llhttp_method_name", &f->method_name);
  if (!found) return "this Node does not export the llhttp functions";
  LlhttpSettings settings;
  memset(&settings, 0, sizeof(settings));
  settings.on_message_begin = OnBegin;
  settings.on_url = OnUrl;
  settings.on_url_complete = OnUrlComplete;
  settings.on_header_field_complete = OnFieldComplete;
  settings.on_header_value = OnValue;
  settings.on_header_value_complete = OnValueComplete;
  settings.on_headers_complete = OnHeadersComplete;
  settings.on_body = OnBody;
  settings.on_chunk_header = OnChunkHeader;
  settings.on_message_complete = OnMessageComplete;
  const char* problem = TestGoodRequest(*f, &settings);
  return problem != nullptr ? problem : TestBadRequest(*f, &settings);
}

}  // namespace chaussette
