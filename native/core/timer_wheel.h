#ifndef NATIVE_CORE_TIMER_WHEEL_H_
#define NATIVE_CORE_TIMER_WHEEL_H_

#include <cstdint>
#include <vector>

#include "core/limits.h"

namespace chaussette {

// Deadlines of connections, by index, in ticks of kTickMs.
// Owner:    Core.
// Lifetime: that of the core.
// Limits:   a deadline beyond kWheelSlots ticks comes due early, at the horizon;
//           its owner looks at the real one and arms again.
// Never:    allocates, but when a new highest index is armed.
class TimerWheel {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  TimerWheel();

  // Arms or re-arms; `tick` in the past comes due with the next Advance.
  void Arm(uint32_t index, uint32_t tick);
  void Cancel(uint32_t index);
  // The tick that the index comes due at, or kNone.
  uint32_t due(uint32_t index) const { return index < links_.size() ? links_[index].tick : kNone; }
  // Moves on to `tick` and appends every index that came due, disarmed.
  void Advance(uint32_t tick, std::vector<uint32_t>* due);

 private:
  struct Link {
    uint32_t previous = kNone;
    uint32_t next = kNone;
    uint32_t tick = kNone;
  };

  std::vector<Link> links_;
  uint32_t slots_[kWheelSlots];
  uint32_t now_ = 0;
};

}  // namespace chaussette

#endif  // NATIVE_CORE_TIMER_WHEEL_H_
