#include "core/ends.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/core.h"

namespace chaussette {
namespace {

// nginx's words for it: the client has closed the request, or we have closed the
// connection without an answer.
constexpr uint16_t kStatusClientGone = 499;
constexpr uint16_t kStatusNoAnswer = 444;

uint32_t Low(uint64_t number) {
  return static_cast<uint32_t>(number);
}

uint32_t High(uint64_t number) {
  return static_cast<uint32_t>(number >> 32);
}

}  // namespace

void Ends::Note(Connection* c, const Exchange& e) {
  if (e.silent) return;
  // Whoever has taken the connection answers, mostly with this.
  const bool taken = e.tunnel || (e.response_complete && !e.response_started);
  End end;
  end.server = c->server->tag;
  end.index = e.index;
  end.exchange_generation = e.generation;
  end.connection = c->serial;
  end.epoch = e.request_epoch;
  end.record = e.request_record;
  end.body_bytes = e.body_sent;
  end.started_us = e.started_us;
  end.aborted = !taken && (e.cut || !e.response_complete);
  end.status = e.status != 0 ? e.status
               : taken       ? (e.is_connect ? 200 : 101)
               : e.cut       ? kStatusNoAnswer
                             : kStatusClientGone;
  if (end.aborted || e.out.bytes() > 0) {
    end.aborted = true;
    // What it has in the queue of the connection is not sent any more.
    end.body_bytes -= std::min(end.body_bytes, c->out.bytes() + e.out.bytes());
  } else if (!c->out.empty()) {
    end.at = c->queue_end();
    uint32_t index;
    End* kept = unsent_.Take(&index);
    end.in_use = true;
    end.generation = kept->generation;
    *kept = std::move(end);
    (c->last_end == kNoIndex ? c->first_end : unsent_.at(c->last_end)->next) = index;
    c->last_end = index;
    return;
  }
  Finish(c->server, std::move(end));
}

void Ends::NoteRefusal(Connection* c, uint32_t status, uint64_t body_bytes, std::string_view line) {
  End end;
  end.refused = true;
  end.server = c->server->tag;
  end.connection = c->serial;
  end.status = static_cast<uint16_t>(status);
  end.body_bytes = body_bytes;
  end.started_us = c->in_message() ? c->message_ms * 1000 : core_->now_us();
  end.line = line.substr(0, std::min(line.find_first_of("\r\n"), size_t{kRefusedLineBytesMax}));
  Finish(c->server, std::move(end));
  // Nobody has asked for the client's address yet.
  if (waiting()) core_->TellEnds();
}

void Ends::Sent(Connection* c) {
  while (c->first_end != kNoIndex) {
    End* end = unsent_.at(c->first_end);
    if (end->at > c->bytes_out) return;
    const uint32_t index = c->first_end;
    c->first_end = end->next;
    if (c->first_end == kNoIndex) c->last_end = kNoIndex;
    Finish(c->server, std::move(*end));
    unsent_.Give(index);
  }
}

void Ends::Closed(Connection* c) {
  while (c->first_end != kNoIndex) {
    const uint32_t index = c->first_end;
    End* end = unsent_.at(index);
    c->first_end = end->next;
    end->aborted = true;
    end->body_bytes -= std::min(end->body_bytes, end->at - c->bytes_out);
    Finish(c->server, std::move(*end));
    unsent_.Give(index);
  }
  c->last_end = kNoIndex;
}

void Ends::TellEarly() {
  for (End& end : early_) told_.push_back(std::move(end));
  early_.clear();
}

void Ends::Finish(Server* server, End&& end) {
  end.ended_us = core_->now_us();
  const uint64_t us = end.ended_us > end.started_us ? end.ended_us - end.started_us : 0;
  if (server->measures != nullptr) {
    Measures& m = *server->measures;
    const uint32_t* last = kDurationBoundsUs + kDurationBounds;
    const uint32_t* bound = std::lower_bound(kDurationBoundsUs, last, us);
    m.durations[bound - kDurationBoundsUs]++;
    m.duration_us += us;
    m.statuses[end.status < 1000 ? end.status : 0]++;
    m.aborted += end.aborted ? 1 : 0;
  }
  if (!server->is(kTellEnds)) return;
  if (core_->IsKnown(end.epoch, end.record)) {
    told_.push_back(std::move(end));
  } else {
    early_.push_back(std::move(end));
  }
}

void Ends::HandOver() {
  uint32_t* words = core_->memory().ends;
  char* text = core_->memory().end_text;
  uint32_t count = 0;
  uint32_t used = 0;
  for (; count < kEndsMax && !told_.empty(); count++, words += kEndWords) {
    const End& end = told_.front();
    const uint32_t length = static_cast<uint32_t>(end.line.size());
    if (used + length > kEndTextBytes) break;
    memcpy(text + used, end.line.data(), length);
    const uint64_t us = end.ended_us > end.started_us ? end.ended_us - end.started_us : 0;
    words[kEndServer] = end.server;
    words[kEndIndex] = end.index;
    words[kEndGeneration] = end.exchange_generation;
    words[kEndConnection] = end.connection;
    words[kEndStatus] = end.status;
    words[kEndFlags] = (end.aborted ? kEndAborted : 0u) | (end.refused ? kEndRefused : 0u);
    words[kEndBytes] = Low(end.body_bytes);
    words[kEndBytesHigh] = High(end.body_bytes);
    words[kEndDurationUs] = Low(us);
    words[kEndDurationUsHigh] = High(us);
    words[kEndAgeMs] = Low((core_->now_us() - end.ended_us) / 1000);
    words[kEndTextOffset] = used;
    words[kEndTextLength] = length;
    used += length;
    told_.pop_front();
  }
  core_->memory().control[kControlEnds] = count;
}

}  // namespace chaussette
