#ifndef CHAUSSETTE_CORE_GLIBC_FLOOR_H_
#define CHAUSSETTE_CORE_GLIBC_FLOOR_H_

#include <sys/types.h>

#include <cstdint>

namespace chaussette {

// The addon is built once and loads wherever Node does: on glibc 2.28. What a newer glibc would bind to symbols of its
// own is called here, by names that the old one has too; scripts/prebuild.js refuses a binary that needs newer ones.

struct FileStatus {
  mode_t mode = 0;
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size_bytes = 0;
};

// fstat(2), which is fstat@GLIBC_2.33 in programs built today. Returns 0 or a negated errno.
[[nodiscard]] int ReadFileStatus(int fd, FileStatus* status);

// A symbol of the process that we are loaded in, or nullptr: dlsym(3), which has moved from libdl to libc in glibc
// 2.34.
void* HostSymbol(const char* name);

}  // namespace chaussette

#endif  // CHAUSSETTE_CORE_GLIBC_FLOOR_H_
