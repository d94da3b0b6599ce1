// How much memory a model takes while it runs, from its config.json and the size of its weights: nothing is loaded.
// The cache is counted by the kind of each layer; a kind that is not known is refused, not guessed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace burin::hub {

/** What one layer keeps of the tokens before. */
enum class CacheKind {
  Full,     // keys and values of every token
  Sliding,  // those of the last `window` tokens
  Latent,   // one compressed vector for each token (MLA)
  State,    // a fixed amount, however many tokens (linear attention, state spaces, convolutions)
};

/** "full", "sliding", "latent", "state". */
std::string name(CacheKind kind);

struct LayerCache {
  CacheKind kind = CacheKind::Full;
  uint64_t values_per_token = 0;
  int64_t window = 0;
  uint64_t state_values = 0;
};

/** One for each layer. Throws: Corrupt (sizes), Unsupported (a kind that is not known, named). */
std::vector<LayerCache> layer_caches(const Json& config, const std::vector<std::string>& supported);

struct MemoryRequest {
  int64_t context = 0;  // tokens of each sequence
  int64_t parallel = 1;
  double kv_bits = 16;
};

struct MemoryParts {
  uint64_t weights = 0;
  uint64_t kv = 0;
  uint64_t scratch = 0;
  uint64_t total() const { return weights + kv + scratch; }
};

/** Bytes of all caches. A quantized cache keeps two float16 numbers for each group of 64 values. */
uint64_t cache_bytes(const std::vector<LayerCache>& layers, const MemoryRequest& request);

/** Activations of one chunk of a prompt in float32, the logits of all sequences, and the program itself. */
uint64_t scratch_bytes(const Json& config, const MemoryRequest& request);

/** max_position_embeddings or what stands for it; 0 when nothing says. */
int64_t context_length(const Json& config);

}  // namespace burin::hub
