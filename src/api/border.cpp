#include "api/border.h"

#include <cstdlib>
#include <iterator>
#include <memory>
#include <new>

#include "base/utf8.h"
#include "engine/generation.h"

namespace burin::api {

burin_status guarded(burin_error** error, const std::function<void()>& body) {
  if (error != nullptr) {
    *error = nullptr;
  }
  const std::unique_ptr<Error> failure = engine::failure_of(body);
  if (!failure) {
    return BURIN_OK;
  }
  if (error != nullptr) {
    *error = new (std::nothrow) burin_error{*failure};
  }
  return static_cast<burin_status>(failure->code());
}

Error invalid(const char* param, const std::string& message) {
  return Error(ErrorCode::InvalidArgument, "burin", message).fact("param", param);
}

std::string text_of(const char* text, const char* param) {
  std::string copy = &required(text, param);
  if (!is_valid_utf8(copy)) {
    throw invalid(param, fmt::format("{} is not UTF-8", param));
  }
  return copy;
}

char* new_string(std::string_view text) {
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) {
    throw std::bad_alloc();
  }
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

}  // namespace burin::api

int32_t burin_abi_version(void) {
  return BURIN_ABI_VERSION;
}

const char* burin_version(void) {
  return BURIN_VERSION;
}

burin_status burin_error_code(const burin_error* error) {
  return error == nullptr ? BURIN_OK : static_cast<burin_status>(error->error.code());
}

const char* burin_error_message(const burin_error* error) {
  return error == nullptr ? "" : error->error.message().c_str();
}

const char* burin_error_hint(const burin_error* error) {
  return error == nullptr ? "" : error->error.hint().c_str();
}

const char* burin_error_type(const burin_error* error) {
  return error == nullptr ? "" : error->error.type().c_str();
}

const char* burin_error_fact(const burin_error* error, const char* name) {
  if (error == nullptr || name == nullptr) {
    return nullptr;
  }
  const auto found = error->error.facts().find(name);
  return found == error->error.facts().end() ? nullptr : found->second.c_str();
}

const char* burin_error_fact_name(const burin_error* error, size_t index) {
  if (error == nullptr || index >= error->error.facts().size()) {
    return nullptr;
  }
  return std::next(error->error.facts().begin(), static_cast<std::ptrdiff_t>(index))->first.c_str();
}

void burin_error_free(burin_error* error) {
  delete error;
}

void burin_string_free(char* text) {
  std::free(text);
}

void burin_ids_free(int32_t* ids) {
  std::free(ids);
}
