#include "base/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/utf8.h"

namespace burin {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF is read in place");

constexpr uint64_t kMaxString = uint64_t{16} << 20;
constexpr uint64_t kMaxElements = uint64_t{1} << 24;
constexpr uint64_t kMaxMetadata = uint64_t{256} << 20;
constexpr uint64_t kMinRecord = 13;  // an empty key, a type and one byte
constexpr uint64_t kMinTensor = 24;
constexpr size_t kMaxTensorName = 63;
constexpr uint32_t kMaxDims = 4;

enum class Kind : uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };
constexpr std::array<uint64_t, 13> kMinBytes{1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};

constexpr std::array<GgufTensorType, 33> kTypes{
    {{0, "F32", 1, 4},         {1, "F16", 1, 2},         {2, "Q4_0", 32, 18},      {3, "Q4_1", 32, 20},
     {6, "Q5_0", 32, 22},      {7, "Q5_1", 32, 24},      {8, "Q8_0", 32, 34},      {9, "Q8_1", 32, 36},
     {10, "Q2_K", 256, 84},    {11, "Q3_K", 256, 110},   {12, "Q4_K", 256, 144},   {13, "Q5_K", 256, 176},
     {14, "Q6_K", 256, 210},   {15, "Q8_K", 256, 292},   {16, "IQ2_XXS", 256, 66}, {17, "IQ2_XS", 256, 74},
     {18, "IQ3_XXS", 256, 98}, {19, "IQ1_S", 256, 50},   {20, "IQ4_NL", 32, 18},   {21, "IQ3_S", 256, 110},
     {22, "IQ2_S", 256, 82},   {23, "IQ4_XS", 256, 136}, {24, "I8", 1, 1},         {25, "I16", 1, 2},
     {26, "I32", 1, 4},        {27, "I64", 1, 8},        {28, "F64", 1, 8},        {29, "IQ1_M", 256, 56},
     {30, "BF16", 1, 2},       {34, "TQ1_0", 256, 54},   {35, "TQ2_0", 256, 66},   {39, "MXFP4", 32, 17},
     {40, "NVFP4", 64, 36}}};

/** Reads forward through the metadata; every read is checked against the end of the file. */
class Cursor {
 public:
  explicit Cursor(const InputFile& file) : file_(file) {}

  uint64_t position() const { return position_; }
  uint64_t left() const { return std::min(file_.size(), kMaxMetadata) - std::min(position_, kMaxMetadata); }

  [[noreturn]] void fail(const std::string& why) const { throw Error(ErrorCode::Corrupt, file_.name(), why); }

  template <typename T>
  T number() {
    T value;
    copy(&value, sizeof value);
    return value;
  }

  std::string text(const char* what) {
    const auto length = number<uint64_t>();
    if (length > kMaxString || length > left()) {
      fail(std::string(what) + " claims " + std::to_string(length) + " bytes");
    }
    std::string value(length, '\0');
    copy(value.data(), length);
    return value;
  }

  uint64_t count(uint64_t min_bytes, const char* what) {
    const auto n = number<uint64_t>();
    if (n > kMaxElements || n > left() / min_bytes) {
      fail(std::string(what) + " claims " + std::to_string(n) + " entries");
    }
    return n;
  }

 private:
  void copy(void* out, size_t size) {
    if (size > left()) {
      fail("the metadata ends early or exceeds 256 MiB");
    }
    auto* target = static_cast<std::byte*>(out);
    while (size > 0) {
      if (position_ < window_start_ || position_ >= window_start_ + window_.size()) {
        fill();
      }
      const uint64_t at = position_ - window_start_;
      const size_t n = std::min<size_t>(size, window_.size() - at);
      std::memcpy(target, window_.data() + at, n);
      target += n;
      position_ += n;
      size -= n;
    }
  }

  void fill() {
    window_.resize(std::min<uint64_t>(uint64_t{1} << 20, file_.size() - position_));
    file_.read_at(position_, window_);
    window_start_ = position_;
  }

  const InputFile& file_;
  uint64_t position_ = 0;
  uint64_t window_start_ = 0;
  std::vector<std::byte> window_;
};

Kind read_kind(Cursor& in) {
  const auto kind = in.number<uint32_t>();
  if (kind >= kMinBytes.size()) {
    in.fail("unknown metadata type " + std::to_string(kind));
  }
  return static_cast<Kind>(kind);
}

int64_t read_unsigned64(Cursor& in) {
  const auto value = in.number<uint64_t>();
  if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    in.fail("a metadata number is out of range");
  }
  return static_cast<int64_t>(value);
}

