#include "core/refusal.h"

#include <cstddef>
#include <cstring>

namespace chaussette {
namespace {

constexpr RefusalEntry kTable[] = {
    {0, "", "", 0, ""},
    {400, "The request is not valid HTTP.", "RFC 9112 §2.2", 400, "HPE_STRICT"},
    {400, "The request line is not valid.", "RFC 9112 §3", 400, "HPE_INVALID_URL"},
    {400,
     "The request target is not valid for this method.",
     "RFC 9112 §3.2",
     400,
     "HPE_INVALID_URL"},
    {400, "HTTP/0.9 is not served.", "RFC 9112 §2.3", 400, "HPE_INVALID_VERSION"},
    {400, "A header field line is not valid.", "RFC 9112 §5", 400, "HPE_INVALID_HEADER_TOKEN"},
    {400, "The Host field is missing.", "RFC 9112 §3.2", 400, "HPE_STRICT"},
    {400, "The Host field is there more than once.", "RFC 9112 §3.2", 400, "HPE_STRICT"},
    {400, "The Host field is not valid.", "RFC 9112 §3.2", 400, "HPE_STRICT"},
    {400, "The Content-Length is not valid.", "RFC 9112 §6.3", 400, "HPE_INVALID_CONTENT_LENGTH"},
    {400,
     "Content-Length and Transfer-Encoding exclude each other.",
     "RFC 9112 §6.1",
     400,
     "HPE_INVALID_TRANSFER_ENCODING"},
    {400,
     "The Transfer-Encoding is not valid.",
     "RFC 9112 §6.3",
     400,
     "HPE_INVALID_TRANSFER_ENCODING"},
    {400,
     "HTTP/1.0 has no Transfer-Encoding.",
     "RFC 9112 §6.1",
     400,
     "HPE_INVALID_TRANSFER_ENCODING"},
    {400, "A chunk is not valid.", "RFC 9112 §7.1", 400, "HPE_INVALID_CHUNK_SIZE"},
    {400,
     "The chunk extensions are too long.",
     "RFC 9112 §7.1.1",
     413,
     "HPE_CHUNK_EXTENSIONS_OVERFLOW Chunk extensions overflow"},
    {400,
     "The trailer fields are too long.",
     "RFC 9112 §7.1.2",
     431,
     "HPE_HEADER_OVERFLOW Header overflow"},
    {400,
     "The request ended before it was complete.",
     "RFC 9112 §8",
     400,
     "HPE_INVALID_EOF_STATE Invalid EOF state"},
    {408,
     "The request head did not arrive in time.",
     "RFC 9110 §15.5.9",
     408,
     "ERR_HTTP_REQUEST_TIMEOUT Request timeout"},
    {408,
     "The request body did not arrive in time.",
     "RFC 9110 §15.5.9",
     408,
     "ERR_HTTP_REQUEST_TIMEOUT Request timeout"},
    {413, "The request body is too large.", "RFC 9110 §15.5.14", 413, "HPE_USER"},
    {414,
     "The request target is too long.",
     "RFC 9110 §15.5.15",
     431,
     "HPE_HEADER_OVERFLOW Header overflow"},
    {417, "The expectation cannot be met.", "RFC 9110 §10.1.1", 417, "HPE_USER"},
    {431,
     "The request head is too large.",
     "RFC 6585 §5",
     431,
     "HPE_HEADER_OVERFLOW Header overflow"},
    {431,
     "The request has too many header fields.",
     "RFC 6585 §5",
     431,
     "HPE_HEADER_OVERFLOW Header overflow"},
    {501, "The method is not known.", "RFC 9110 §9.1", 400, "HPE_INVALID_METHOD"},
    {501,
     "The transfer coding is not known.",
     "RFC 9112 §6.1",
     400,
     "HPE_INVALID_TRANSFER_ENCODING"},
    {505, "Only HTTP/1.0 and HTTP/1.1 are served.", "RFC 9110 §15.6.6", 400, "HPE_INVALID_VERSION"},
    {400,
     "Plain HTTP came to a port that speaks TLS: use https.",
     "RFC 9110 §4.2.2",
     400,
     "ERR_SSL http request"},
};
static_assert(sizeof(kTable) / sizeof(kTable[0]) == static_cast<size_t>(Refusal::kCount));

}  // namespace

const RefusalEntry& RefusalOf(Refusal refusal) {
  return kTable[static_cast<size_t>(refusal)];
}

uint32_t RefusalBodyBytes(bool node_style, const RefusalEntry& entry) {
  return node_style ? 0 : static_cast<uint32_t>(strlen(entry.text)) + 1;
}

}  // namespace chaussette
