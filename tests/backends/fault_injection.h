// The n-th allocation, or the n-th read of a file, of the calling thread fails: for sweeps over all n.
// A program with fault_injection.cpp has its own operator new and pread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace burin::fault {

/** Counts events on one thread and says when the one has come that fails. */
struct Countdown {
  int64_t left = -1;  // -1: nothing fails
  bool fired = false;

  bool fails() {
    if (left < 0 || --left >= 0) {
      return false;
    }
    fired = true;
    return true;
  }
};

/**
 * Allocations of kLeastBytes and more. Smaller ones are made by destructors of others' too, which end the program when
 * they fail: ~basic_json of nlohmann-json 3.11 and MLX's CommonAllocator::free keep lists of what they free.
 */
inline thread_local Countdown allocations;
constexpr std::size_t kLeastBytes = 512;
inline thread_local Countdown reads;

/** Runs `body` with the n-th event failing; true when that event came. */
template <class Body>
bool failing(Countdown& countdown, int64_t n, Body&& body) {
  countdown = {.left = n, .fired = false};
  try {
    std::forward<Body>(body)();
  } catch (...) {
    countdown.left = -1;
    throw;
  }
  countdown.left = -1;
  return countdown.fired;
}

}  // namespace burin::fault
