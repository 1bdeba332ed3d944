#ifndef CHAUSSETTE_CORE_UNIQUE_FD_H_
#define CHAUSSETTE_CORE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace chaussette {

// One file descriptor, closed when its owner goes.
// Owner:    the scope or the object that it is a member of; moving hands it over.
// Lifetime: from construction until Reset(), Release() or the end of the owner.
// Limits:   none.
// Never:    copies, duplicates, or shuts a socket down: others may share the open file description.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

  // The caller owns the descriptor from here on.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }

  // close(2) is not repeated after EINTR: on Linux the descriptor is gone by then.
  void Reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace chaussette

#endif  // CHAUSSETTE_CORE_UNIQUE_FD_H_
