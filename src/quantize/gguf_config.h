// config.json of an imported model, from GGUF metadata.
#pragma once

#include <string>
#include <string_view>

#include "base/gguf.h"
#include "base/json.h"

namespace burin::quantize {

/** How one GGUF architecture becomes a model_type. */
struct GgufFamily {
  std::string_view architecture;  // general.architecture
  std::string_view model_type;
  std::string_view class_name;                 // config.json's `architectures`
  bool interleaved_qk = false;                 // rows of q and k are stored pairwise
  bool norms_plus_one = false;                 // norm weights are stored as w + 1
  bool sandwich_norms = false;                 // ffn_norm stands before the feed-forward block of four norms
  bool fused_projections = false;              // attn_qkv, and ffn_up holding gate and up
  bool plain_mlp = false;                      // two projections, which mlx-lm calls c_fc and c_proj
  std::string_view norm_eps = "rms_norm_eps";  // the key in config.json; any other means layer norms
  void (*extend)(Json& config, const GgufFile& gguf) = nullptr;  // what only this family has
};

/** Throws: Unsupported, naming the architecture and what is supported. */
const GgufFamily& find_family(const GgufFile& gguf);

/** The shortest decimal that reads back as the same float32: 1e-05, not 9.99999974e-06. */
double shortest(double value);

/** config.json without its quantization entries. Throws: Corrupt, Unsupported. */
Json make_config(const GgufFile& gguf, const GgufFamily& family, const InputFile& file);

}  // namespace burin::quantize
