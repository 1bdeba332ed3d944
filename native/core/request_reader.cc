#include "core/request_reader.h"

#include <sys/epoll.h>

#include <cstdio>
#include <cstring>

#include "core/check.h"
#include "core/core.h"
#include "core/response_writer.h"

namespace chaussette {
namespace {

uint32_t FlagIf(bool condition, RecordFlag flag) {
  return condition ? flag : 0u;
}

}  // namespace

bool RequestReader::IsTunnel(const Connection& c) {
  return c.first_exchange != kNoIndex && core_->exchanges().at(c.first_exchange)->tunnel;
}

size_t RequestReader::ReadRoom(const Connection& connection) {
  // Trailers are stored behind the bytes that they came with, and so is the copy
  // for who has tapped the connection.
  return kReadBytesMax + kBodyBlockBytes + kTrailerBytesMax +
         (connection.spill != nullptr ? connection.spill->bytes.size() : 0);
}

void RequestReader::Read(Connection* c) {
  if (c->state == ConnectionState::kLingering) return ReadLingering(c);
  if (!c->open() || c->read_paused || c->peer_closed) return;
  if (c->awaits_proxy() && !ReadProxyHeader(c)) return;
  RequestTable& table = core_->table();
  const size_t spilled = c->spill != nullptr ? c->spill->bytes.size() : 0;
  char* base = nullptr;
  ssize_t n;
  if (c->bulk && spilled == 0 && !c->tapped) base = ReadBlock(c, &n);
  in_block_ = base != nullptr && n >= static_cast<ssize_t>(kBodyBlockShareMin);
  if (base == nullptr) {
    base = table.tail();
    n = Receive(c, base + spilled, kReadBytesMax);
  } else if (!in_block_ && n > 0) {
    base = static_cast<char*>(memcpy(table.tail(), base, static_cast<size_t>(n)));
  }
  if (n == kWouldBlock) return;
  if (n == kBroken) {
    c->broken = c->channel.session == nullptr;
    if (TellsRefusals(*c)) {
      const TlsTransport* tls = core_->TlsOf(*c);
      const char* problem = tls != nullptr ? tls->Problem(c->channel) : nullptr;
      const char* code = problem != nullptr ? "ERR_SSL" : "";
      TellRefusal(c, RefusalOf(Refusal::kNone), code, problem, nullptr);
    }
    if (c->channel.session == nullptr) return core_->Kill(c);
    // An alert has told the client what is wrong: bytes that nobody reads would
    // have it destroyed by a reset.
    core_->MakePlain(c);
    return core_->Linger(c);
  }
  if (n == kForeign) {
    core_->MakePlain(c);
    // OpenSSL 3.5 takes five bytes, where 3.0 took more: what nobody reads would
    // make a reset of a close, and lose the answer with it.
    Receive(c, base, kReadBytesMax);
    return Refuse(c, Refusal::kPlainOnTls);
  }
  if (n == 0) return OnEndOfStream(c);
  c->server->bytes_in += static_cast<uint64_t>(n);
  c->bytes_in += static_cast<uint64_t>(n);
  c->active_ms = core_->now_ms();
  size_t parsed = 0;
  if (spilled != 0) {
    memcpy(base, c->spill->bytes.data(), spilled);
    parsed = c->spill->parsed;
  }
  c->spill.reset();
  if (IsTunnel(*c)) return PassOn(c, base, base + n);
  Parse(c, base, base + parsed, base + spilled + n, base + spilled);
}

// Into memory that JavaScript may keep. nullptr when there is none.
char* RequestReader::ReadBlock(Connection* c, ssize_t* length) {
  BodyBlocks& blocks = core_->body_blocks();
  char* to = blocks.HasBlock() ? blocks.Take() : nullptr;
  if (to != nullptr) *length = Receive(c, to, kBodyBlockBytes);
  return to;
}

// As Transport::Read; what the transport waits for is seen to.
ssize_t RequestReader::Receive(Connection* c, char* to, size_t room) {
  const ssize_t n = c->transport->Read(&c->channel, to, room);
  if (c->channel.more) core_->ReadAgain(c);
  if (c->channel.wants_write) core_->Watch(c, c->epoll_events | EPOLLOUT);
  return n;
}

// Bytes of another protocol go to whoever has taken the exchange over.
void RequestReader::PassOn(Connection* c, const char* from, const char* end) {
  kept_ = start_ = from;
  limit_ = end;
  Exchange* e = core_->exchanges().at(c->first_exchange);
  AddBody(e, from, static_cast<size_t>(end - from));
  e->unconsumed_bytes += static_cast<uint32_t>(end - from);
  if (e->unconsumed_bytes > kBodyWindowBytes) c->read_paused = true;
  KeepRead();
}

void RequestReader::ReadLingering(Connection* c) {
  // The arena's free end serves as a place to throw bytes at.
  char* to = core_->table().tail();
  const ssize_t n = Receive(c, to, kReadBytesMax);
  if (n == kWouldBlock) return;
  c->linger_bytes += n > 0 ? static_cast<uint32_t>(n) : 0;
  if (c->tapped && n > 0) {
    packet_ = to;
    limit_ = packet_end_ = to + n;
    Tap(*c, CopyPacket(), static_cast<size_t>(n));
    core_->table().Keep(limit_);
  }
  if (n <= 0 || c->linger_bytes > kLingerBytesMax) core_->Kill(c);
}

void RequestReader::OnEndOfStream(Connection* c) {
  c->peer_closed = true;
  c->no_more_requests = true;
  core_->Watch(c, c->epoll_events & ~static_cast<uint32_t>(EPOLLIN));
  if (IsTunnel(*c)) {
    BodyRecord(core_->exchanges().at(c->first_exchange))[kRecordFlags] |= kFlagBodyComplete;
    return;
  }
  if (c->in_message()) {
    if (c->parser->in_head() || c->server->is(kNodeStyle)) {
      return Refuse(c, Refusal::kIncomplete);
    }
    return core_->Kill(c);
  }
  c->spill.reset();
  if (c->in_flight == 0 && c->out.empty()) return core_->Leave(c);
  if (c->server->is(kNodeStyle) && !c->server->is(kHalfOpen)) return core_->EndAfterFlush(c);
  core_->UpdateDeadline(c);
}

void RequestReader::ParseSpill(Connection* c) {
  if (!c->open() || c->in_message()) return;
  ResumeReading(c);
  if (c->spill == nullptr) return;
  std::unique_ptr<Spill> spill = std::move(c->spill);
  char* base = core_->table().tail();
  memcpy(base, spill->bytes.data(), spill->bytes.size());
  in_block_ = false;
  Parse(c, base, base, base + spill->bytes.size(), nullptr);
}

// `received`: from there on it came just now; nullptr when all was held back.
void RequestReader::Parse(
    Connection* c, const char* base, const char* from, const char* end, const char* received) {
  current_ = c;
  start_ = kept_ = base;
  limit_ = packet_end_ = end;
  packet_ = received != nullptr ? received : from;
  const bool tapped = c->tapped && received != nullptr;
  const char* copy = tapped ? CopyPacket() : nullptr;
  const char* p = from;
  while (c->open()) {
    if (!c->in_message()) {
      if (c->last_exchange != kNoIndex && core_->exchanges().at(c->last_exchange)->upgrade) {
        // Whether these bytes are HTTP is for the application to say.
        if (p < end) Hold(c, p, end, 0);
        c->read_paused = true;
        break;
      }
      p = SkipEmptyLines(c, p, end);
      if (!c->open()) break;
      if (c->no_more_requests) Discard(c, static_cast<size_t>(end - p));
      if (p == end || c->no_more_requests) break;
      if (!BeginMessage(c, p, end)) break;
      base = p;
    }
    message_ = base;
    const RequestParser::Outcome outcome = c->parser->Execute(this, base, p, end, &p);
    if (outcome == RequestParser::Outcome::kRefused) {
      Refuse(c, c->parser->refusal());
      break;
    }
    if (outcome == RequestParser::Outcome::kNeedMore) {
      if (c->parser->in_head()) {
        Hold(c, base, end, static_cast<size_t>(end - base));
      }
      break;
    }
    OnMessageComplete(c);
  }
  if (tapped) Tap(*c, copy, static_cast<size_t>(packet_end_ - packet_));
  KeepRead();
  current_ = nullptr;
  if (c->open()) core_->UpdateDeadline(c);
}

// Empty lines in front of a request line are skipped (RFC 9112 §2.2), as many as
// a head may have bytes.
const char* RequestReader::SkipEmptyLines(Connection* c, const char* from, const char* end) {
  const char* p = from;
  while (p < end && (*p == '\r' || *p == '\n')) p++;
  if (p == from) return p;
  c->skipped_bytes += static_cast<uint32_t>(p - from);
  if (c->skipped_bytes > c->server->limits.head_bytes_max && !c->no_more_requests) {
    Refuse(c, Refusal::kBadRequest);
  }
  return p;
}

// What comes behind the last request is thrown away, but not without end.
void RequestReader::Discard(Connection* c, size_t bytes) {
  if (c->refusal_told && TellsRefusals(*c)) {
    uint32_t* record = TellRefusal(c, RefusalOf(Refusal::kBadRequest), "", nullptr, nullptr);
    if (record != nullptr) record[kRecordFlags] = kFlagRefusedAgain;
  }
  c->linger_bytes += static_cast<uint32_t>(bytes);
  if (c->linger_bytes > kLingerBytesMax) core_->Kill(c);
}

// What was received up to `end` is referred to by a record.
void RequestReader::Keep(const char* end) {
  if (end > kept_) kept_ = end;
}

// After a read: the next one goes behind what records refer to.
void RequestReader::KeepRead() {
  if (!in_block_) {
    core_->table().Keep(kept_);
  } else if (kept_ != start_) {
    core_->body_blocks().Give();
  }
}

// Heads are in the arena. Returns the offset.
uint32_t RequestReader::KeepHead(const Head& head) {
  RequestTable& table = core_->table();
  if (!in_block_) {
    Keep(head.base + head.length);
    return table.OffsetOf(head.base);
  }
  char* to = static_cast<char*>(memcpy(table.tail(), head.base, head.length));
  table.Keep(to + head.length);
  return table.OffsetOf(to);
}

// Whether the request at `from` may be parsed now. If not, it waits in the spill.
bool RequestReader::BeginMessage(Connection* c, const char* from, const char* end) {
  // Who does not take the answers gets no new ones made.
  c->write_blocked = c->out.bytes() > kWriteWindowBytes;
  bool wait = c->write_blocked || c->in_flight >= kPipelinedRequestsMax ||
              (c->answers_wait && WaitingBytes(c) > kWaitingBytesMax);
  if (!wait && c->in_flight > 0) {
    // Side by side only safe with safe (RFC 9112 §9.3.2).
    const Safety safety = SafetyOf(from, end);
    if (safety == Safety::kUnknown) {
      Hold(c, from, end, 0);
      return false;
    }
    const Exchange& last = *core_->exchanges().at(c->last_exchange);
    // What begins with no letter of a method is refused at once.
    wait = (safety == Safety::kUnsafe || !last.safe) && *from >= 'A' && *from <= 'Z';
  }
  const bool no_room = !core_->HasMessageRoom();
  if (wait || no_room) {
    Hold(c, from, end, 0);
    c->read_paused = true;
    if (!wait) core_->Resume(c);
    return false;
  }
  c->skipped_bytes = 0;
  c->late = false;
  // Each head has its own deadline, even if the one before it came in pieces.
  if (c->deadline == Deadline::kHead) c->deadline = Deadline::kNone;
  c->message_ms = core_->now_ms();
  c->parser = core_->TakeParser();
  const ServerLimits& limits = c->server->limits;
  c->parser->Begin({limits.head_bytes_max,
                    limits.headers_max,
                    c->server->is(kNodeStyle),
                    c->server->is(kBareUpgrades)});
  return true;
}

// Of the responses behind the one in front.
uint64_t RequestReader::WaitingBytes(Connection* c) {
  uint64_t bytes = 0;
  for (uint32_t i = c->first_exchange; i != kNoIndex; i = core_->exchanges().at(i)->next) {
    bytes += core_->exchanges().at(i)->out.bytes();
  }
  c->answers_wait = bytes > 0;
  return bytes;
}

void RequestReader::Hold(Connection* c, const char* from, const char* end, size_t parsed) {
  c->spill = std::make_unique<Spill>();
  c->spill->bytes.assign(from, static_cast<size_t>(end - from));
  c->spill->parsed = parsed;
}

void RequestReader::ReleaseParser(Connection* c) {
  if (c->parser == nullptr) return;
  core_->GiveParser(c->parser);
  c->parser = nullptr;
}

Refusal RequestReader::OnHead(const Head& head) {
  Connection* c = current_;
  Server* server = c->server;
  const uint64_t body_max = server->limits.body_bytes_max;
  if (body_max != 0 && head.content_length > body_max) {
    return Refusal::kBodyTooLarge;
  }
  // node:http hands an upgrade on before it looks for Host.
  const bool hostless = server->is(kHostOptional) || (head.upgrade && server->is(kNodeStyle));
  if (head.host_missing && !hostless) return Refusal::kHostMissing;
  // Programs for node:http are used to reading a fragment, and a Host that is no authority.
  if (head.has_fragment && !server->is(kNodeStyle)) return Refusal::kTargetForm;
  if (head.host_invalid && !server->is(kNodeStyle)) return Refusal::kHostInvalid;
  if (head.expect_other && !server->is(kNodeStyle)) return Refusal::kExpectation;
  core_->MoveEvents();
  Exchange* e = core_->AddExchange(c);
  e->safe = SafetyOf(head.base, head.end) == Safety::kSafe;
  e->is_head = head.is_head;
  // An Upgrade field of HTTP/1.0 is ignored (RFC 9110 §7.8).
  e->upgrade = (head.upgrade && head.minor == 1) || head.is_connect;
  e->is_connect = head.is_connect;
  e->http10 = head.minor == 0;
  // Nobody knows what follows when it is not taken.
  e->keep_alive = head.keep_alive && !head.is_connect && !head.bare_upgrade;
  e->chunked_request = head.chunked;
  e->body_bytes_left = head.content_length;
  // node:http says 100 whether or not there is a body.
  e->expect_continue = head.expect_continue && (head.has_body || server->is(kNodeStyle));
  server->requests++;
  if (!e->keep_alive) c->no_more_requests = true;
  c->requests++;
  c->request_epoch = core_->table().epoch();
  const uint32_t requests_max = server->limits.requests_max;
  e->last_allowed = requests_max != 0 && c->requests >= requests_max && !e->http10;

  RequestTable& table = core_->table();
  e->record = table.record_count();
  e->record_epoch = table.epoch();
  e->request_record = e->record;
  e->request_epoch = e->record_epoch;
  uint32_t* record = table.AddRecord(kEventRequest, e->index, e->generation, server->tag);
  record[kRecordFlags] = FlagIf(e->keep_alive, kFlagKeepAlive) | FlagIf(e->http10, kFlagHttp10) |
                         FlagIf(head.has_body, kFlagHasBody) | FlagIf(e->upgrade, kFlagUpgrade) |
                         FlagIf(e->expect_continue, kFlagExpectContinue) |
                         FlagIf(head.expect_other, kFlagExpectOther) |
                         FlagIf(e->last_allowed && c->requests > requests_max, kFlagDropped);
  record[kRecordConnection] = c->serial;
  record[kRecordMethod] = head.method;
  record[kRecordHeadOffset] = KeepHead(head);
  record[kRecordHeadLength] = head.length;
  record[kRecordTargetOffset] = head.target_offset;
  record[kRecordTargetLength] = head.target_length;
  record[kRecordHeaderFirst] = table.AddHeaders(head.headers, head.header_count);
  record[kRecordHeaderCount] = head.header_count;
  c->bulk = head.has_body && (head.chunked || head.content_length >= kBulkBodyBytesMin);
  return Refusal::kNone;
}

void RequestReader::ResumeReading(Connection* c) {
  c->read_paused = false;
  if (!c->open() || c->peer_closed) return;
  core_->Watch(c, c->epoll_events | EPOLLIN);
  if (c->channel.more || c->channel.wants_write) core_->ReadAgain(c);
}

}  // namespace chaussette
