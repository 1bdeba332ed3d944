// The half of RequestReader that tells JavaScript of what is no request: bytes that
// somebody reads along, and why a request is refused.
#include <cstdio>
#include <cstring>

#include "core/core.h"
#include "core/request_reader.h"
#include "core/response_writer.h"

namespace chaussette {

// Keeps a copy of what was received: parsing may move it. Returns where it is.
char* RequestReader::CopyPacket() {
  const size_t length = static_cast<size_t>(packet_end_ - packet_);
  RequestTable& table = core_->table();
  char* to = table.At(table.OffsetOf(limit_));
  memcpy(to, packet_, length);
  limit_ = to + length;
  Keep(limit_);
  return to;
}

// Hands on a copy, behind what was found in it, as a listener of 'data' hears it
// after node:http's own.
void RequestReader::Tap(const Connection& c, const char* copy, size_t length) {
  core_->MoveEvents();
  RequestTable& table = core_->table();
  if (!table.HasRecord()) return;
  uint32_t* record = table.AddRecord(kEventBytes, kNoIndex, 0, c.server->tag);
  record[kRecordConnection] = c.serial;
  record[kRecordBodyOffset] = table.OffsetOf(copy);
  record[kRecordBodyLength] = static_cast<uint32_t>(length);
}

void RequestReader::Refuse(Connection* c, Refusal refusal) {
  // A refused body belongs to an exchange that the application has: it learns
  // that the client is gone, and the answer is ours if it has not begun its own.
  Exchange* broken = nullptr;
  if (c->in_message() && !c->parser->in_head() && c->last_exchange != kNoIndex) {
    broken = core_->exchanges().at(c->last_exchange);
  }
  const RefusalEntry& entry = RefusalOf(refusal);
  const char* name = c->in_message() ? c->parser->error_name() : nullptr;
  // As node:http: JavaScript knows which of its requests are answered, this one too, and
  // does not wait for responses that have not begun.
  const bool has_requests = c->server->is(kNodeStyle) && c->in_flight > 0;
  const bool told = (TellsRefusals(*c) || has_requests) && refusal != Refusal::kHostMissing &&
                    TellRefusal(c,
                                entry,
                                name != nullptr ? name : entry.node_error,
                                name != nullptr ? c->parser->error_reason()
                                : strchr(entry.node_error, ' ') != nullptr ? nullptr
                                                                           : entry.text,
                                c->in_message() ? c->parser->error_at() : nullptr) != nullptr;
  if (told && entry.node_status == 408) {
    // As with node:http it may still come, for an application that does not close.
    c->server->refusals[static_cast<size_t>(refusal)]++;
    c->late = true;
    return core_->UpdateDeadline(c);
  }
  if (c->server->watched() && broken == nullptr) NoteRefusal(c, entry);
  ReleaseParser(c);
  c->spill.reset();
  c->no_more_requests = true;
  c->server->refusals[static_cast<size_t>(refusal)]++;
  if (told) {
    // Its request has no end any more; when it is answered nevertheless, that is all.
    c->refusal_told = broken == nullptr;
    if (broken != nullptr) broken->close = true;
    if (broken != nullptr && broken->response_complete) core_->Touch(c);
    return core_->UpdateDeadline(c);
  }
  core_->writer().SendRefusal(c, broken, refusal);
}

void RequestReader::NoteRefusal(Connection* c, const RefusalEntry& entry) {
  const bool node = c->server->is(kNodeStyle);
  std::string_view received;
  if (current_ == c && c->in_message()) {
    received = {message_, static_cast<size_t>(packet_end_ - message_)};
  } else if (c->spill != nullptr) {
    received = c->spill->bytes;
  }
  core_->ends().NoteRefusal(
      c, node ? entry.node_status : entry.status, RefusalBodyBytes(node, entry), received);
}

// Whether JavaScript answers: somebody listens at the server, or has the socket,
// which tells of the error.
bool RequestReader::TellsRefusals(const Connection& c) {
  return c.server->is(kTellRefusals) || (c.end_wanted && c.server->is(kNodeStyle));
}

// Leaves the answer to the application. The record; nullptr when there is no room to tell.
uint32_t* RequestReader::TellRefusal(Connection* c,
                                     const RefusalEntry& entry,
                                     const char* code,
                                     const char* reason,
                                     const char* stopped) {
  RequestTable& table = core_->table();
  core_->MoveEvents();
  constexpr size_t kTextBytes = 256;
  if (!table.HasRecord() || !table.HasBytes(kTextBytes)) return nullptr;
  uint32_t* record = table.AddRecord(kEventRefused, kNoIndex, 0, c->server->tag);
  record[kRecordCode] = entry.node_status;
  record[kRecordConnection] = c->serial;
  const bool parsing = current_ == c && !in_block_;
  if (parsing) {
    const bool inside = stopped >= packet_ && stopped <= packet_end_;
    record[kRecordHeadOffset] = table.OffsetOf(packet_);
    record[kRecordHeadLength] = static_cast<uint32_t>(packet_end_ - packet_);
    record[kRecordTargetOffset] = inside ? static_cast<uint32_t>(stopped - packet_) : 0;
  }
  char* to = parsing ? table.At(table.OffsetOf(limit_)) : table.tail();
  const int n = *code == '\0'       ? 0
                : reason == nullptr ? snprintf(to, kTextBytes, "%s", code)
                                    : snprintf(to, kTextBytes, "%s %s", code, reason);
  record[kRecordBodyOffset] = table.OffsetOf(to);
  record[kRecordBodyLength] = static_cast<uint32_t>(n < 0 ? 0 : n);
  if (parsing) {
    limit_ = to + n;
    Keep(limit_);
  } else {
    table.Keep(to + n);
  }
  return record;
}

}  // namespace chaussette
