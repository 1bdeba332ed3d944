#ifndef NATIVE_CORE_ENDS_H_
#define NATIVE_CORE_ENDS_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/connection.h"
#include "core/measures.h"
#include "core/slab.h"

namespace chaussette {

class Core;

// How exchanges ended, for who watches: an exchange has ended when the last byte of
// its response was handed to the kernel, or can never be.
// Owner:    Core.
// Lifetime: that of the core; an end, until JavaScript has it.
// Limits:   kEndsMax and kEndTextBytes for each call of JavaScript. What waits for it
//           is bounded by what the exchanges themselves are bounded by.
// Never:    is touched for a server that is neither kMeasured nor kTellEnds.
class Ends {
 public:
  explicit Ends(Core* core) : core_(core) {}

  // An exchange is about to be freed; its connection still counts what is unsent.
  void Note(Connection* connection, const Exchange& exchange);
  // No exchange: `line` is what was received of the request line.
  void NoteRefusal(Connection* connection,
                   uint32_t status,
                   uint64_t body_bytes,
                   std::string_view line);
  // Bytes have left.
  void Sent(Connection* connection);
  // What has not left will not.
  void Closed(Connection* connection);

  // What is in the table was handed to JavaScript.
  void TellEarly();

  bool waiting() const { return !told_.empty(); }
  // Moves ends to the shared memory, in order, as many as it has room for.
  void HandOver();

 private:
  // One end; its number in the stream of the connection's bytes is `at`.
  struct End {
    bool in_use = false;
    bool aborted = false;
    bool refused = false;
    uint16_t status = 0;
    uint32_t generation = 0;
    uint32_t next = kNoIndex;
    uint32_t server = 0;
    uint32_t index = kNoIndex;
    uint32_t exchange_generation = 0;
    uint32_t connection = 0;
    uint32_t epoch = 0;  // where the record of the request is
    uint32_t record = 0;
    uint64_t at = 0;
    uint64_t body_bytes = 0;
    uint64_t started_us = 0;
    uint64_t ended_us = 0;
    std::string line;
  };

  void Finish(Server* server, End&& end);

  Core* core_;
  Slab<End> unsent_;  // in order for each connection: first_end, last_end
  std::deque<End> told_;
  std::vector<End> early_;  // of requests that JavaScript is yet to be handed
};

}  // namespace chaussette

#endif  // NATIVE_CORE_ENDS_H_
