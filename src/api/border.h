// The border to C: exceptions become statuses, structs of any version are read and written by their size field.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "burin/burin.h"

struct burin_error {
  burin::Error error;
};

namespace burin::api {

/** Runs `body`, which may throw anything; a failure goes to `*error` where that is wanted, and is the status. */
burin_status guarded(burin_error** error, const std::function<void()>& body);

Error invalid(const char* param, const std::string& message);

/** Throws: InvalidArgument, naming `param`, for a null pointer. */
template <class T>
T& required(T* pointer, const char* param) {
  if (pointer == nullptr) {
    throw invalid(param, fmt::format("{} is NULL", param));
  }
  return *pointer;
}

/** A copy of `text`. Throws: InvalidArgument for NULL and for what is not UTF-8. */
std::string text_of(const char* text, const char* param);

/** A copy for the caller, freed by burin_string_free. */
char* new_string(std::string_view text);

constexpr size_t kMaxStruct = 4096;

template <class T>
size_t checked_size(const T& given, const char* param) {
  if (given.size < sizeof(size_t) || given.size > kMaxStruct) {
    throw invalid(param, fmt::format("{}.size is {}, which is no size of it: use burin_*_init", param, given.size));
  }
  return given.size;
}

/**
 * `given` over `defaults`, whatever version of the struct it is. Throws: InvalidArgument for a size that cannot be;
 * Unsupported when a field is set that this library does not know.
 */
template <class T>
T read_struct(const T* given, T defaults, const char* param) {
  const size_t size = checked_size(required(given, param), param);
  const auto* bytes = reinterpret_cast<const std::byte*>(given);
  if (std::any_of(bytes + std::min(size, sizeof(T)), bytes + size, [](std::byte b) { return b != std::byte{0}; })) {
    throw Error(ErrorCode::Unsupported, param, "a field is set that this version of the library does not know")
        .hint("use a newer libburin");
  }
  std::memcpy(&defaults, given, std::min(size, sizeof(T)));
  defaults.size = sizeof(T);
  return defaults;
}

/** Writes as much of `value` as the caller's version of the struct holds. Throws: InvalidArgument. */
template <class T>
void write_struct(T* out, T value, const char* param) {
  const size_t size = checked_size(required(out, param), param);
  value.size = size;
  std::memset(out, 0, size);
  std::memcpy(out, &value, std::min(size, sizeof(T)));
}

/** For burin_*_init: there is nobody to complain to. */
template <class T>
void init_struct(T* out, size_t size, T defaults) {
  if (out != nullptr && size >= sizeof(size_t) && size <= kMaxStruct) {
    out->size = size;
    write_struct(out, std::move(defaults), "");
  }
}

}  // namespace burin::api
