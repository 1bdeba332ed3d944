#ifndef NATIVE_CORE_LLHTTP_H_
#define NATIVE_CORE_LLHTTP_H_

#include <cstddef>
#include <cstdint>

// The llhttp of the Node that we run in, found by name when the addon loads.
// True for llhttp 9.3 and 9.4: the settings table has on_protocol in second
// place since 9.3.0. The self-test in llhttp.cc holds both to it.

namespace chaussette {

// The parser as llhttp keeps it. Opaque: its size differs between versions, so
// we give it room to spare and reach it through functions alone.
struct LlhttpParser;

using LlhttpDataCallback = int (*)(LlhttpParser*, const char* at, size_t length);
using LlhttpCallback = int (*)(LlhttpParser*);

struct LlhttpSettings {
  LlhttpCallback on_message_begin;
  LlhttpDataCallback on_protocol;
  LlhttpDataCallback on_url;
  LlhttpDataCallback on_status;
  LlhttpDataCallback on_method;
  LlhttpDataCallback on_version;
  LlhttpDataCallback on_header_field;
  LlhttpDataCallback on_header_value;
  LlhttpDataCallback on_chunk_extension_name;
  LlhttpDataCallback on_chunk_extension_value;
  LlhttpCallback on_headers_complete;
  LlhttpDataCallback on_body;
  LlhttpCallback on_message_complete;
  LlhttpCallback on_protocol_complete;
  LlhttpCallback on_url_complete;
  LlhttpCallback on_status_complete;
  LlhttpCallback on_method_complete;
  LlhttpCallback on_version_complete;
  LlhttpCallback on_header_field_complete;
  LlhttpCallback on_header_value_complete;
  LlhttpCallback on_chunk_extension_name_complete;
  LlhttpCallback on_chunk_extension_value_complete;
  LlhttpCallback on_chunk_header;
  LlhttpCallback on_chunk_complete;
  LlhttpCallback on_reset;
  // Room for callbacks that a later version may add behind the last.
  LlhttpCallback spare[8];
};

// The results of llhttp_execute that we tell apart. Numbers of 9.x.
enum LlhttpErrno : int {
  kLlhttpOk = 0,
  kLlhttpInvalidMethod = 6,
  kLlhttpInvalidUrl = 7,
  kLlhttpInvalidVersion = 9,
  kLlhttpInvalidTransferEncoding = 15,
  kLlhttpPaused = 21,
  kLlhttpPausedUpgrade = 22,
  kLlhttpPausedH2Upgrade = 23,
  kLlhttpUser = 24,
};

// What on_headers_complete returns where another protocol follows whatever the head
// says of a body.
constexpr int kLlhttpSkipBodyAndUpgrade = 2;

constexpr int kLlhttpRequest = 1;

// Bytes that a parser object gets; 9.3 and 9.4 need about 110.
constexpr size_t kLlhttpStorageBytes = 256;

struct LlhttpFunctions {
  void (*init)(LlhttpParser*, int type, const LlhttpSettings*);
  void (*settings_init)(LlhttpSettings*);
  int (*execute)(LlhttpParser*, const char* data, size_t length);
  int (*get_errno)(const LlhttpParser*);
  const char* (*get_error_pos)(const LlhttpParser*);
  const char* (*get_error_reason)(const LlhttpParser*);
  const char* (*errno_name)(int error);
  uint8_t (*get_method)(LlhttpParser*);
  uint8_t (*get_http_major)(LlhttpParser*);
  uint8_t (*get_http_minor)(LlhttpParser*);
  uint8_t (*get_upgrade)(LlhttpParser*);
  int (*should_keep_alive)(const LlhttpParser*);
  const char* (*method_name)(int method);
};

// Looks the functions up and runs the self-test.
// Returns nullptr when all is well, else one line that says what is not.
const char* LoadLlhttp(LlhttpFunctions* functions);

}  // namespace chaussette

#endif  // NATIVE_CORE_LLHTTP_H_
