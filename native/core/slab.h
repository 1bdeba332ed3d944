#ifndef NATIVE_CORE_SLAB_H_
#define NATIVE_CORE_SLAB_H_

#include <cstdint>
#include <memory>
#include <vector>

namespace chaussette {

// Objects by index, at addresses that do not change. T has `in_use`,
// `generation` and a default state that Take restores.
// Owner:    Core.
// Lifetime: that of the core; a slot is used again under the next generation.
// Limits:   none of its own; memory is not returned before the end.
// Never:    moves an object.
template <typename T>
class Slab {
 public:
  T* at(uint32_t index) { return &pages_[index / kPage][index % kPage]; }
  uint32_t size() const { return size_; }

  // The object, or nullptr when the id is stale or was never given.
  T* Find(uint32_t index, uint32_t generation) {
    if (index >= size_) return nullptr;
    T* object = at(index);
    return object->in_use && object->generation == generation ? object : nullptr;
  }

  T* Take(uint32_t* index) {
    if (free_.empty()) {
      if (size_ % kPage == 0) pages_.emplace_back(new T[kPage]);
      free_.push_back(size_++);
    }
    *index = free_.back();
    free_.pop_back();
    T* object = at(*index);
    const uint32_t generation = object->generation;
    std::destroy_at(object);
    std::construct_at(object);
    object->generation = generation;
    object->in_use = true;
    return object;
  }

  void Give(uint32_t index) {
    T* object = at(index);
    object->in_use = false;
    // The highest generation marks listeners in epoll's data.
    object->generation = (object->generation + 1) & 0x7fffffff;
    free_.push_back(index);
  }

 private:
  static constexpr uint32_t kPage = 64;
  std::vector<std::unique_ptr<T[]>> pages_;
  std::vector<uint32_t> free_;
  uint32_t size_ = 0;
};

}  // namespace chaussette

#endif  // NATIVE_CORE_SLAB_H_
