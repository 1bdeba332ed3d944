#include "core/response_writer.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/check.h"
#include "core/core.h"
#include "core/glibc_floor.h"
#include "core/request_reader.h"

namespace chaussette {
namespace {

// The words behind the head of a command: lengths, the length of the reason
// phrase (none for trailers), then the bytes.
GivenHead ReadGivenHead(const uint32_t* words, bool has_reason) {
  GivenHead head;
  head.status = words[kCommandA];
  head.count = words[kCommandB];
  head.lengths = words + kCommandHead;
  const uint32_t* p = head.lengths + 2 * head.count;
  head.reason_length = has_reason ? *p++ : 0;
  head.reason = reinterpret_cast<const char*>(p);
  head.fields = head.reason + head.reason_length;
  return head;
}

const char* BehindFields(const GivenHead& head) {
  const char* p = head.fields;
  for (uint32_t i = 0; i < 2 * head.count; i++) p += head.lengths[i];
  return p;
}

}  // namespace

void ResponseWriter::Run(const char* commands, uint32_t size) {
  date_.Refresh();
  uint32_t offset = 0;
  while (offset < size) {
    const uint32_t* words = reinterpret_cast<const uint32_t*>(commands + offset);
    const uint32_t length = words[kCommandSize];
    CHECK(length >= kCommandHead * 4 && length <= size - offset);
    Exchange* exchange = core_->exchanges().Find(words[kCommandIndex], words[kCommandGeneration]);
    if (exchange != nullptr) RunOne(words, exchange);
    offset += length;
  }
}

void ResponseWriter::RunOne(const uint32_t* words, Exchange* e) {
  switch (words[kCommandOp]) {
    case kOpRespond: return Respond(words, e);
    case kOpInfo: return RespondInfo(words, e);
    case kOpChunk: return Chunk(words, e);
    case kOpEnd: return End(words, e);
    case kOpFile: return File(words, e);
    case kOpConsume: return core_->reader().ConsumeBody(e, words[kCommandA]);
    case kOpReadBody: return core_->reader().WantBody(e);
    case kOpDiscardBody: return core_->reader().DropBody(e);
    case kOpWatchEnd: core_->ConnectionOf(*e)->end_wanted = true; return;
    case kOpWatchFlush: e->want_flushed = true; return;
    case kOpReadOn: return core_->reader().ReadOn(e);
    case kOpAbort:
      if (e->response_complete) return;
      if (!e->response_started) e->out_from = core_->ConnectionOf(*e)->queue_end();
      if (words[kCommandA] != 0) DropUnsent(e);
      e->response_started = true;
      e->close = e->cut = true;
      e->want_flushed = false;
      return Complete(e);
    default: CHECK(false);
  }
}

void ResponseWriter::DropUnsent(Exchange* e) {
  Connection* c = core_->ConnectionOf(*e);
  const bool front = c->first_exchange == e->index;
  if (front && !e->response_started) return;
  OutQueue* queue = front ? &c->out : &e->out;
  uint64_t kept = front && e->out_from > c->bytes_out ? e->out_from - c->bytes_out : 0;
  // A record of TLS that the socket has not taken is offered again.
  if (front) kept = std::max<uint64_t>(kept, c->channel.held);
  e->body_sent -= std::min(e->body_sent, queue->bytes() - kept);
  queue->Truncate(&core_->blocks(), kept);
}

OutQueue* ResponseWriter::QueueOf(Exchange* e) {
  Connection* c = core_->ConnectionOf(*e);
  if (c->first_exchange == e->index) return &c->out;
  c->answers_wait = true;
  return &e->out;
}

void ResponseWriter::Respond(const uint32_t* words, Exchange* e) {
  if (e->response_started) return;
  e->response_started = true;
  Connection* c = core_->ConnectionOf(*e);
  uint32_t flags = words[kCommandD];
  uint64_t body_bytes = words[kCommandC];
  GivenHead head = ReadGivenHead(words, true);
  const char* body = BehindFields(head);
  bool known = heads_.Knows(head, body);
  HeadFindings findings = known ? heads_.findings() : Examine(head);
  // node:http takes an informational status for the last one: who answers 101
  // goes on in another protocol.
  const uint32_t least = (flags & kNodeHead) != 0 ? 100 : 200;
  if (!findings.valid || head.status < least || head.status > 999) {
    core_->PushEvent(kEventProblem, e, c->server->tag, kProblemResponseHead);
    head = GivenHead{500, nullptr, 0, nullptr, 0, nullptr};
    findings = HeadFindings{};
    known = false;
    findings.says_close = true;
    body_bytes = 0;
    flags &= ~static_cast<uint32_t>(kStreamed | kWithReference | kHasBody);
  }
  const HeadFraming framing = DecideFraming(e, head, findings, flags, body_bytes);
  OutQueue* out = QueueOf(e);
  e->out_from = c->queue_end();
  AppendGivenHead(out, known, head, body, findings, framing);
  e->status = static_cast<uint16_t>(head.status);
  c->server->responses[head.status / 100 <= 5 ? head.status / 100 : 5]++;
  if ((flags & kWantFlushed) != 0) e->want_flushed = true;
  if ((flags & kStreamed) != 0) return core_->Touch(c);
  if (body_bytes > 0) AppendBody(words, e, body, body_bytes);
  if (e->response_chunked) out->Append(&core_->blocks(), "0\r\n\r\n", 5);
  Complete(e);
}

// `known`: HeadCache has these fields. `end`: of what JavaScript gave.
void ResponseWriter::AppendGivenHead(OutQueue* out,
                                     bool known,
                                     const GivenHead& head,
                                     const char* end,
                                     const HeadFindings& findings,
                                     const HeadFraming& framing) {
  if (known && heads_.Append(out, &core_->blocks(), head, framing)) return;
  const uint64_t before = out->bytes();
  AppendHead(out, &core_->blocks(), head, findings, framing);
  const bool given = head.lengths != nullptr;  // not a 500 of ours in its place
  if (given) heads_.Keep(head, end, findings, framing, *out, out->bytes() - before);
}

bool ResponseWriter::DecideKeep(const Exchange& e, const HeadFindings& findings) {
  const Connection& c = *core_->ConnectionOf(e);
  // node:http takes a keep-alive time-out of 0 for none.
  const bool never = c.server->limits.keep_alive_ms == 0 && !c.server->is(kNodeStyle);
  if (!e.keep_alive || e.close || findings.says_close || never) return false;
  // Whether the client will send the body that it announced is open now.
  if (e.expect_continue) return false;
  const bool unread = !e.request_complete && !e.body_wanted && !c.server->is(kNodeStyle);
  if (unread && e.body_bytes_left > kDiscardBytesMax) return false;
  const bool last = e.next == kNoIndex && c.spill == nullptr;
  return !(last && (c.server->draining || c.peer_closed));
}

HeadFraming ResponseWriter::DecideFraming(Exchange* e,
                                          const GivenHead& head,
                                          const HeadFindings& findings,
                                          uint32_t flags,
                                          uint64_t body_bytes) {
  Connection* c = core_->ConnectionOf(*e);
  HeadFraming f;
  f.http10 = e->http10;
  f.node_style = (flags & kNodeHead) != 0;
  f.no_reason = (flags & kNoReason) != 0;
  f.date = (flags & kNoDate) != 0 ? nullptr : &date_;
  f.keep_alive_ms = c->server->limits.keep_alive_ms;
  f.keep = (flags & kClose) == 0 && DecideKeep(*e, findings);
  f.says_close = !f.keep || e->last_allowed;
  f.no_connection = (flags & kNoConnection) != 0;
  f.requests_max = c->server->limits.requests_max;
  // RFC 9112 §6.3: no body whatever the fields say; RFC 9110 §8.6: no
  // Content-Length in a 1xx or 204.
  const bool bodiless = head.status < 200 || head.status == 204 || head.status == 304;
  e->response_body_allowed = !e->is_head && !bodiless;
  const bool chunked_given = findings.has_transfer_encoding && !e->http10;
  // Programs for node:http say `Content-Length: 0` in a 204 on purpose (cors does): whoever reads
  // it and whoever does not find the same end of the message.
  const bool harmless = head.status != 204 || (f.node_style && findings.content_length == 0);
  f.keep_given_length = head.status >= 200 && harmless && !chunked_given;
  const bool length_given = findings.has_content_length && !chunked_given;
  // node:http finds no length out for HTTP/1.0, and keeps no connection without one.
  const bool node10 = e->http10 && c->server->is(kNodeStyle);
  if (length_given && e->response_body_allowed) {
    e->response_has_length = true;
    e->response_left = findings.content_length;
  } else if (e->response_body_allowed) {
    if ((flags & (kStreamed | kNoLength)) == 0 && !chunked_given && !node10) {
      f.add_length = true;
      f.length = body_bytes;
      e->response_has_length = true;
      e->response_left = body_bytes;
    } else if (!e->http10 && (flags & kNoChunked) == 0) {
      f.add_chunked = e->response_chunked = true;
    } else {
      f.keep = false;  // the end of the connection ends the body
      f.says_close = true;
    }
  } else if (e->is_head && !bodiless && !length_given && !f.node_style && (flags & kHasBody) != 0) {
    f.add_length = true;  // what GET would have said
    f.length = body_bytes;
  }
  // As node:http, for clients that would wait for the last chunk.
  const bool waits = f.node_style && chunked_given && bodiless && head.status >= 200;
  if (waits || (node10 && !length_given)) {
    f.keep = false;
    f.says_close = true;
  }
  if (!f.keep) {
    e->close = true;
    c->no_more_requests = true;
  }
  // As node:http, which leaves the field of the program (`keep-alive` of event streams) to a client
  // that asked for the end itself. While draining, and for the last request, ours is the truth.
  const bool asked = !e->keep_alive && !c->server->draining && !e->last_allowed;
  if (f.node_style && findings.has_connection && asked) f.says_close = false;
  return f;
}

// Body bytes of one command, in the framing of the response.
void ResponseWriter::AppendBody(const uint32_t* words,
                                Exchange* e,
                                const char* copied,
                                uint64_t length) {
  const char* data = copied;
  void* reference = nullptr;
  if ((words[kCommandD] & kWithReference) != 0) {
    size_t available;
    if (!core_->host()->TakeReference(words[kCommandD] >> 16, &data, &available, &reference)) {
      return;
    }
    if (length > available) length = available;
  }
  if (!BeginBody(e, &length)) {
    if (reference != nullptr) core_->host()->ReleaseReference(reference);
    return;
  }
  OutQueue* out = QueueOf(e);
  if (reference != nullptr) {
    out->AppendReference(&core_->blocks(), data, length, reference);
  } else {
    out->Append(&core_->blocks(), data, length);
  }
  if (e->response_chunked) out->Append(&core_->blocks(), "\r\n", 2);
}

// Cuts the bytes to what was announced: more is not sent, because the client
// would take it for the next response. Appends the size of a chunk. False when
// nothing is to be sent.
bool ResponseWriter::BeginBody(Exchange* e, uint64_t* length) {
  if (!e->response_body_allowed) return false;
  if (e->response_has_length) {
    if (*length > e->response_left) {
      Connection* c = core_->ConnectionOf(*e);
      core_->PushEvent(kEventProblem, e, c->server->tag, kProblemContentLength);
      *length = e->response_left;
      e->close = true;
      c->no_more_requests = true;
    }
    e->response_left -= *length;
  }
  e->body_sent += *length;
  if (*length == 0) return false;  // a chunk of no bytes would be the last one
  if (e->response_chunked) {
    char size[20];
    const int n =
        snprintf(size, sizeof(size), "%llx\r\n", static_cast<unsigned long long>(*length));
    QueueOf(e)->Append(&core_->blocks(), size, static_cast<size_t>(n));
  }
  return true;
}

// A part of an open file, or the rest of it from its position on. The core has a descriptor of
// its own from here on; what is not a regular file ends the response.
void ResponseWriter::File(const uint32_t* words, Exchange* e) {
  if (!e->response_started || e->response_complete) return;
  if ((words[kCommandD] & kWantDrain) != 0) e->want_drain = true;
  UniqueFd file(fcntl(static_cast<int>(words[kCommandA]), F_DUPFD_CLOEXEC, 3));
  FileStatus about;
  const bool regular =
      file.valid() && ReadFileStatus(file.get(), &about) == 0 && S_ISREG(about.mode);
  const uint32_t* part = words + kCommandHead;
  off_t position = static_cast<off_t>(part[0] | static_cast<uint64_t>(part[1]) << 32);
  uint64_t length = part[2] | static_cast<uint64_t>(part[3]) << 32;
  if (regular && position < 0) {
    position = lseek(file.get(), 0, SEEK_CUR);
    length = about.size_bytes > position ? static_cast<uint64_t>(about.size_bytes - position) : 0;
  }
  if (!regular || position < 0) {
    e->close = e->cut = true;
    return Complete(e);
  }
  core_->Touch(core_->ConnectionOf(*e));
  if (!BeginBody(e, &length)) return;
  OutQueue* out = QueueOf(e);
  out->AppendFile(&core_->blocks(), file.Release(), position, length);
  if (e->response_chunked) out->Append(&core_->blocks(), "\r\n", 2);
}

void ResponseWriter::RespondInfo(const uint32_t* words, Exchange* e) {
  const GivenHead head = ReadGivenHead(words, true);
  const HeadFindings findings = Examine(head);
  if (e->response_started || e->http10 || head.status < 100 || head.status > 199 ||
      head.status == 101 || !findings.valid) {
    return;
  }
  HeadFraming framing;
  framing.keep_given_length = false;  // RFC 9110 §8.6
  AppendHead(QueueOf(e), &core_->blocks(), head, findings, framing);
  if (head.status == 100) e->expect_continue = false;
  core_->Touch(core_->ConnectionOf(*e));
}

void ResponseWriter::Chunk(const uint32_t* words, Exchange* e) {
  if (!e->response_started || e->response_complete) return;
  if ((words[kCommandD] & kWantDrain) != 0) e->want_drain = true;
  AppendBody(words, e, reinterpret_cast<const char*>(words + kCommandHead), words[kCommandC]);
  core_->Touch(core_->ConnectionOf(*e));
}

void ResponseWriter::End(const uint32_t* words, Exchange* e) {
  if (!e->response_started || e->response_complete) return;
  if ((words[kCommandD] & kWantFlushed) != 0) e->want_flushed = true;
  if (e->response_chunked) {
    OutQueue* out = QueueOf(e);
    BlockPool* pool = &core_->blocks();
    out->Append(pool, "0\r\n", 3);
    if (words[kCommandB] != 0 && !AppendTrailers(out, pool, ReadGivenHead(words, false))) {
      core_->PushEvent(
          kEventProblem, e, core_->ConnectionOf(*e)->server->tag, kProblemResponseHead);
    }
    out->Append(pool, "\r\n", 2);
  }
  Complete(e);
}

void ResponseWriter::Complete(Exchange* e) {
  Connection* c = core_->ConnectionOf(*e);
  if (e->response_has_length && e->response_left > 0 && !e->cut) {
    core_->PushEvent(kEventProblem, e, c->server->tag, kProblemContentLength);
    e->close = e->cut = true;
  }
  e->response_complete = true;
  if (e->close) c->no_more_requests = true;
  if (!e->request_complete && !e->body_wanted) core_->reader().DiscardBody(e);
  core_->Touch(c);
  // Done at once, so that the next response needs no queue of its own.
  if (c->first_exchange == e->index) FinishFront(c);
}

void ResponseWriter::SendContinue(Exchange* e) {
  static constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";
  QueueOf(e)->Append(&core_->blocks(), kContinue, sizeof(kContinue) - 1);
  core_->Touch(core_->ConnectionOf(*e));
}

void ResponseWriter::SendRefusal(Connection* c, Exchange* broken, Refusal refusal) {
  Exchange* e = broken;
  bool answer = true;
  if (broken != nullptr) {
    core_->PushEvent(kEventAbort, broken, c->server->tag);
    answer = !broken->response_started;
    if (broken->response_started && !broken->response_complete) {
      broken->cut = true;
    }
  } else {
    e = core_->AddExchange(c);
    e->silent = true;
  }
  e->response_started = e->response_complete = e->request_complete = true;
  e->close = true;
  e->want_flushed = false;
  if (answer) {
    date_.Refresh();
    const RefusalEntry& entry = RefusalOf(refusal);
    c->server->responses[entry.status / 100]++;
    e->status = c->server->is(kNodeStyle) ? entry.node_status : entry.status;
    e->body_sent = RefusalBodyBytes(c->server->is(kNodeStyle), entry);
    if (c->server->is(kNodeStyle)) {
      const DateCache* date = refusal == Refusal::kHostMissing ? &date_ : nullptr;
      AppendBareRefusal(QueueOf(e), &core_->blocks(), date, entry.node_status);
    } else {
      AppendPlainResponse(QueueOf(e), &core_->blocks(), date_, entry.status, entry.text);
    }
  }
  core_->Touch(c);
}

}  // namespace chaussette
