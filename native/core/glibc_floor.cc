#include "core/glibc_floor.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
// The version that dlsym has had from the first glibc for the machine on, in libdl then and in libc now.
#if defined(__x86_64__)
__asm__(".symver dlsym, dlsym@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver dlsym, dlsym@GLIBC_2.17");
#endif
#endif

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
// std::shared_ptr reads it to count without atomic operations while there is one thread. Node has several, so the
// addon's own answer is a constant no, and glibc's variable is not asked for.
extern "C" [[gnu::visibility("hidden")]] char __libc_single_threaded;
char __libc_single_threaded = 0;
#endif

#if defined(__GLIBCXX__) && _GLIBCXX_RELEASE >= 11
// What a container calls when it is asked for more elements than memory can have; GCC 11's libstdc++ was the first to
// have it. The addon is built without exceptions: where others throw, it ends.
namespace std {
[[gnu::visibility("hidden")]] void __throw_bad_array_new_length() {
  abort();
}
}  // namespace std
#endif

namespace chaussette {

int ReadFileStatus(int fd, FileStatus* status) {
  struct statx about;
  if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_INO | STATX_SIZE, &about) != 0) return -errno;
  status->mode = about.stx_mode;
  status->device = uint64_t{about.stx_dev_major} << 32 | about.stx_dev_minor;
  status->inode = about.stx_ino;
  status->size_bytes = static_cast<int64_t>(about.stx_size);
  return 0;
}

void* HostSymbol(const char* name) {
  return dlsym(RTLD_DEFAULT, name);
}

}  // namespace chaussette
