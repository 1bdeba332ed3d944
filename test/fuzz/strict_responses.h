#ifndef TEST_FUZZ_STRICT_RESPONSES_H_
#define TEST_FUZZ_STRICT_RESPONSES_H_

#include <cstdint>
#include <string>

namespace chaussette {

// Reads what one client received as a series of responses, and fails when it is none.
// Every answer of the application carries `x-id: N`, counted from 0 on each connection, and `x-head: 1` when it
// answers HEAD: so order and framing can be judged without the requests.
// Owner:    the fuzzed client.
// Lifetime: one call.
// Limits:   none.
// Never:    forgives anything that RFC 9112 does not allow.
class StrictResponses {
 public:
  explicit StrictResponses(const std::string& bytes) : bytes_(bytes) {}

  // The last response may be incomplete.
  void Check();

 private:
  enum class Step : uint8_t { kComplete, kIncomplete, kUntilClose };

  Step CheckOne();
  bool Line(std::string* line);
  void Field(const std::string& line);
  Step Body();
  Step Chunks();

  const std::string& bytes_;
  size_t at_ = 0;
  uint32_t next_id_ = 0;
  bool last_ = false;  // the response said that it is
  // Of the response that is being read.
  uint32_t status_ = 0;
  uint32_t framings_ = 0;
  bool has_id_ = false;
  bool to_head_ = false;
  bool closes_ = false;
  bool chunked_ = false;
  uint64_t length_ = 0;
};

}  // namespace chaussette

#endif  // TEST_FUZZ_STRICT_RESPONSES_H_