bool read_bool(Cursor& in) {
  const auto value = in.number<uint8_t>();
  if (value > 1) {
    in.fail("a truth value is neither 0 nor 1");
  }
  return value == 1;
}

int64_t read_integer(Cursor& in, Kind kind) {
  switch (kind) {
    case Kind::U8:
      return in.number<uint8_t>();
    case Kind::I8:
      return in.number<int8_t>();
    case Kind::U16:
      return in.number<uint16_t>();
    case Kind::I16:
      return in.number<int16_t>();
    case Kind::U32:
      return in.number<uint32_t>();
    case Kind::I32:
      return in.number<int32_t>();
    case Kind::I64:
      return in.number<int64_t>();
    case Kind::Bool:
      return read_bool(in) ? 1 : 0;
    default:
      return read_unsigned64(in);
  }
}

double read_float(Cursor& in, Kind kind) {
  return kind == Kind::F32 ? static_cast<double>(in.number<float>()) : in.number<double>();
}

GgufValue read_array(Cursor& in) {
  const Kind kind = read_kind(in);
  if (kind == Kind::Array) {
    in.fail("nested lists in the metadata");
  }
  const uint64_t n = in.count(kMinBytes.at(static_cast<size_t>(kind)), "a list");
  if (kind == Kind::String) {
    std::vector<std::string> texts;
    texts.reserve(n);
    for (uint64_t i = 0; i < n; ++i) {
      texts.push_back(in.text("a text in a list"));
    }
    return texts;
  }
  if (kind == Kind::F32 || kind == Kind::F64) {
    std::vector<double> numbers;
    numbers.reserve(n);
    for (uint64_t i = 0; i < n; ++i) {
      numbers.push_back(read_float(in, kind));
    }
    return numbers;
  }
  std::vector<int64_t> integers;
  integers.reserve(n);
  for (uint64_t i = 0; i < n; ++i) {
    integers.push_back(read_integer(in, kind));
  }
  return integers;
}

GgufValue read_value(Cursor& in) {
  const Kind kind = read_kind(in);
  switch (kind) {
    case Kind::Array:
      return read_array(in);
    case Kind::String:
      return in.text("a text");
    case Kind::Bool:
      return read_bool(in);
    case Kind::F32:
    case Kind::F64:
      return read_float(in, kind);
    default:
      return read_integer(in, kind);
  }
}

/** Bytes of a tensor. Fails on dimensions that overflow or do not fill whole blocks. */
uint64_t storage_bytes(const Cursor& in, const GgufTensor& tensor) {
  uint64_t values = 1;
  for (const int64_t dim : tensor.shape) {
    if (__builtin_mul_overflow(values, static_cast<uint64_t>(dim), &values)) {
      in.fail("the shape of tensor " + tensor.name + " overflows");
    }
  }
  const int64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (row % tensor.type->block != 0) {
    in.fail("rows of tensor " + tensor.name + " are no whole blocks of " + std::string(tensor.type->name));
  }
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(values / static_cast<uint64_t>(tensor.type->block),
                             static_cast<uint64_t>(tensor.type->bytes), &bytes)) {
    in.fail("the size of tensor " + tensor.name + " overflows");
  }
  return bytes;
}

GgufTensor read_tensor(Cursor& in, const std::string& file) {
  GgufTensor tensor{.name = in.text("a tensor name")};
  if (tensor.name.empty() || tensor.name.size() > kMaxTensorName || !is_valid_utf8(tensor.name)) {
    in.fail("a tensor name is empty, too long or no UTF-8");
  }
  const auto dims = in.number<uint32_t>();
  if (dims > kMaxDims) {
    in.fail("tensor " + tensor.name + " has " + std::to_string(dims) + " dimensions");
  }
  for (uint32_t i = 0; i < dims; ++i) {
    const int64_t dim = read_unsigned64(in);
    if (dim > std::numeric_limits<int32_t>::max()) {
      in.fail("a dimension of tensor " + tensor.name + " is too large");
    }
    tensor.shape.insert(tensor.shape.begin(), dim);
  }
  const auto type = in.number<uint32_t>();
  tensor.type = find_gguf_tensor_type(type);
  if (tensor.type == nullptr) {
    throw Error(ErrorCode::Unsupported, file,
                "tensor " + tensor.name + " has the unknown type " + std::to_string(type));
  }
  tensor.offset = in.number<uint64_t>();
  tensor.nbytes = storage_bytes(in, tensor);
  return tensor;
}

