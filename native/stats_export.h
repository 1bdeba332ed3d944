#ifndef NATIVE_STATS_EXPORT_H_
#define NATIVE_STATS_EXPORT_H_

#include <napi.h>

#include "core/core.h"

namespace chaussette {

// The counters of a server, and of its core: NativeStats in lib/native/binding.ts.
Napi::Object ExportStats(Napi::Env env, Core& core, const Server& server);

// What is measured of a server: NativeMeasures there. Undefined when nothing is.
Napi::Value ExportMeasures(Napi::Env env, const Server& server);

}  // namespace chaussette

#endif  // NATIVE_STATS_EXPORT_H_
