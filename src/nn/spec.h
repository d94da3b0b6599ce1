// A decoder as data: what an architecture file makes of config.json, and what nn builds and runs.
// One value for each choice that the supported families differ in; the defaults are a plain Llama.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace burin::nn {

enum class RopeKind { Default, Linear, Llama3, Yarn, LongRope, Dynamic };

/** Rotary embedding of one attention layer. Source: mlx-lm 0.32.2 models/rope_utils.py. */
struct RopeSpec {
  RopeKind kind = RopeKind::Default;
  int dims = 0;  // 0: no rotation
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
  bool reversed = false;            // rotates the other way round
};

enum class NormKind { Rms, Layer };

struct NormSpec {
  NormKind kind = NormKind::Rms;
  double eps = 1e-6;
  bool weight = true;
  bool plus_one = false;  // multiplies by 1 + weight
  bool bias = false;
};

/** How the rows of q, k and v are stored: three matrices, one as Q | K | V, or one with the q rows of a key's group
 * followed by its k and v rows. */
enum class QkvLayout { Separate, Blocks, Groups };

/** One weight for all heads, one over the whole vector, a LayerNorm weight (heads, head_dim), or one tensor a head. */
enum class QkNorm { None, PerHead, Whole, EachHead, HeadList };

/**
 * Which blocks of keys a block of queries sees: itself and the nearest before it, `local_blocks` in all, and those
 * whose number plus the head's, counted from 1, is a multiple of `vertical_stride`. Source: mlx-lm 0.32.2
 * models/phi3small.py.
 */
struct BlockSparsity {
  int block_size = 0;  // 0: every key is seen
  int local_blocks = 0;
  int vertical_stride = 0;
  int heads = 0;
  auto operator<=>(const BlockSparsity&) const = default;
};

struct AttentionSpec {
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  double scale = 0.0;
  bool qkv_bias = false;
  bool o_bias = false;
  QkvLayout layout = QkvLayout::Separate;
  QkNorm qk_norm = QkNorm::None;
  bool norm_after_rope = false;
  RopeSpec rope;   // dims 0: none
  int window = 0;  // 0: full attention
  BlockSparsity sparsity;
  double softcap = 0.0;  // 0: none; else scores become softcap * tanh(score / softcap)
  double temperature_beta =
      0.0;  // 0: none; else queries grow by 1 + beta * log(1 + floor(position / temperature_length))
  int temperature_length = 0;
};

/** GeGelu is clipped to `FfnSpec::limit` and gated: gate * sigmoid(1.702 gate) * (up + 1). */
enum class Activation { Silu, Gelu, GeluTanh, Relu2, XieLU, GeGelu };

/** How gate and up are stored: two matrices, or one with gate | up, up | gate or alternating rows. */
enum class GateUpLayout { Separate, GateFirst, UpFirst, Alternating };

struct FfnSpec {
  int intermediate_size = 0;
  Activation activation = Activation::Silu;
  double limit = 0.0;  // of GeGelu
  bool gated = true;   // down(act(gate(x)) * up(x)), else down(act(up(x)))
  bool bias = false;
  GateUpLayout layout = GateUpLayout::Separate;
};

struct LayerSpec {
  AttentionSpec attention;
  FfnSpec ffn;
  NormSpec norm;
  bool parallel = false;  // attention and feed-forward both read the layer's input
  double residual_scale = 1.0;
};

/** Weight names below one layer, whose branches may have none of their own. A norm with an empty name is not there; in
 * a parallel layer without `before_ffn` both branches read the norm before attention. */
struct LayerNames {
  std::string attention = "self_attn";
  std::string q = "q_proj", k = "k_proj", v = "v_proj", o = "o_proj", qkv = "qkv_proj";
  std::string q_norm = "q_norm", k_norm = "k_norm";
  std::string ffn = "mlp";
  std::string gate = "gate_proj", up = "up_proj", down = "down_proj", gate_up = "gate_up_proj";
  std::string before_attention = "input_layernorm", after_attention;
  std::string before_ffn = "post_attention_layernorm", after_ffn;
};

struct Names {
  std::string embed_tokens = "model.embed_tokens";
  std::string layers = "model.layers";
  std::string norm = "model.norm";
  std::string lm_head = "lm_head";
  std::string positions;  // table of learned positions; empty: none
  LayerNames layer;
};

struct DecoderSpec {
  std::string model_type;
  int hidden_size = 0;
  int vocab_size = 0;
  int context_size = 0;
  std::vector<LayerSpec> layers;
  NormSpec final_norm;
  std::optional<NormSpec> embedding_norm;  // without a weight
  double embedding_scale = 1.0;
  bool tied_head = true;
  bool head_bias = false;
  double logit_scale = 1.0;
  double logit_softcap = 0.0;   // 0: none
  std::vector<int> silent_ids;  // never chosen: their logits are -infinity
  Names names;
  std::string prefix;  // in front of every name: where a wrapper keeps its language model
};

}  // namespace burin::nn
