// Failures of the file system while the cache is written, as users can act on them.
#pragma once

#include <string>

#include "base/error.h"

namespace burin::hub {

/** Permission (type read_only_cache), ResourceExhausted (type disk_full) or Internal (type io_error), by errno. */
Error cache_error(int number, const std::string& what);

/** fsync: 0, or why it failed; a file system that knows no such thing does not fail. */
int flush(int fd);

/** Eight random hexadecimal digits. */
std::string nonce();

}  // namespace burin::hub
