// A decoder as data: what an architecture file makes of config.json, and what nn builds and runs.
// One value for each choice that the supported families differ in; the defaults are a plain Llama.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace burin::nn {

enum class RopeKind { Default, Linear, Llama3, Yarn, LongRope, Dynamic };

/** Rotary embedding of one attention layer. Source: mlx-lm 0.32.2 models/rope_utils.py. */
struct RopeSpec {
  RopeKind kind = RopeKind::Default;
  int dims = 0;
  bool traditional = false;
  double theta = 10000.0;
  double factor = 1.0;
  int max_position_embeddings = 0;
  int original_max_position_embeddings = 0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  double mscale = 1.0;
  double mscale_all_dim = 0.0;
  std::vector<double> long_factor;  // dims / 2 entries, or one for all
};

enum class NormKind { Rms, RmsPlusOne };  // RmsPlusOne multiplies by 1 + weight
enum class QkNorm { None, PerHead, Whole };

struct NormSpec {
  NormKind kind = NormKind::Rms;
  double eps = 1e-6;
};

struct AttentionSpec {
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  double scale = 0.0;
  bool qkv_bias = false;
  bool o_bias = false;
  bool fused_qkv = false;  // one qkv_proj with rows Q | K | V
  QkNorm qk_norm = QkNorm::None;
  RopeSpec rope;
  int window = 0;  // 0: full attention
};

enum class Activation { SwiGlu, GeGluTanh };

struct FfnSpec {
  int intermediate_size = 0;
  Activation activation = Activation::SwiGlu;
  bool bias = false;
  bool fused_gate_up = false;  // one gate_up_proj with rows gate | up
};

/** Where the norms stand: before each block, before and after, or after only. */
enum class ResidualOrder { Pre, Sandwich, Post };

struct LayerSpec {
  AttentionSpec attention;
  FfnSpec ffn;
  NormSpec norm;
  ResidualOrder residual = ResidualOrder::Pre;
};

struct DecoderSpec {
  std::string model_type;
  int hidden_size = 0;
  int vocab_size = 0;
  int context_size = 0;
  std::vector<LayerSpec> layers;
  NormSpec final_norm;
  double embedding_scale = 1.0;
  bool tied_head = true;
};

}  // namespace burin::nn
