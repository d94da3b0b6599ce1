#include "models/model.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "models/architecture.h"
#include "models/foreign_weights.h"
#include "models/weights.h"
#include "nn/decoder.h"
#include "nn/step_cache.h"
#include "ops/runtime.h"

namespace burin::models {
namespace {

namespace fs = std::filesystem;

/** Any DecoderSpec is run by the same class. */
class DecoderModel : public Model {
 public:
  DecoderModel(nn::Decoder decoder, std::vector<nn::CacheShape> cache_shapes, ModelFacts facts)
      : decoder_(std::move(decoder)), cache_shapes_(std::move(cache_shapes)), facts_(std::move(facts)) {}

  mx::array logits(const mx::array& ids, nn::CacheList& cache) const override {
    return decoder_.head(decoder_.hidden(ids, cache));
  }
  mx::array part_logits(const mx::array& ids, const std::vector<nn::SequencePart>& parts) const override {
    return decoder_.head(decoder_.wanted_hidden(ids, parts));
  }
  mx::array last_logits(const mx::array& ids, nn::CacheList& cache) const override {
    const mx::array h = decoder_.hidden(ids, cache);
    const mx::array last = mx::slice(h, {0, h.shape(1) - 1, 0}, {h.shape(0), h.shape(1), h.shape(2)});
    return mx::squeeze(decoder_.head(last), 1);
  }
  nn::CacheList make_cache(const nn::CacheOptions& options) const override {
    return adopt(nn::make_caches(options, cache_shapes_));
  }
  nn::CacheList adopt(nn::CacheList caches) const override {
    if (!decoder_.has_plan()) {
      return caches;
    }
    nn::CacheList steps;
    for (size_t i = 0; i < caches.size(); ++i) {
      steps.push_back(nn::make_step_cache(*caches[i], cache_shapes_[i]));
      if (!steps.back()) {
        return caches;
      }
    }
    return steps;
  }
  const std::vector<nn::CacheShape>& cache_shapes() const override { return cache_shapes_; }
  const ModelFacts& facts() const override { return facts_; }

 private:
  nn::Decoder decoder_;
  std::vector<nn::CacheShape> cache_shapes_;
  ModelFacts facts_;
};

void add_eos(std::set<int32_t>& eos, const Json* value) {
  if (value == nullptr) {
    return;
  }
  for (const Json& item : value->is_array() ? *value : Json::array({*value})) {
    if (item.is_number_integer()) {
      eos.insert(item.get<int32_t>());
    }
  }
}

/** generation_config.json's eos replaces config.json's; a generation_config that is no JSON is ignored, as in mlx-lm.
 */
std::set<int32_t> read_eos(const JsonView& config, const fs::path& model_dir) {
  std::set<int32_t> eos;
  if (const fs::path file = model_dir / "generation_config.json"; fs::exists(file)) {
    try {
      const Json generation = read_json_file(file);
      add_eos(eos, JsonView(generation, file.filename().string()).find("eos_token_id"));
    } catch (const Error&) {
      eos.clear();
    }
  }
  if (eos.empty()) {
    add_eos(eos, config.find("eos_token_id"));
  }
  return eos;
}

std::vector<nn::CacheShape> cache_shapes(const nn::DecoderSpec& spec) {
  std::vector<nn::CacheShape> shapes;
  for (const nn::LayerSpec& layer : spec.layers) {
    const nn::AttentionSpec& attention = layer.attention;
    shapes.push_back({.kv_heads = attention.kv_heads,
                      .head_dim = attention.head_dim,
                      .window = attention.window,
                      .in_order = attention.sparsity.block_size > 0});
  }
  return shapes;
}

/** Caches of a step are in bfloat16. */
uint64_t kv_bytes_per_token(const std::vector<nn::CacheShape>& shapes, bool as_step) {
  uint64_t values = 0;
  for (const nn::CacheShape& shape : shapes) {
    values += 2ULL * static_cast<uint64_t>(shape.kv_heads) * static_cast<uint64_t>(shape.head_dim);
  }
  return values * (as_step ? sizeof(uint16_t) : sizeof(float));
}

bool is_unused(std::string_view name, const nn::DecoderSpec& spec) {
  const bool positions = name.ends_with("rotary_emb.inv_freq") || name.ends_with("rope.inv_freq");
  return positions || (spec.tied_head && name.starts_with(spec.prefix + spec.names.lm_head + "."));
}

void refuse_custom_code(const JsonView& config) {
  if (config.has("model_file")) {
    throw Error(ErrorCode::Unsupported, config.source(), "the model brings its own Python code (\"model_file\")")
        .hint("burin never runs code from a download; use a conversion of a supported architecture");
  }
}

}  // namespace

mx::array Model::part_logits(const mx::array& ids, const std::vector<nn::SequencePart>& parts) const {
  std::vector<mx::array> rows;
  int begin = 0;
  for (const nn::SequencePart& part : parts) {
    const mx::array own = mx::expand_dims(mx::slice(ids, {begin}, {begin + part.count}), 0);
    const mx::array all = mx::squeeze(logits(own, *part.cache), 0);
    rows.push_back(mx::slice(all, {part.count - part.wanted, 0}, all.shape()));
    begin += part.count;
  }
  return mx::concatenate(rows, 0);
}

std::unique_ptr<Model> load_model(const fs::path& model_dir, const LoadModelOptions& options) {
  const Json json = read_json_file(model_dir / "config.json", {.max_bytes = size_t{16} << 20});
  const JsonView config(json, "config.json");
  refuse_custom_code(config);
  const Architecture& architecture = find_architecture(config);
  const auto foreign = find_foreign_quantization(config, model_dir);
  nn::QuantizationMap quantization =
      foreign ? nn::QuantizationMap::from_shapes() : nn::QuantizationMap::from_config(config);

  WeightFiles files(model_dir);
  if (!options.pack_folder.empty() && options.precision == ops::Precision::Fast) {
    files.keep_packed(pack_path(options.pack_folder, model_dir));
  }
  if (architecture.sanitize != nullptr) {
    files.rename(architecture.sanitize);
  }
  std::optional<ForeignWeights> converted;
  if (foreign) {
    converted.emplace(files, *foreign);
  }
  nn::TensorSource& tensors = converted ? static_cast<nn::TensorSource&>(*converted) : files;
  const nn::DecoderSpec spec =
      architecture.spec(config, [&](const std::string& name) { return tensors.find(name) != nullptr; });
  files.drop_if([&](std::string_view name) { return is_unused(name, spec); });
  const bool on_cpu = mx::default_device() == mx::Device::cpu;
  nn::Parameters parameters(tensors, std::move(quantization), options.precision, on_cpu, spec.prefix);
  nn::Decoder decoder(parameters, spec);
  files.require_all_taken();
  files.read_all({.threads = ops::threads(), .wait_for_cpu = options.wait_for_cpu, .on_progress = options.on_progress});
  if (options.precision == ops::Precision::Fast) {
    decoder.plan();
  }

  std::vector<nn::CacheShape> shapes = cache_shapes(spec);
  const bool as_step = decoder.has_plan();
  ModelFacts facts{.model_type = config.string("model_type"),
                   .context_size = spec.context_size,
                   .vocab_size = spec.vocab_size,
                   .weight_bytes = files.taken_bytes(),
                   .kv_bytes_per_token = kv_bytes_per_token(shapes, as_step),
                   .eos_token_ids = read_eos(config, model_dir)};
  return std::make_unique<DecoderModel>(std::move(decoder), std::move(shapes), std::move(facts));
}

}  // namespace burin::models