/** Tensors must stand one after the other at aligned offsets, inside the file. */
void place_tensors(std::vector<GgufTensor>& tensors, const Cursor& in, uint64_t alignment, uint64_t file_size) {
  const auto aligned = [&](uint64_t n) { return (n + alignment - 1) / alignment * alignment; };
  const uint64_t data = aligned(in.position());
  uint64_t at = 0;
  std::set<std::string_view> names;
  for (GgufTensor& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      in.fail("tensor " + tensor.name + " occurs twice");
    }
    if (tensor.offset != at || data > file_size || tensor.nbytes > file_size || at > file_size ||
        data + at + tensor.nbytes > file_size) {
      in.fail("tensor " + tensor.name + " lies outside the file or not behind the one before");
    }
    at = aligned(at + tensor.nbytes);
    tensor.offset += data;
  }
}

}  // namespace

const GgufTensorType* find_gguf_tensor_type(uint32_t id) {
  const auto it = std::ranges::find(kTypes, id, &GgufTensorType::id);
  return it == kTypes.end() ? nullptr : &*it;
}

GgufFile GgufFile::read(const InputFile& file) {
  Cursor in(file);
  if (in.left() < kMinTensor || in.number<uint32_t>() != 0x46554747U) {
    in.fail("is no GGUF file");
  }
  const auto version = in.number<uint32_t>();
  if (version < 2 || version > 3) {
    throw Error(ErrorCode::Unsupported, file.name(), "GGUF version " + std::to_string(version))
        .hint("versions 2 and 3, little-endian, are read");
  }
  GgufFile gguf;
  gguf.name_ = file.name();
  const uint64_t tensors = in.count(kMinTensor, "the tensor table");
  const uint64_t pairs = in.count(kMinRecord, "the metadata");
  for (uint64_t i = 0; i < pairs; ++i) {
    std::string key = in.text("a key");
    if (key.empty() || !is_valid_utf8(key)) {
      in.fail("a metadata key is empty or no UTF-8");
    }
    if (!gguf.values_.emplace(key, read_value(in)).second) {
      in.fail("metadata key " + key + " occurs twice");
    }
  }
  for (uint64_t i = 0; i < tensors; ++i) {
    gguf.tensors_.push_back(read_tensor(in, file.name()));
  }
  const int64_t alignment = gguf.integer_or("general.alignment", 32, 1, 1 << 20);
  if (!std::has_single_bit(static_cast<uint64_t>(alignment))) {
    in.fail("general.alignment is no power of two");
  }
  place_tensors(gguf.tensors_, in, static_cast<uint64_t>(alignment), file.size());
  return gguf;
}

template <typename T>
const T& GgufFile::get(const std::string& key, std::string_view expected) const {
  const auto it = values_.find(key);
  const T* value = it == values_.end() ? nullptr : std::get_if<T>(&it->second);
  if (value == nullptr) {
    throw Error(ErrorCode::Corrupt, name_, "metadata " + key + " is missing or no " + std::string(expected));
  }
  return *value;
}

int64_t GgufFile::integer(const std::string& key, int64_t low, int64_t high) const {
  const int64_t value = get<int64_t>(key, "integer");
  if (value < low || value > high) {
    throw Error(ErrorCode::Corrupt, name_, "metadata " + key + " is out of range: " + std::to_string(value));
  }
  return value;
}

int64_t GgufFile::integer_or(const std::string& key, int64_t fallback, int64_t low, int64_t high) const {
  return has(key) ? integer(key, low, high) : fallback;
}

double GgufFile::number(const std::string& key) const {
  const double value = get<double>(key, "float");
  if (!std::isfinite(value)) {
    throw Error(ErrorCode::Corrupt, name_, "metadata " + key + " is not finite");
  }
  return value;
}

double GgufFile::number_or(const std::string& key, double fallback) const {
  return has(key) ? number(key) : fallback;
}
bool GgufFile::boolean_or(const std::string& key, bool fallback) const {
  return has(key) ? get<bool>(key, "truth value") : fallback;
}
const std::string& GgufFile::string(const std::string& key) const {
  return get<std::string>(key, "text");
}
std::string GgufFile::string_or(const std::string& key, std::string_view fallback) const {
  return has(key) ? string(key) : std::string(fallback);
}
const std::vector<std::string>& GgufFile::strings(const std::string& key) const {
  return get<std::vector<std::string>>(key, "list of texts");
}
const std::vector<int64_t>& GgufFile::integers(const std::string& key) const {
  return get<std::vector<int64_t>>(key, "list of integers");
}
const std::vector<double>& GgufFile::floats(const std::string& key) const {
  return get<std::vector<double>>(key, "list of floats");
}

const GgufTensor* GgufFile::find_tensor(const std::string& name) const {
  const auto it = std::ranges::find(tensors_, name, &GgufTensor::name);
  return it == tensors_.end() ? nullptr : &*it;
}

}  // namespace burin
