// The half of RequestReader that takes bodies: their bytes, their end, and what
// the application wants of them.
#include <cstring>

#include "core/core.h"
#include "core/request_reader.h"
#include "core/response_writer.h"

namespace chaussette {

// The record that body bytes of the exchange, or their end, are added to: its
// newest one while that is in the table, else a new one.
uint32_t* RequestReader::BodyRecord(Exchange* e) {
  RequestTable& table = core_->table();
  return e->record_epoch == table.epoch() ? table.record(e->record) : NewBodyRecord(e);
}

uint32_t* RequestReader::NewBodyRecord(Exchange* e) {
  RequestTable& table = core_->table();
  e->record = table.record_count();
  e->record_epoch = table.epoch();
  return table.AddRecord(kEventBody, e->index, e->generation, core_->ConnectionOf(*e)->server->tag);
}

// With node:http each chunk is a piece of its own. Thousands that come at once are not worth
// their records.
bool RequestReader::StaysApart(const Exchange& e) const {
  return e.chunked_request && core_->ConnectionOf(e)->server->is(kNodeStyle) &&
         core_->table().record_count() < kRecordsMax / 2;
}

void RequestReader::AddBody(Exchange* e, const char* at, size_t length) {
  RequestTable& table = core_->table();
  BodyBlocks& blocks = core_->body_blocks();
  uint32_t* record = BodyRecord(e);
  // Behind what an earlier read has brought there may be bytes of others.
  const bool joins = e->body_start == start_ && !StaysApart(*e);
  if (record[kRecordBodyLength] != 0 && !joins) record = NewBodyRecord(e);
  if (record[kRecordBodyLength] == 0) {
    e->body_start = start_;
    record[kRecordBodyOffset] = in_block_ ? blocks.OffsetOf(at) : table.OffsetOf(at);
    if (in_block_) {
      record[kRecordFlags] |= kFlagBodyInBlock;
      record[kRecordCode] = blocks.slot();
    }
  }
  const uint32_t end = record[kRecordBodyOffset] + record[kRecordBodyLength];
  // Chunks become one run of bytes: the framing between them is overwritten.
  char* to = in_block_ ? blocks.At(end) : table.At(end);
  if (to != at) memmove(to, at, length);
  record[kRecordBodyLength] += static_cast<uint32_t>(length);
  Keep(to + length);
}

Refusal RequestReader::OnBody(const char* at, size_t length) {
  Connection* c = current_;
  Exchange* e = core_->exchanges().at(c->last_exchange);
  // The client did not wait for it; node:http closes nevertheless when it was not said.
  if (!c->server->is(kNodeStyle)) e->expect_continue = false;
  e->body_bytes += length;
  if (!e->chunked_request) e->body_bytes_left -= length;
  const uint64_t body_max = c->server->limits.body_bytes_max;
  if (body_max != 0 && e->body_bytes > body_max) return Refusal::kBodyTooLarge;
  if (!e->body_wanted && (e->response_complete || e->body_dropped)) {
    // Nobody reads it any more. node:http reads over all of it, as long as bytes come.
    if (e->response_complete && c->server->is(kNodeStyle)) return Refusal::kNone;
    e->unconsumed_bytes += static_cast<uint32_t>(length);
    if (e->unconsumed_bytes > kDiscardBytesMax) {
      e->close = true;
      c->no_more_requests = true;
      if (!e->response_complete) c->read_paused = true;
      core_->Touch(c);
    }
    return Refusal::kNone;
  }
  AddBody(e, at, length);
  e->unconsumed_bytes += static_cast<uint32_t>(length);
  if (e->unconsumed_bytes > kBodyWindowBytes) c->read_paused = true;
  return Refusal::kNone;
}

void RequestReader::OnMessageComplete(Connection* c) {
  Exchange* e = core_->exchanges().at(c->last_exchange);
  e->request_complete = true;
  if (!c->server->is(kNodeStyle)) e->expect_continue = false;
  if (!e->response_complete || e->body_wanted) {
    uint32_t* record = BodyRecord(e);
    record[kRecordFlags] |= kFlagBodyComplete;
    if (!c->parser->trailers().empty()) AddTrailers(c, e, record);
  }
  ReleaseParser(c);
  if (c->read_paused) ResumeReading(c);
  if (e->response_complete) core_->Touch(c);
}

// Trailers have a record of their own kind, since a request record points to
// the fields of the head.
void RequestReader::AddTrailers(Connection* c, Exchange* e, uint32_t* record) {
  RequestTable& table = core_->table();
  if (record[kRecordKind] == kEventRequest) {
    record[kRecordFlags] &= ~static_cast<uint32_t>(kFlagBodyComplete);
    record = table.AddRecord(kEventBody, e->index, e->generation, c->server->tag);
    record[kRecordFlags] = kFlagBodyComplete;
  }
  const std::string& bytes = c->parser->trailer_bytes();
  const std::vector<HeaderSpan>& trailers = c->parser->trailers();
  char* to = in_block_ ? table.tail() : table.At(table.OffsetOf(limit_));
  memcpy(to, bytes.data(), bytes.size());
  if (in_block_) {
    table.Keep(to + bytes.size());
  } else {
    limit_ += bytes.size();
    Keep(limit_);
  }
  record[kRecordHeadOffset] = table.OffsetOf(to);
  record[kRecordHeadLength] = static_cast<uint32_t>(bytes.size());
  record[kRecordHeaderFirst] =
      table.AddHeaders(trailers.data(), static_cast<uint32_t>(trailers.size()));
  record[kRecordHeaderCount] = static_cast<uint32_t>(trailers.size());
}

void RequestReader::WantBody(Exchange* e) {
  if (e->body_wanted || e->request_complete) return;
  e->body_wanted = true;
  // In place of node:http the application says it.
  const bool node = core_->ConnectionOf(*e)->server->is(kNodeStyle);
  if (e->expect_continue && !e->response_started && !node) {
    e->expect_continue = false;
    core_->writer().SendContinue(e);
  }
}

void RequestReader::ConsumeBody(Exchange* e, uint32_t bytes) {
  e->unconsumed_bytes -= bytes < e->unconsumed_bytes ? bytes : e->unconsumed_bytes;
  Connection* c = core_->ConnectionOf(*e);
  if (c->read_paused && !e->request_complete && e->unconsumed_bytes <= kBodyWindowBytes / 2) {
    ResumeReading(c);
    core_->UpdateDeadline(c);
  }
}

void RequestReader::DropBody(Exchange* e) {
  if (e->request_complete) return;
  e->body_wanted = false;
  e->body_dropped = true;
  DiscardBody(e);
  core_->UpdateDeadline(core_->ConnectionOf(*e));
}

// What comes behind a request with Upgrade is HTTP after all, and the end of the
// client is seen.
void RequestReader::ReadOn(Exchange* e) {
  e->upgrade = false;
  Connection* c = core_->ConnectionOf(*e);
  // What holds its body back is not the upgrade.
  if (!c->read_paused || !e->request_complete) return;
  if (c->spill != nullptr) return core_->Resume(c);
  ResumeReading(c);
}

void RequestReader::DiscardBody(Exchange* e) {
  e->unconsumed_bytes = 0;
  Connection* c = core_->ConnectionOf(*e);
  if (c->read_paused) ResumeReading(c);
}

}  // namespace chaussette
