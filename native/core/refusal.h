#ifndef NATIVE_CORE_REFUSAL_H_
#define NATIVE_CORE_REFUSAL_H_

#include <cstdint>

namespace chaussette {

// Why a request is answered by the core and not by the application. The one
// table is in refusal.cc; the order is that of the enum.
enum class Refusal : uint8_t {
  kNone,
  kBadRequest,
  kRequestLine,
  kTargetForm,
  kHttp09,
  kHeaderLine,
  kHostMissing,
  kHostRepeated,
  kHostInvalid,
  kContentLength,
  kTwoFramings,
  kTransferEncoding,
  kTransferEncodingHttp10,
  kChunk,
  kChunkExtensions,
  kTrailers,
  kIncomplete,
  kHeadTimeout,
  kBodyTimeout,
  kBodyTooLarge,
  kTargetTooLong,
  kExpectation,
  kHeadTooLarge,
  kTooManyHeaders,
  kMethod,
  kTransferCoding,
  kVersion,
  kPlainOnTls,
  kCount,
};

struct RefusalEntry {
  uint16_t status;
  const char* text;  // one line for people: the body of the answer
  const char* source;
  uint16_t node_status;    // what node:http answers
  const char* node_error;  // code of its error, and its reason if that is another
};

const RefusalEntry& RefusalOf(Refusal refusal);

// What is sent in the body of the answer.
uint32_t RefusalBodyBytes(bool node_style, const RefusalEntry& entry);

}  // namespace chaussette

#endif  // NATIVE_CORE_REFUSAL_H_
