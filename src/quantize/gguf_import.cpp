#include "quantize/gguf_import.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/gguf.h"
#include "base/safetensors.h"
#include "base/staging_folder.h"
#include "quantize/gguf_config.h"
#include "quantize/gguf_requantize.h"
#include "quantize/gguf_tokenizer.h"
#include "quantize/gguf_weights.h"

namespace burin::quantize {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kShardBytes = uint64_t{5} << 30;

/** Consecutive planned tensors that go into one file. */
struct Shard {
  size_t begin;
  size_t end;
};

uint64_t output_bytes(const PlannedTensor& tensor) {
  uint64_t bytes = 0;
  for (const TensorInfo& info : output_tensors(tensor)) {
    bytes += tensor_bytes(info.dtype, info.shape, info.name);
  }
  return bytes;
}

std::vector<Shard> split(const std::vector<PlannedTensor>& plan) {
  std::vector<Shard> shards{{0, 0}};
  uint64_t bytes = 0;
  for (size_t i = 0; i < plan.size(); ++i) {
    const uint64_t more = output_bytes(plan[i]);
    if (bytes > 0 && bytes + more > kShardBytes) {
      shards.push_back({i, i});
      bytes = 0;
    }
    bytes += more;
    shards.back().end = i + 1;
  }
  return shards;
}

/** What writing the weights came to. */
struct Written {
  uint64_t bytes = 0;
  RequantizeErrors errors;
};

/** Writes the weight files and their index. */
Written write_weights(const std::vector<PlannedTensor>& plan, const InputFile& file, const fs::path& folder,
                      const GgufImportOptions& options) {
  const std::vector<Shard> shards = split(plan);
  SortedJson weight_map = SortedJson::object();
  Written written;
  for (size_t s = 0; s < shards.size(); ++s) {
    const std::string name = shards.size() == 1 ? "model.safetensors"
                                                : fmt::format("model-{:05}-of-{:05}.safetensors", s + 1, shards.size());
    std::vector<TensorInfo> entries;
    for (size_t i = shards[s].begin; i < shards[s].end; ++i) {
      for (TensorInfo& info : output_tensors(plan[i])) {
        weight_map[info.name] = name;
        entries.push_back(std::move(info));
      }
      written.bytes += output_bytes(plan[i]);
    }
    SafetensorsWriter writer(folder / name, entries, {{"format", "mlx"}});
    for (size_t i = shards[s].begin; i < shards[s].end; ++i) {
      if (plan[i].requantized) {
        requantize(plan[i], file, writer, written.errors);
      } else {
        convert(plan[i], file, writer);
      }
      if (options.on_progress) {
        options.on_progress(static_cast<double>(i + 1) / static_cast<double>(plan.size()), plan[i].name);
      }
    }
    writer.commit();
  }
  const SortedJson index = {{"metadata", {{"total_size", written.bytes}}}, {"weight_map", std::move(weight_map)}};
  write_file_atomic(folder / "model.safetensors.index.json", dump_sorted_json(index, 4));
  return written;
}

Json with_quantization(Json config, const std::vector<PlannedTensor>& plan, const Json& generation) {
  if (generation.contains("eos_token_id")) {
    config["eos_token_id"] = generation["eos_token_id"];
  }
  if (generation.contains("bos_token_id")) {
    config["bos_token_id"] = generation["bos_token_id"];
  }
  if (Json quantization = quantization_config(plan); !quantization.is_null()) {
    config["quantization"] = quantization;
    config["quantization_config"] = std::move(quantization);
  }
  return config;
}

void check(const GgufImportOptions& options) {
  constexpr std::array kBits{0, 2, 3, 4, 5, 6, 8, 16};
  if (std::ranges::find(kBits, options.requantize_bits) == kBits.end()) {
    throw Error(ErrorCode::InvalidArgument, "import", fmt::format("--requantize {}", options.requantize_bits))
        .hint("2, 3, 4, 5, 6, 8 or 16 bits");
  }
}

}  // namespace

Json import_gguf(const GgufImportOptions& options) {
  check(options);
  if (fs::exists(options.out_dir)) {
    throw Error(ErrorCode::InvalidArgument, "import", "\"" + options.out_dir.filename().string() + "\" exists already")
        .hint("choose another name, or remove the model first");
  }
  const InputFile file(options.file);
  const GgufFile gguf = GgufFile::read(file);
  const GgufFamily& family = find_family(gguf);
  const Json config = make_config(gguf, family, file);
  const TokenizerFiles tokenizer = make_tokenizer(gguf, config["vocab_size"].get<int64_t>());
  const std::vector<PlannedTensor> plan = plan_tensors(
      {.gguf = gguf, .file = file, .family = family, .config = config, .requantize_bits = options.requantize_bits});
  const Json full_config = with_quantization(config, plan, tokenizer.generation_config);

  StagingFolder staging(options.out_dir);
  const Written written = write_weights(plan, file, staging.path(), options);
  write_file_atomic(staging.path() / "config.json", dump_json(full_config, 4));
  write_file_atomic(staging.path() / "tokenizer.json", dump_json(tokenizer.tokenizer, 2));
  write_file_atomic(staging.path() / "tokenizer_config.json", dump_json(tokenizer.tokenizer_config, 2));
  write_file_atomic(staging.path() / "generation_config.json", dump_json(tokenizer.generation_config, 2));
  staging.commit();
  return {{"model_type", family.model_type},
          {"tensors", plan.size()},
          {"size_bytes", written.bytes},
          {"quantization", full_config.value("quantization", Json(nullptr))},
          {"requantized", written.errors.to_json()}};
}

}  // namespace burin::quantize
