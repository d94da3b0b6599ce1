// GGUF files, read with a bound on everything: every count against the bytes that are left, every offset against the
// file. Source: the GGUF specification, versions 2 and 3, little-endian.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/file.h"

namespace burin {

/** Storage of a tensor: `block` values take `bytes` bytes. */
struct GgufTensorType {
  uint32_t id;
  std::string_view name;
  int64_t block;
  int64_t bytes;
};

/** Null for an id that no known version defines. */
const GgufTensorType* find_gguf_tensor_type(uint32_t id);

struct GgufTensor {
  std::string name;
  const GgufTensorType* type = nullptr;
  std::vector<int64_t> shape;  // row-major order: the contiguous dimension last
  uint64_t offset = 0;         // from the start of the file
  uint64_t nbytes = 0;
};

/** Integers of any width, floats, truth values, text, and flat lists of these. */
using GgufValue = std::variant<int64_t, double, bool, std::string, std::vector<int64_t>, std::vector<double>,
                               std::vector<std::string>>;

/** Metadata and tensor table of one file. Getters throw Corrupt, naming file and key, for a wrong type or range. */
class GgufFile {
 public:
  /** Throws: Corrupt (file and reason), Unsupported (version or tensor type named). */
  static GgufFile read(const InputFile& file);

  bool has(const std::string& key) const { return values_.contains(key); }
  int64_t integer(const std::string& key, int64_t low, int64_t high) const;
  int64_t integer_or(const std::string& key, int64_t fallback, int64_t low, int64_t high) const;
  double number(const std::string& key) const;
  double number_or(const std::string& key, double fallback) const;
  bool boolean_or(const std::string& key, bool fallback) const;
  const std::string& string(const std::string& key) const;
  std::string string_or(const std::string& key, std::string_view fallback) const;
  const std::vector<std::string>& strings(const std::string& key) const;
  const std::vector<int64_t>& integers(const std::string& key) const;
  const std::vector<double>& floats(const std::string& key) const;

  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  const GgufTensor* find_tensor(const std::string& name) const;
  const std::string& name() const { return name_; }

 private:
  template <typename T>
  const T& get(const std::string& key, std::string_view expected) const;

  std::string name_;
  std::map<std::string, GgufValue> values_;
  std::vector<GgufTensor> tensors_;
};

}  // namespace burin
