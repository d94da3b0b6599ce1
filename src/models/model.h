// A loaded decoder: weights, graph and the facts that generation needs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "nn/quantized_cache.h"
#include "ops/packed.h"

namespace burin::models {

struct ModelFacts {
  std::string model_type;
  int context_size = 0;
  int vocab_size = 0;
  uint64_t weight_bytes = 0;
  uint64_t kv_bytes_per_token = 0;
  std::set<int32_t> eos_token_ids;  // of config.json, replaced by generation_config.json's
};

/** One model in memory. Threads: everything that touches arrays runs on the thread that loaded it. */
class Model {
 public:
  virtual ~Model() = default;
  /** Shapes: ids (B, L) int32 -> logits (B, L, V), float32 on the CPU; appends to `cache`. */
  virtual mx::array logits(const mx::array& ids, nn::CacheList& cache) const = 0;
  /** Several sequences at once, each at its own position: the logits that the parts want, one part after another.
   * Shapes: ids (sum of `count`) -> (sum of `wanted`, V). */
  virtual mx::array part_logits(const mx::array& ids, const std::vector<nn::SequencePart>& parts) const;
  /** Shapes: ids (B, L) -> logits of the last position (B, V). */
  virtual mx::array last_logits(const mx::array& ids, nn::CacheList& cache) const = 0;
  /** Throws: InvalidArgument for options that this model cannot have. */
  virtual nn::CacheList make_cache(const nn::CacheOptions& options = {}) const = 0;
  /** Restored caches in the form that this model runs fastest with. Shapes: batch 1. */
  virtual nn::CacheList adopt(nn::CacheList caches) const { return caches; }
  /** What each layer keeps, in order. */
  virtual const std::vector<nn::CacheShape>& cache_shapes() const = 0;
  virtual const ModelFacts& facts() const = 0;
};

struct LoadModelOptions {
  ops::Precision precision = ops::Precision::Exact;
  std::filesystem::path pack_folder;  // where packed weights are kept between loads; empty: nowhere
  std::function<void(double fraction)> on_progress;
  std::function<void()> wait_for_cpu;  // called first by one of the reading threads, whose CPU something else has
};

/**
 * Reads config.json, generation_config.json and model*.safetensors of a folder, checks them and builds the decoder.
 * Throws: NotFound, Corrupt (file and reason), Unsupported (model_type named before any weight is read).
 */
std::unique_ptr<Model> load_model(const std::filesystem::path& model_dir, const LoadModelOptions& options);

}  // namespace burin::models
