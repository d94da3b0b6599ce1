#include "models/foreign_quantization.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"

namespace burin::models {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHfQuantConfig = "hf_quant_config.json";

[[noreturn]] void refuse(const JsonView& view, const std::string& what) {
  throw Error(ErrorCode::Unsupported, view.source(), what)
      .hint("use an MLX conversion of this model, or the unquantized one (`burin quantize` makes it small)");
}

void read_awq(const JsonView& view, ForeignQuantization& out) {
  out.layout = ForeignLayout::PackedColumns;
  if (const std::string version = view.string_or("version", "gemm"); version != "gemm" && version != "GEMM") {
    refuse(view, "AWQ weights packed for \"" + version + "\"; only gemm is read");
  }
}

void read_gptq(const JsonView& view, ForeignQuantization& out) {
  out.layout = ForeignLayout::PackedColumns;
  out.group_size = static_cast<int>(view.integer_or("group_size", 0, -1, 1 << 20));
  out.zero_offset = view.string_or("checkpoint_format", "gptq") == "gptq_v2" ? 0 : 1;
  if (view.boolean_or("desc_act", false)) {
    refuse(view, "GPTQ with activation ordering (desc_act)");
  }
}

/** Integers of one width for all groups. */
int packed_bits(const JsonView& view) {
  int bits = 0;
  const auto groups = view.object("config_groups");
  const Json none = Json::object();
  for (const auto& [key, value] : (groups ? groups->json() : none).items()) {
    const JsonView group(value, view.source() + " > " + key);
    const auto weights = group.object("weights");
    if (!weights) {
      continue;
    }
    const auto own = static_cast<int>(weights->integer_or("num_bits", 4, 1, 64));
    if (weights->string_or("type", "int") != "int" || !weights->boolean_or("symmetric", true) ||
        (own != 4 && own != 8) || (bits != 0 && bits != own)) {
      refuse(view, "compressed-tensors integers that are not symmetric with 4 or 8 bits throughout");
    }
    bits = own;
  }
  return bits == 0 ? 4 : bits;
}

void read_compressed_tensors(const JsonView& view, ForeignQuantization& out) {
  const std::string format = view.string_or("format", "unnamed");
  if (format == "pack-quantized") {
    out.layout = ForeignLayout::PackedIntegers;
    out.bits = packed_bits(view);
  } else if (format == "mxfp4-pack-quantized") {
    out.layout = ForeignLayout::PackedMxfp4;
  } else if (format == "nvfp4-pack-quantized") {
    out.layout = ForeignLayout::PackedNvfp4;
  } else {
    refuse(view, "compressed-tensors format \"" + format +
                     "\"; read are pack-quantized, mxfp4-pack-quantized and nvfp4-pack-quantized");
  }
}

void read_modelopt(const JsonView& view, ForeignQuantization& out) {
  const JsonView settings = view.object("quantization").value_or(view);
  out.layout = ForeignLayout::ModelOptNvfp4;
  if (const std::string algorithm = settings.string_or("quant_algo", "unnamed"); algorithm != "NVFP4") {
    refuse(settings, "ModelOpt quantization \"" + algorithm + "\"; only NVFP4 is read");
  }
}

void read_fp8(const JsonView& view, ForeignQuantization& out) {
  const std::vector<double> block = view.numbers_or("weight_block_size", {});
  if (!block.empty() && (block.size() != 2 || !std::ranges::all_of(block, [](double n) {
                           return n >= 1 && n <= 65536 && n == static_cast<int>(n);
                         }))) {
    throw Error(ErrorCode::Corrupt, view.source(), "\"weight_block_size\" is no pair of whole numbers");
  }
  if (!block.empty()) {
    out.block_size = {static_cast<int>(block[0]), static_cast<int>(block[1])};
  }
  const bool powers = view.string_or("scale_fmt", "") == "ue8m0";
  out.layout = powers && out.block_size == std::array{32, 32} ? ForeignLayout::Fp8Tiles : ForeignLayout::Fp8Blocks;
}

void read_as_mlx(const JsonView& /*view*/, ForeignQuantization& /*out*/) {}

struct Method {
  std::string_view name;
  void (*read)(const JsonView& view, ForeignQuantization& out);
};
constexpr std::array<Method, 7> kMethods{{{"awq", read_awq},
                                          {"compressed-tensors", read_compressed_tensors},
                                          {"fp8", read_fp8},
                                          {"gptq", read_gptq},
                                          {"modelopt", read_modelopt},
                                          {"mxfp4", read_as_mlx},
                                          {"mxfp8", read_as_mlx}}};

/** ModelOpt's own file names its producer instead of a method. */
std::string method_of(const JsonView& view) {
  const auto producer = view.object("producer");
  return view.string_or("quant_method", producer ? producer->string_or("name", "unnamed") : "unnamed");
}

std::optional<ForeignQuantization> read_method(const JsonView& view) {
  if (view.json().empty() || (!view.has("quant_method") && view.has("bits"))) {
    return std::nullopt;  // MLX's own
  }
  ForeignQuantization out{.method = method_of(view)};
  const auto method = std::ranges::find(kMethods, out.method, &Method::name);
  if (method == kMethods.end()) {
    refuse(view, "quantization method \"" + out.method + "\"");
  }
  out.bits = static_cast<int>(view.integer_or("bits", 4, 1, 64));
  const bool packed = out.method == "awq" || out.method == "gptq";
  if (packed && out.bits != 4) {
    refuse(view, fmt::format("{} with {} bits; only 4 are read", out.method, out.bits));
  }
  method->read(view, out);
  return out;
}

}  // namespace

std::optional<ForeignQuantization> find_foreign_quantization(const JsonView& config, const fs::path& model_dir) {
  if (config.has("quantization")) {
    return std::nullopt;
  }
  if (const auto own = config.object("quantization_config")) {
    return read_method(*own);
  }
  const auto text = config.object("text_config");
  if (const auto inner = text ? text->object("quantization_config") : std::nullopt) {
    return read_method(*inner);
  }
  if (const fs::path file = model_dir / kHfQuantConfig; fs::exists(file)) {
    const Json json = read_json_file(file);
    return read_method(JsonView(json, std::string(kHfQuantConfig)));
  }
  return std::nullopt;
}

}  // namespace burin::models
