#include "layout_export.h"

#include "core/known_headers.h"
#include "core/layout.h"
#include "core/limits.h"
#include "core/measures.h"
#include "core/server.h"

namespace chaussette {
namespace {

struct Entry {
  const char* name;
  uint32_t value;
};

constexpr Entry kEntries[] = {
    {"RecordKind", kRecordKind},
    {"RecordIndex", kRecordIndex},
    {"RecordGeneration", kRecordGeneration},
    {"RecordFlags", kRecordFlags},
    {"RecordServer", kRecordServer},
    {"RecordMethod", kRecordMethod},
    {"RecordHeadOffset", kRecordHeadOffset},
    {"RecordHeadLength", kRecordHeadLength},
    {"RecordTargetOffset", kRecordTargetOffset},
    {"RecordTargetLength", kRecordTargetLength},
    {"RecordHeaderFirst", kRecordHeaderFirst},
    {"RecordHeaderCount", kRecordHeaderCount},
    {"RecordBodyOffset", kRecordBodyOffset},
    {"RecordBodyLength", kRecordBodyLength},
    {"RecordCode", kRecordCode},
    {"RecordConnection", kRecordConnection},
    {"RecordWords", kRecordWords},
    {"EventRequest", kEventRequest},
    {"EventBody", kEventBody},
    {"EventAbort", kEventAbort},
    {"EventHalfClosed", kEventHalfClosed},
    {"EventDrain", kEventDrain},
    {"EventFlushed", kEventFlushed},
    {"EventIdle", kEventIdle},
    {"EventProblem", kEventProblem},
    {"EventClosed", kEventClosed},
    {"EventUnproxied", kEventUnproxied},
    {"EventConnection", kEventConnection},
    {"EventDropped", kEventDropped},
    {"EventRefused", kEventRefused},
    {"EventTimeout", kEventTimeout},
    {"EventBytes", kEventBytes},
    {"FlagKeepAlive", kFlagKeepAlive},
    {"FlagHttp10", kFlagHttp10},
    {"FlagHasBody", kFlagHasBody},
    {"FlagBodyComplete", kFlagBodyComplete},
    {"FlagUpgrade", kFlagUpgrade},
    {"FlagExpectContinue", kFlagExpectContinue},
    {"FlagBodyInBlock", kFlagBodyInBlock},
    {"FlagExpectOther", kFlagExpectOther},
    {"FlagDropped", kFlagDropped},
    {"FlagRefusedAgain", kFlagRefusedAgain},
    {"EndBroken", kEndBroken},
    {"EndByPeer", kEndByPeer},
    {"EndAnswered", kEndAnswered},
    {"BareUpgrades", kBareUpgrades},
    {"NodeStyle", kNodeStyle},
    {"HalfOpen", kHalfOpen},
    {"HostOptional", kHostOptional},
    {"TellConnections", kTellConnections},
    {"TellRefusals", kTellRefusals},
    {"TellDrops", kTellDrops},
    {"TellTimeouts", kTellTimeouts},
    {"KeepsConnections", kKeepsConnections},
    {"DropsAll", kDropsAll},
    {"TellEnds", kTellEnds},
    {"Measured", kMeasured},
    {"ProblemContentLength", kProblemContentLength},
    {"ProblemResponseHead", kProblemResponseHead},
    {"ProblemAcceptPaused", kProblemAcceptPaused},
    {"ProblemAcceptResumed", kProblemAcceptResumed},
    {"ProblemListenerLost", kProblemListenerLost},
    {"ProblemBodyGone", kProblemBodyGone},
    {"ProblemDescriptorLost", kProblemDescriptorLost},
    {"HeaderNameOffset", kHeaderNameOffset},
    {"HeaderNameLength", kHeaderNameLength},
    {"HeaderValueOffset", kHeaderValueOffset},
    {"HeaderValueLength", kHeaderValueLength},
    {"HeaderWords", kHeaderWords},
    {"CommandOp", kCommandOp},
    {"CommandSize", kCommandSize},
    {"CommandIndex", kCommandIndex},
    {"CommandGeneration", kCommandGeneration},
    {"CommandA", kCommandA},
    {"CommandB", kCommandB},
    {"CommandC", kCommandC},
    {"CommandD", kCommandD},
    {"CommandHead", kCommandHead},
    {"OpRespond", kOpRespond},
    {"OpInfo", kOpInfo},
    {"OpChunk", kOpChunk},
    {"OpEnd", kOpEnd},
    {"OpAbort", kOpAbort},
    {"OpConsume", kOpConsume},
    {"OpFile", kOpFile},
    {"OpReadBody", kOpReadBody},
    {"OpDiscardBody", kOpDiscardBody},
    {"OpWatchEnd", kOpWatchEnd},
    {"OpWatchFlush", kOpWatchFlush},
    {"OpReadOn", kOpReadOn},
    {"WithReference", kWithReference},
    {"Streamed", kStreamed},
    {"WantDrain", kWantDrain},
    {"WantFlushed", kWantFlushed},
    {"NodeHead", kNodeHead},
    {"NoDate", kNoDate},
    {"NoReason", kNoReason},
    {"HasBody", kHasBody},
    {"NoConnection", kNoConnection},
    {"NoLength", kNoLength},
    {"NoChunked", kNoChunked},
    {"Close", kClose},
    {"ControlHandled", kControlHandled},
    {"ControlCommandBytes", kControlCommandBytes},
    {"ControlEnds", kControlEnds},
    {"ControlAgain", kControlAgain},
    {"ControlDispatching", kControlDispatching},
    {"ControlWords", kControlWords},
    {"EndServer", kEndServer},
    {"EndIndex", kEndIndex},
    {"EndGeneration", kEndGeneration},
    {"EndConnection", kEndConnection},
    {"EndStatus", kEndStatus},
    {"EndFlags", kEndFlags},
    {"EndBytes", kEndBytes},
    {"EndBytesHigh", kEndBytesHigh},
    {"EndDurationUs", kEndDurationUs},
    {"EndDurationUsHigh", kEndDurationUsHigh},
    {"EndAgeMs", kEndAgeMs},
    {"EndTextOffset", kEndTextOffset},
    {"EndTextLength", kEndTextLength},
    {"EndWords", kEndWords},
    {"EndAborted", kEndAborted},
    {"EndRefused", kEndRefused},
    {"DispatchingInPoll", kDispatchingInPoll},
    {"BehindNothing", kBehindNothing},
    {"BehindResponses", kBehindResponses},
    {"EndsMax", kEndsMax},
    {"EndTextBytes", kEndTextBytes},
    {"ArenaBytes", kArenaBytes},
    {"RecordsMax", kRecordsMax},
    {"HeadersMax", kHeadersMax},
    {"CommandBytes", kCommandBytes},
    {"CopyBytesMax", kCopyBytesMax},
    {"WriteWindowBytes", kWriteWindowBytes},
    {"BodyWindowBytes", kBodyWindowBytes},
};

}  // namespace

Napi::Object ExportLayout(Napi::Env env) {
  Napi::Object layout = Napi::Object::New(env);
  for (const Entry& entry : kEntries) {
    layout.Set(entry.name, Napi::Number::New(env, entry.value));
  }
  uint32_t count;
  const char* const* names = KnownHeaderNames(&count);
  Napi::Array known = Napi::Array::New(env, count);
  for (uint32_t i = 0; i < count; i++) {
    known.Set(i, Napi::String::New(env, names[i]));
  }
  layout.Set("KnownHeaders", known);
  Napi::Array bounds = Napi::Array::New(env, kDurationBounds);
  for (uint32_t i = 0; i < kDurationBounds; i++) {
    bounds.Set(i, Napi::Number::New(env, kDurationBoundsUs[i]));
  }
  layout.Set("DurationBoundsUs", bounds);
  return layout;
}

}  // namespace chaussette
