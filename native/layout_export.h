#ifndef NATIVE_LAYOUT_EXPORT_H_
#define NATIVE_LAYOUT_EXPORT_H_

#include <napi.h>

namespace chaussette {

// Every number of core/layout.h that lib/native/layout.ts needs, by its name
// there without the k; the sizes of the shared memory; the names of the known
// header fields, by number.
Napi::Object ExportLayout(Napi::Env env);

}  // namespace chaussette

#endif  // NATIVE_LAYOUT_EXPORT_H_
