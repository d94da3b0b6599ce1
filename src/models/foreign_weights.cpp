#include "models/foreign_weights.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "models/repack.h"
#include "ops/half.h"

namespace burin::models {
namespace {

Error corrupt(const std::string& message) {
  return Error(ErrorCode::Corrupt, "weights", message)
      .hint("the folder does not hold what its quantization_config describes; download it again");
}

template <typename T>
std::vector<T> read_as(const WeightFiles& files, const std::string& name) {
  const std::vector<std::byte> bytes = files.read(name);
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

std::vector<float> read_floats(const WeightFiles& files, const std::string& name) {
  const mx::Dtype dtype = files.find(name)->dtype;
  if (dtype == mx::float32) {
    return read_as<float>(files, name);
  }
  std::vector<float> values;
  for (const uint16_t bits : read_as<uint16_t>(files, name)) {
    values.push_back(dtype == mx::float16 ? static_cast<float>(std::bit_cast<_Float16>(bits))
                                          : std::bit_cast<float>(static_cast<uint32_t>(bits) << 16));
  }
  return values;
}

template <typename T>
void store(const std::vector<T>& values, std::byte* out) {
  std::memcpy(out, values.data(), values.size() * sizeof(T));
}

void store_floats(const std::vector<float>& values, mx::Dtype dtype, std::byte* out) {
  if (dtype == mx::float32) {
    store(values, out);
    return;
  }
  std::vector<uint16_t> half;
  half.reserve(values.size());
  for (const float value : values) {
    half.push_back(dtype == mx::float16 ? std::bit_cast<uint16_t>(static_cast<_Float16>(value))
                                        : ops::float_to_bfloat16(value));
  }
  store(half, out);
}

bool ends_with_any(std::string_view name, std::span<const std::string_view> suffixes) {
  return std::ranges::any_of(suffixes, [&](std::string_view suffix) { return name.ends_with(suffix); });
}

int to_dim(int64_t value) {
  if (value > std::numeric_limits<int>::max()) {
    throw corrupt("a quantized matrix is too large");
  }
  return static_cast<int>(value);
}

// Ranges of activations and caches, which are not quantized here, and what the shapes say already.
constexpr std::array<std::string_view, 7> kUnused{
    ".input_scale", ".input_global_scale", ".activation_scale", ".k_scale", ".v_scale", ".weight_shape", ".g_idx"};

}  // namespace

const ForeignWeights::Rule* ForeignWeights::find_rule(ForeignLayout layout) {
  static constexpr std::array<Rule, 7> kRules{
      {{ForeignLayout::PackedColumns, ".qweight", &ForeignWeights::add_packed_columns},
       {ForeignLayout::PackedIntegers, ".weight_packed", &ForeignWeights::add_packed_integers},
       {ForeignLayout::PackedMxfp4, ".weight_packed", &ForeignWeights::add_packed_mxfp4},
       {ForeignLayout::PackedNvfp4, ".weight_packed", &ForeignWeights::add_packed_nvfp4},
       {ForeignLayout::ModelOptNvfp4, ".weight_scale_2", &ForeignWeights::add_modelopt},
       {ForeignLayout::Fp8Blocks, ".weight_scale_inv", &ForeignWeights::add_fp8_blocks},
       {ForeignLayout::Fp8Tiles, ".weight_scale_inv", &ForeignWeights::add_fp8_tiles}}};
  const auto it = std::ranges::find(kRules, layout, &Rule::layout);
  return it == kRules.end() ? nullptr : &*it;
}

ForeignWeights::ForeignWeights(WeightFiles& files, const ForeignQuantization& how) : files_(files), how_(how) {
  if (const Rule* rule = find_rule(how.layout)) {
    for (const std::string& name : files.names()) {
      if (name.ends_with(rule->suffix)) {
        (this->*rule->add)(name.substr(0, name.size() - rule->suffix.size()));
      }
    }
  }
  files.drop_if([](std::string_view name) { return ends_with_any(name, kUnused); });
}

const nn::StoredTensor* ForeignWeights::find(const std::string& name) const {
  const auto it = derived_.find(name);
  return it == derived_.end() ? files_.find(name) : &it->second.stored;
}

mx::array ForeignWeights::take(const std::string& name, bool widen) {
  const auto it = derived_.find(name);
  if (it == derived_.end()) {
    return files_.take(name, widen);
  }
  const Derived& derived = it->second;
  const mx::Dtype stored = derived.stored.dtype;
  const bool widens = widen && (stored == mx::bfloat16 || stored == mx::float16);
  return files_.compute({.shape = derived.stored.shape, .dtype = widens ? mx::float32 : stored}, derived.sources,
                        [fill = derived.fill, widens](std::byte* out) { fill(out, widens); });
}

ops::PackedWeightPtr ForeignWeights::pack(const std::string& path, const nn::QuantizationEntry& entry) {
  std::vector<std::string> names{path + ".weight", path + ".scales", path + ".biases"};
  names.resize(entry.mode == ops::QuantizationMode::Affine ? 3 : 2);
  if (std::ranges::none_of(names, [&](const std::string& name) { return derived_.contains(name); })) {
    return files_.pack(path, entry);
  }
  const nn::StoredTensor& scales = *find(names[1]);
  const auto type = ops::scale_type(scales.dtype, entry.mode);
  if (!type || (names.size() > 2 && find(names[2])->dtype != scales.dtype)) {
    return nullptr;
  }
  std::vector<std::string> sources;
  std::vector<std::function<std::vector<std::byte>()>> parts;
  for (const std::string& name : names) {
    parts.push_back(reader(name, sources));
  }
  const ops::QuantizedMatrix shape{.scale_type = *type,
                                   .rows = scales.shape[0],
                                   .columns = int64_t{scales.shape[1]} * entry.group_size,
                                   .group_size = entry.group_size,
                                   .bits = entry.bits};
  return files_.pack_computed(shape, sources, [parts = std::move(parts)] {
    WeightFiles::Filled filled;
    for (size_t i = 0; i < parts.size(); ++i) {
      filled[i] = parts[i]();
    }
    return filled;
  });
}

/** The tensor's bytes, read or computed when it is called; adds what they come from to `sources`. */
std::function<std::vector<std::byte>()> ForeignWeights::reader(const std::string& name,
                                                               std::vector<std::string>& sources) const {
  const auto it = derived_.find(name);
  if (it == derived_.end()) {
    sources.push_back(name);
    return [files = &files_, name] { return files->read(name); };
  }
  const Derived& derived = it->second;
  sources.insert(sources.end(), derived.sources.begin(), derived.sources.end());
  size_t size = derived.stored.dtype.size();
  for (const int dim : derived.stored.shape) {
    size *= static_cast<size_t>(dim);
  }
  return [fill = derived.fill, size] {
    std::vector<std::byte> bytes(size);
    fill(bytes.data(), false);
    return bytes;
  };
}

const nn::StoredTensor& ForeignWeights::matrix(const std::string& name) const {
  const nn::StoredTensor* stored = files_.find(name);
  if (stored == nullptr || stored->shape.size() != 2) {
    throw corrupt("tensor " + name + " is missing or no matrix");
  }
  return *stored;
}

const nn::StoredTensor& ForeignWeights::matrix(const std::string& name, const mx::Shape& shape) const {
  const nn::StoredTensor& stored = matrix(name);
  if (stored.shape != shape) {
    throw corrupt(fmt::format("tensor {} has shape ({}), expected ({})", name, fmt::join(stored.shape, ", "),
                              fmt::join(shape, ", ")));
  }
  return stored;
}

void ForeignWeights::refuse(const std::string& name, std::string_view why) const {
  if (files_.find(name) != nullptr) {
    throw Error(ErrorCode::Unsupported, "weights", fmt::format("{} weights with {} ({})", how_.method, why, name))
        .hint("use an MLX conversion of this model, or the unquantized one");
  }
}

/** Columns must belong to their groups in order; MLX has no other way. */
void ForeignWeights::check_order(const std::string& path, int64_t columns, int64_t groups) const {
  const std::string name = path + ".g_idx";
  if (files_.find(name) == nullptr || groups == 0) {
    return;
  }
  const std::vector<int32_t> order = read_as<int32_t>(files_, name);
  const int64_t group_size = columns / groups;
  if (static_cast<int64_t>(order.size()) != columns) {
    throw corrupt("tensor " + name + " does not name a group for each column");
  }
  for (size_t i = 0; i < order.size(); ++i) {
    if (group_size == 0 || order[i] != static_cast<int64_t>(i) / group_size) {
      refuse(name, "columns in another order than their groups");
    }
  }
}

void ForeignWeights::add_packed_columns(const std::string& path) {
  const std::string codes = path + ".qweight";
  const std::string scales = path + ".scales";
  const mx::Shape packed = matrix(codes).shape;
  const nn::StoredTensor factors = matrix(scales);
  const int64_t groups = factors.shape[0];
  const int64_t rows = factors.shape[1];
  const bool awq = int64_t{packed[1]} * 8 == rows;
  const MatrixShape shape{rows, awq ? packed[0] : int64_t{packed[0]} * 8};
  if ((!awq && (packed[1] != rows || how_.method != "gptq")) || rows % 8 != 0 || shape.columns % 8 != 0 ||
      files_.find(codes)->dtype.size() != 4 || !mx::issubdtype(factors.dtype, mx::floating)) {
    throw corrupt(fmt::format("tensors {} and {} do not fit each other", codes, scales));
  }
  check_order(path, shape.columns, groups);
  const WeightFiles* files = &files_;
  derive(path + ".weight", {.stored = {{to_dim(rows), to_dim(shape.columns / 8)}, mx::uint32},
                            .sources = {codes},
                            .fill = [files, codes, shape, awq](std::byte* out, bool) {
                              const auto q = read_as<uint32_t>(*files, codes);
                              store(awq ? repack_awq(q, shape) : repack_gptq(q, shape), out);
                            }});
  add_transposed_factors(path, awq);
}

/** scales (groups, rows) and zero points, the middle where there are none, as scales and biases (rows, groups). */
void ForeignWeights::add_transposed_factors(const std::string& path, bool awq) {
  const std::string zeros = path + ".qzeros";
  const std::string scales = path + ".scales";
  const nn::StoredTensor factors = matrix(scales);
  const int groups = factors.shape[0];
  const int rows = factors.shape[1];
  const nn::StoredTensor turned{{rows, groups}, factors.dtype};
  const WeightFiles* files = &files_;
  derive(scales, {.stored = turned, .sources = {scales}, .fill = [=](std::byte* out, bool) {
                    store_floats(transpose(read_floats(*files, scales), groups, rows), turned.dtype, out);
                  }});
  std::vector<std::string> sources{scales};
  if (files_.find(zeros) != nullptr) {
    matrix(zeros, {groups, rows / 8});
    sources.push_back(zeros);
  }
  const int offset = awq ? 0 : how_.zero_offset;
  derive(path + ".biases", {.stored = turned, .sources = sources, .fill = [=](std::byte* out, bool) {
                              std::vector<float> values = transpose(read_floats(*files, scales), groups, rows);
                              std::vector<uint8_t> zero(values.size(), 8);
                              if (sources.size() > 1) {
                                zero = unpack_zeros(read_as<uint32_t>(*files, zeros), rows, awq, offset);
                              }
                              for (size_t i = 0; i < values.size(); ++i) {
                                values[i] *= -static_cast<float>(zero[i]);
                              }
                              store_floats(values, turned.dtype, out);
                            }});
}

/** The same bytes, read as words. */
void ForeignWeights::add_words(const std::string& name, const std::string& source) {
  const nn::StoredTensor& stored = matrix(source);
  const int64_t row_bytes = int64_t{stored.shape[1]} * static_cast<int64_t>(stored.dtype.size());
  if (row_bytes % 4 != 0 || mx::issubdtype(stored.dtype, mx::floating)) {
    throw corrupt("tensor " + source + " holds no packed codes");
  }
  const WeightFiles* files = &files_;
  derive(name, {.stored = {{stored.shape[0], to_dim(row_bytes / 4)}, mx::uint32},
                .sources = {source},
                .fill = [files, source](std::byte* out, bool) { store(files->read(source), out); }});
}

/** The same tensor under another name. */
void ForeignWeights::add_bytes(const std::string& name, const std::string& source) {
  const WeightFiles* files = &files_;
  derive(name, {.stored = matrix(source), .sources = {source}, .fill = [files, source](std::byte* out, bool) {
                  store(files->read(source), out);
                }});
}

void ForeignWeights::add_packed_integers(const std::string& path) {
  refuse(path + ".weight_zero_point", "zero points");
  refuse(path + ".weight_g_idx", "columns in another order than their groups");
  const std::string scales = path + ".weight_scale";
  const mx::Dtype dtype = matrix(scales).dtype;
  if (!mx::issubdtype(dtype, mx::floating)) {
    throw corrupt("tensor " + scales + " must hold floats");
  }
  add_words(path + ".weight", path + ".weight_packed");
  add_bytes(path + ".scales", scales);
  const WeightFiles* files = &files_;
  const float middle = how_.bits == 8 ? -128.0F : -8.0F;
  derive(path + ".biases", {.stored = matrix(scales), .sources = {scales}, .fill = [=](std::byte* out, bool) {
                              std::vector<float> values = read_floats(*files, scales);
                              std::ranges::for_each(values, [&](float& value) { value *= middle; });
                              store_floats(values, dtype, out);
                            }});
}

void ForeignWeights::add_packed_mxfp4(const std::string& path) {
  add_words(path + ".weight", path + ".weight_packed");
  add_bytes(path + ".scales", path + ".weight_scale");
}

void ForeignWeights::add_packed_nvfp4(const std::string& path) {
  const std::string global = path + ".weight_global_scale";
  if (files_.find(global) != nullptr) {
    add_nvfp4(path, path + ".weight_packed", global, true);
    return;
  }
  add_words(path + ".weight", path + ".weight_packed");
  add_bytes(path + ".scales", path + ".weight_scale");
}

void ForeignWeights::add_modelopt(const std::string& path) {
  add_nvfp4(path, path + ".weight", path + ".weight_scale_2", false);
}

void ForeignWeights::add_nvfp4(const std::string& path, const std::string& codes, const std::string& global,
                               bool divides) {
  const std::string scales = path + ".weight_scale";
  const mx::Shape packed = matrix(codes).shape;
  const MatrixShape shape{packed[0], int64_t{packed[1]} * 2};
  matrix(scales, {packed[0], to_dim(shape.columns / 16)});
  const nn::StoredTensor& one = *files_.find(global);
  const bool bytes = files_.find(codes)->dtype == mx::uint8 && files_.find(scales)->dtype == mx::uint8;
  if (!bytes || shape.columns % 16 != 0 || one.dtype != mx::float32 || one.shape.size() > 1 ||
      (one.shape.size() == 1 && one.shape[0] != 1)) {
    throw corrupt("the tensors of " + path + " do not fit each other");
  }
  const WeightFiles* files = &files_;
  derive(path + ".weight", {.stored = {{packed[0], to_dim(shape.columns)}, mx::bfloat16, true},
                            .sources = {codes, scales, global},
                            .fill = [=](std::byte* out, bool widen) {
                              const float factor = read_floats(*files, global)[0];
                              store_floats(
                                  dequantize_nvfp4(read_as<uint8_t>(*files, codes), read_as<uint8_t>(*files, scales),
                                                   shape, divides ? 1.0F / factor : factor),
                                  widen ? mx::float32 : mx::bfloat16, out);
                            }});
}

void ForeignWeights::add_fp8_blocks(const std::string& path) {
  const std::string codes = path + ".weight";
  const std::string scales = path + ".weight_scale_inv";
  const mx::Shape dims = matrix(codes).shape;
  const nn::StoredTensor& factors = *files_.find(scales);
  const MatrixShape shape{dims[0], dims[1]};
  const bool single = factors.shape.empty() || factors.shape == mx::Shape{1} || factors.shape == mx::Shape{1, 1};
  const MatrixShape block = single ? MatrixShape{} : MatrixShape{how_.block_size[0], how_.block_size[1]};
  if (!single && block.rows > 0) {
    matrix(scales, {to_dim((shape.rows + block.rows - 1) / block.rows),
                    to_dim((shape.columns + block.columns - 1) / block.columns)});
  }
  if (files_.find(codes)->dtype != mx::uint8 || !mx::issubdtype(factors.dtype, mx::floating) ||
      (!single && block.rows == 0)) {
    throw corrupt(fmt::format("tensors {} and {} do not fit each other", codes, scales));
  }
  const WeightFiles* files = &files_;
  derive(codes,
         {.stored = {dims, mx::bfloat16, true}, .sources = {codes, scales}, .fill = [=](std::byte* out, bool widen) {
            store_floats(dequantize_fp8(read_as<uint8_t>(*files, codes), read_floats(*files, scales), shape, block),
                         widen ? mx::float32 : mx::bfloat16, out);
          }});
}

void ForeignWeights::add_fp8_tiles(const std::string& path) {
  const std::string codes = path + ".weight";
  const std::string scales = path + ".weight_scale_inv";
  const mx::Shape dims = matrix(codes).shape;
  const mx::Shape tiles{dims[0] / 32, dims[1] / 32};
  if (dims[0] % 32 != 0 || dims[1] % 32 != 0 || files_.find(codes)->dtype != mx::uint8 ||
      matrix(scales, tiles).dtype != mx::uint8) {
    throw corrupt(fmt::format("tensors {} and {} do not fit each other", codes, scales));
  }
  add_words(path + ".weight", codes);
  const WeightFiles* files = &files_;
  derive(path + ".scales",
         {.stored = {{dims[0], tiles[1]}, mx::uint8}, .sources = {scales}, .fill = [=](std::byte* out, bool) {
            const std::vector<std::byte> rows = files->read(scales);
            const auto width = static_cast<size_t>(tiles[1]);
            for (size_t row = 0; row < static_cast<size_t>(dims[0]); ++row) {
              std::memcpy(out + row * width, rows.data() + row / 32 * width, width);
            }
          }});
}

}  // namespace burin::models
