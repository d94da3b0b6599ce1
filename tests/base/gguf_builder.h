// Writes small GGUF files for tests, well-formed or not.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace burin::testing {

template <typename T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

inline std::string text(std::string_view value) {
  return raw<uint64_t>(value.size()) + std::string(value);
}

/** Collects metadata and tensors; `bytes()` is the file. */
class GgufBuilder {
 public:
  GgufBuilder& uint32(std::string_view key, uint32_t value) { return pair(key, 4, raw(value)); }
  GgufBuilder& float32(std::string_view key, float value) { return pair(key, 6, raw(value)); }
  GgufBuilder& boolean(std::string_view key, bool value) { return pair(key, 7, raw<uint8_t>(value ? 1 : 0)); }
  GgufBuilder& string(std::string_view key, std::string_view value) { return pair(key, 8, text(value)); }
  GgufBuilder& strings(std::string_view key, const std::vector<std::string>& values) {
    std::string body = raw<uint32_t>(8) + raw<uint64_t>(values.size());
    for (const std::string& value : values) {
      body += text(value);
    }
    return pair(key, 9, body);
  }
  GgufBuilder& int32s(std::string_view key, const std::vector<int32_t>& values) {
    std::string body = raw<uint32_t>(5) + raw<uint64_t>(values.size());
    for (const int32_t value : values) {
      body += raw(value);
    }
    return pair(key, 9, body);
  }
  GgufBuilder& pair(std::string_view key, uint32_t type, const std::string& body) {
    metadata_ += text(key) + raw(type) + body;
    ++pairs_;
    return *this;
  }
  /** `shape` in row-major order. */
  GgufBuilder& tensor(std::string_view name, const std::vector<uint64_t>& shape, uint32_t type,
                      const std::string& data) {
    table_ += text(name) + raw<uint32_t>(static_cast<uint32_t>(shape.size()));
    for (auto dim = shape.rbegin(); dim != shape.rend(); ++dim) {
      table_ += raw(*dim);
    }
    table_ += raw(type) + raw<uint64_t>(data_.size());
    data_ += data;
    data_.resize((data_.size() + 31) / 32 * 32, '\0');
    ++tensors_;
    return *this;
  }
  std::string bytes() const {
    std::string file = "GGUF" + raw<uint32_t>(3) + raw(tensors_) + raw(pairs_) + metadata_ + table_;
    file.resize((file.size() + 31) / 32 * 32, '\0');
    return file + data_;
  }

 private:
  std::string metadata_;
  std::string table_;
  std::string data_;
  uint64_t pairs_ = 0;
  uint64_t tensors_ = 0;
};

}  // namespace burin::testing
