#ifndef CHAUSSETTE_CORE_CHECK_H_
#define CHAUSSETTE_CORE_CHECK_H_

#include <cstdio>
#include <cstdlib>

// For our own bugs, never for what a peer or the kernel does: the process ends, with the place and the condition.
#define CHECK(condition)                                         \
  do {                                                           \
    if (!(condition)) [[unlikely]]                               \
      ::chaussette::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)

// The same, in debug builds only. The condition is always compiled, so that it cannot rot.
#ifdef NDEBUG
#define DCHECK(condition)         \
  do {                            \
    if (false) (void)(condition); \
  } while (false)
#else
#define DCHECK(condition) CHECK(condition)
#endif

namespace chaussette {

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "chaussette: %s:%d: CHECK(%s) failed\n", file, line, condition);
  std::abort();
}

}  // namespace chaussette

#endif  // CHAUSSETTE_CORE_CHECK_H_
