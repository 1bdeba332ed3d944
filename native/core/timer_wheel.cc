#include "core/timer_wheel.h"

namespace chaussette {

TimerWheel::TimerWheel() {
  for (uint32_t& slot : slots_) slot = kNone;
}

void TimerWheel::Arm(uint32_t index, uint32_t tick) {
  if (index >= links_.size()) links_.resize(index + 1);
  Cancel(index);
  if (tick <= now_) tick = now_ + 1;
  if (tick - now_ >= kWheelSlots) tick = now_ + kWheelSlots - 1;
  uint32_t* slot = &slots_[tick & (kWheelSlots - 1)];
  links_[index] = {kNone, *slot, tick};
  if (*slot != kNone) links_[*slot].previous = index;
  *slot = index;
}

void TimerWheel::Cancel(uint32_t index) {
  if (index >= links_.size() || links_[index].tick == kNone) return;
  Link* link = &links_[index];
  if (link->previous != kNone) {
    links_[link->previous].next = link->next;
  } else {
    slots_[link->tick & (kWheelSlots - 1)] = link->next;
  }
  if (link->next != kNone) links_[link->next].previous = link->previous;
  *link = Link{};
}

void TimerWheel::Advance(uint32_t tick, std::vector<uint32_t>* due) {
  // After a long pause every slot is visited once, not once per lost tick.
  uint32_t steps = tick > now_ ? tick - now_ : 0;
  if (steps > kWheelSlots) steps = kWheelSlots;
  for (uint32_t i = 0; i < steps; i++) {
    uint32_t* slot = &slots_[(now_ + 1 + i) & (kWheelSlots - 1)];
    while (*slot != kNone) {
      const uint32_t index = *slot;
      Cancel(index);
      due->push_back(index);
    }
  }
  if (tick > now_) now_ = tick;
}

}  // namespace chaussette
