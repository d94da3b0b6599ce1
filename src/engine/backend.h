// The contract between the program and whatever runs a model: MLX today, llama.cpp behind the same interface.
// No MLX type appears here; the implementation lies in a module that is opened when a command first needs it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/generation.h"

namespace burin::engine {

/** `Exact` keeps every product in float32; `Fast` quantizes the input of a quantized matmul to int8 by group. */
enum class Precision { Fast, Exact };

struct LoadOptions {
  std::filesystem::path model_dir;
  std::filesystem::path draft_dir;  // a smaller model of the same vocabulary, for Speculation; empty: none
  Precision precision = Precision::Fast;
  int threads = 0;  // 0: as many as the process may use
  bool with_tokenizer = true;
  std::filesystem::path pack_folder;  // where packed weights are kept, for faster loads; empty: nowhere
  std::function<void(double fraction)> on_progress;
};

using text::CacheParams;
using text::DraftMethod;
using text::EventSink;
using text::FinishReason;
using text::GenerateRequest;
using text::GenerateResult;
using text::PromptCache;
using text::SamplingParams;
using text::Speculation;
using text::TokenEvent;

/** What a loaded model is. */
struct ModelFacts {
  std::string model_type;
  int context_size = 0;
  int vocab_size = 0;
  int thread_count = 0;
  std::string device;
  double load_ms = 0.0;
  uint64_t weight_bytes = 0;
  uint64_t kv_bytes_per_token = 0;
};

struct LogitsRequest {
  std::vector<int32_t> tokens;
  int chunk = 0;  // prefill this many at a time; 0: all at once
  int steps = 0;  // the last `steps` tokens one by one
};

/** logits, row-major (rows, vocab_size) float32: one row for every token of the request. */
struct Logits {
  std::vector<float> values;
  int rows = 0;
  int vocab_size = 0;
};

/** Prefill and greedy decoding of random tokens. */
struct MeasureRequest {
  int prompt_tokens = 0;
  int gen_tokens = 0;
  int depth = 0;  // tokens in the cache beforehand
  int batch = 1;  // sequences at a time
  int prefill_step_size = 2048;
  CacheParams cache_params;
};

struct Measurement {
  double prompt_seconds = 0.0;
  double gen_seconds = 0.0;
};

/**
 * One model at a time. All calls on one object come from one thread; `cancel` flags may be set from any.
 * Throws: burin::Error only.
 */
class Backend {
 public:
  virtual ~Backend() = default;

  virtual void load(const LoadOptions& options) = 0;
  virtual void unload() = 0;
  virtual bool is_loaded() const = 0;
  virtual ModelFacts facts() const = 0;

  virtual std::vector<int32_t> tokenize(std::string_view text, bool add_special_tokens) = 0;
  virtual std::string detokenize(const std::vector<int32_t>& ids, bool skip_special_tokens) = 0;
  virtual bool has_chat_template() const = 0;
  /** Renders `messages` with the model's own template as mlx-lm does. Throws: Unsupported without a template. */
  virtual std::string apply_chat_template(const Json& messages, const Json& tools, const Json& kwargs,
                                          bool add_generation_prompt) = 0;

  /** An empty one. Throws: InvalidArgument for parameters that this model cannot have. */
  virtual std::unique_ptr<PromptCache> make_prompt_cache(const CacheParams& params) = 0;
  /** Throws: NotFound, Corrupt, InvalidArgument when it belongs to another model. */
  virtual std::unique_ptr<PromptCache> load_prompt_cache(const std::filesystem::path& file,
                                                         const CacheParams& params) = 0;
  /** As mlx-lm reads it; whole or not at all. Throws: InvalidArgument for an empty one. */
  virtual void save_prompt_cache(const PromptCache& cache, const std::filesystem::path& file) = 0;

  virtual GenerateResult generate(const GenerateRequest& request, const EventSink& on_event) = 0;
  /** Gives the system back what is held for no request: allocators' caches. */
  virtual void give_back_memory() = 0;
  virtual Logits logits(const LogitsRequest& request) = 0;
  /** One pass; the model's weights and kernels are those of generate(). Throws: InvalidArgument. */
  virtual Measurement measure(const MeasureRequest& request) = 0;
};

struct ImportOptions {
  std::filesystem::path file;
  std::filesystem::path out_dir;  // made here; must not exist
  int requantize_bits = 0;        // for tensors that MLX cannot hold exactly; 0: refuse them; 16: float16
  std::function<void(double fraction, std::string_view what)> on_progress;
};

/** Work on model folders that needs the MLX side but no running model. */
class ModelTools {
 public:
  virtual ~ModelTools() = default;
  /** GGUF to an MLX folder; returns what was written: {model_type, tensors, size_bytes, quantization, requantized}. */
  virtual Json import_gguf(const ImportOptions& options) = 0;
};

/** What a backend module offers; `version` names the library underneath ("MLX 0.32.4"). */
struct BackendModule {
  std::string name;
  std::string version;
  std::function<std::unique_ptr<Backend>()> make_backend;
  std::function<std::unique_ptr<ModelTools>()> make_tools;
  std::function<Json()> details;  // devices, BLAS in use, kernel ISA: for `info`
};

/**
 * Opens the module `name` ("mlx"), once for the process. Looks beside the program or shared library this code is in, in
 * burin/ there, then in ../lib/burin.
 * Throws: Unsupported, with how to add it, when it is not built or cannot be opened.
 */
const BackendModule& open_backend_module(std::string_view name);

/** The same with one folder to look in. */
const BackendModule& open_backend_module_in(const std::filesystem::path& folder, std::string_view name);

/** The symbol every module exports, with C linkage; `abi` must equal kBackendAbi. Null when it does not. */
constexpr int kBackendAbi = 3;
using BackendEntry = const BackendModule* (*)(int abi);

}  // namespace burin::engine
