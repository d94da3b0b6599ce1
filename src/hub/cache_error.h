// Failures of the file system while the cache is written, as users can act on them.
#pragma once

#include <string>

#include "base/error.h"

namespace burin::hub {

/** Permission (type read_only_cache), ResourceExhausted (type disk_full) or Internal, by errno. */
Error cache_error(int number, const std::string& what);

/** Eight random hexadecimal digits. */
std::string nonce();

}  // namespace burin::hub
