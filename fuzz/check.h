// What a target promises of its results.
#pragma once

#include <cstdlib>

namespace fuzz {

/** A finding where it does not hold. */
inline void check(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace fuzz
