// Memory by whole pages, huge ones where the system has them.
#pragma once

#include <cstddef>
#include <memory>

#include "base/file.h"

namespace burin {

constexpr size_t kHugePage = size_t{2} << 20;

/** `size` zeros that begin at a huge page; what is never written takes no memory. Throws: ResourceExhausted, naming
 * `what` the memory is for. */
std::shared_ptr<std::byte> map_zeros(size_t size, const char* what);

/**
 * All of a file that is not empty, beginning at a huge page. Pages are those of the system's cache until they are
 * written to; the file keeps its content. Only for files that are replaced and never cut: reading what was cut off
 * under us ends the process (SIGBUS). Throws: ResourceExhausted, naming `what` the memory is for.
 */
std::shared_ptr<std::byte> map_file(const InputFile& file, const char* what);

/** Reads pages of a mapped file now rather than when they are first used. False: they cannot be read. Threads: any. */
bool load_pages(std::byte* begin, size_t size);

}  // namespace burin
