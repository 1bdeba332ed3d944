#ifndef NATIVE_CORE_MEASURES_H_
#define NATIVE_CORE_MEASURES_H_

#include <cstdint>

namespace chaussette {

// Upper bounds of the buckets in which durations are counted, in microseconds: 10 us
// to 100 s in six steps a decade, so that a percentile is exact to a third or better.
constexpr uint32_t kDurationBoundsUs[] = {
    10,       15,       20,       30,       50,       70,       100,      150,     200,
    300,      500,      700,      1000,     1500,     2000,     3000,     5000,    7000,
    10000,    15000,    20000,    30000,    50000,    70000,    100000,   150000,  200000,
    300000,   500000,   700000,   1000000,  1500000,  2000000,  3000000,  5000000, 7000000,
    10000000, 15000000, 20000000, 30000000, 50000000, 70000000, 100000000};
constexpr uint32_t kDurationBounds = sizeof(kDurationBoundsUs) / sizeof(kDurationBoundsUs[0]);

// What is counted of exchanges that have ended, for a server that is kMeasured.
// Owner:    Server::measures.
// Lifetime: that of the server.
// Limits:   one number for each status and each bucket.
// Never:    is reset.
struct Measures {
  uint64_t statuses[1000] = {};
  uint64_t durations[kDurationBounds + 1] = {};  // the last one: longer than all bounds
  uint64_t duration_us = 0;
  uint64_t aborted = 0;
};

}  // namespace chaussette

#endif  // NATIVE_CORE_MEASURES_H_
