#include "stats_export.h"

#include "core/measures.h"

namespace chaussette {

Napi::Object ExportStats(Napi::Env env, Core& core, const Server& server) {
  Napi::Object stats = Napi::Object::New(env);
  const auto set = [&](const char* name, uint64_t value) {
    stats.Set(name, Napi::Number::New(env, static_cast<double>(value)));
  };
  set("connections", server.counted_connections());
  set("inFlight", server.in_flight);
  set("accepted", server.accepted);
  set("requests", server.requests);
  set("deadlineCloses", server.deadline_closes);
  set("bytesIn", server.bytes_in);
  set("bytesOut", server.bytes_out);
  set("turns", core.turns());
  Napi::Array responses = Napi::Array::New(env, 6);
  for (uint32_t i = 0; i < 6; i++) {
    responses.Set(i, Napi::Number::New(env, static_cast<double>(server.responses[i])));
  }
  stats.Set("responses", responses);
  Napi::Array refusals = Napi::Array::New(env);
  for (size_t i = 1; i < static_cast<size_t>(Refusal::kCount); i++) {
    if (server.refusals[i] == 0) continue;
    const RefusalEntry& entry = RefusalOf(static_cast<Refusal>(i));
    Napi::Object refusal = Napi::Object::New(env);
    refusal.Set("status", Napi::Number::New(env, entry.status));
    refusal.Set("reason", Napi::String::New(env, entry.text));
    refusal.Set("count", Napi::Number::New(env, static_cast<double>(server.refusals[i])));
    refusals.Set(refusals.Length(), refusal);
  }
  stats.Set("refusals", refusals);
  Napi::Array batches = Napi::Array::New(env, kBatchBuckets);
  for (uint32_t i = 0; i < kBatchBuckets; i++) {
    const auto count = static_cast<double>(core.batches()[i]);
    batches.Set(i, Napi::Number::New(env, count));
  }
  stats.Set("batches", batches);
  return stats;
}

Napi::Value ExportMeasures(Napi::Env env, const Server& server) {
  const Measures* measures = server.measures.get();
  if (measures == nullptr) return env.Undefined();
  const auto number = [&](uint64_t value) {
    return Napi::Number::New(env, static_cast<double>(value));
  };
  Napi::Array statuses = Napi::Array::New(env);
  for (uint32_t i = 0; i < 1000; i++) {
    if (measures->statuses[i] == 0) continue;
    statuses.Set(statuses.Length(), number(i));
    statuses.Set(statuses.Length(), number(measures->statuses[i]));
  }
  Napi::Array durations = Napi::Array::New(env, kDurationBounds + 1);
  for (uint32_t i = 0; i <= kDurationBounds; i++) durations.Set(i, number(measures->durations[i]));
  Napi::Array result = Napi::Array::New(env, 4);
  result.Set(0u, statuses);
  result.Set(1u, durations);
  result.Set(2u, number(measures->duration_us));
  result.Set(3u, number(measures->aborted));
  return result;
}

}  // namespace chaussette
