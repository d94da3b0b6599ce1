// Decoders of any spec over random weights of 4 bits, packed as those of a model are.
#pragma once

#include <map>
#include <string>

#include "nn/decoder.h"

namespace burin::nn {

/** Random tensors for every parameter of a spec. */
class RandomWeights : public TensorSource {
 public:
  explicit RandomWeights(const DecoderSpec& spec) {
    const int d = spec.hidden_size;
    add_matrix(spec.names.embed_tokens, spec.vocab_size, d, false);
    if (!spec.names.positions.empty()) {
      add_matrix(spec.names.positions, spec.context_size, d, false);
    }
    add_norm(spec.names.norm, {d}, spec.final_norm);
    for (size_t i = 0; i < spec.layers.size(); ++i) {
      add_layer(spec.names.layers + "." + std::to_string(i) + ".", d, spec.layers[i], spec.names.layer);
    }
  }

  const StoredTensor* find(const std::string& name) const override {
    const auto it = stored_.find(name);
    return it == stored_.end() ? nullptr : &it->second;
  }
  mx::array take(const std::string& name, bool /*widen*/) override { return tensors_.at(name); }
  ops::PackedWeightPtr pack(const std::string& path, const QuantizationEntry& entry) override {
    const mx::array& codes = tensors_.at(path + ".weight");
    const mx::array& scales = tensors_.at(path + ".scales");
    const ops::QuantizedMatrix from{codes.data<uint32_t>(),
                                    scales.data<float>(),
                                    tensors_.at(path + ".biases").data<float>(),
                                    ops::ScaleType::F32,
                                    codes.shape(0),
                                    int64_t{codes.shape(1)} * 32 / entry.bits,
                                    entry.group_size,
                                    entry.bits};
    const auto packed = arena_.allocate(ops::packed_form(from));
    ops::pack(from, 0, packed->matrix().panels(), packed->data());
    return packed;
  }

 private:
  void put(const std::string& name, const mx::array& values) {
    mx::array dense = mx::contiguous(values);
    dense.eval();
    stored_.insert_or_assign(name, StoredTensor{.shape = dense.shape(), .dtype = dense.dtype()});
    tensors_.insert_or_assign(name, dense);
  }
  mx::array normal(const mx::Shape& shape, float scale, float mean = 0.0F) {
    return mx::add(mx::array(mean),
                   mx::multiply(mx::array(scale), mx::random::normal(shape, mx::float32, mx::random::key(++seed_))));
  }
  void add_matrix(const std::string& path, int rows, int columns, bool bias) {
    const auto parts = mx::quantize(normal({rows, columns}, 0.08F), 32, 4);
    put(path + ".weight", parts[0]);
    put(path + ".scales", parts[1]);
    put(path + ".biases", parts[2]);
    if (bias) {
      put(path + ".bias", normal({rows}, 0.2F));
    }
  }
  void add_norm(const std::string& path, const mx::Shape& shape, const NormSpec& norm) {
    if (norm.weight) {
      put(path + ".weight", normal(shape, 0.2F, norm.plus_one ? 0.0F : 1.0F));
    }
    if (norm.bias) {
      put(path + ".bias", normal(shape, 0.2F));
    }
  }
  void add_head_norm(const std::string& path, int heads, const LayerSpec& layer) {
    const int dims = layer.attention.head_dim;
    switch (layer.attention.qk_norm) {
      case QkNorm::None:
        return;
      case QkNorm::PerHead:
        return add_norm(path, {dims}, layer.norm);
      case QkNorm::Whole:
        return add_norm(path, {heads * dims}, layer.norm);
      case QkNorm::EachHead:
        return put(path + ".weight", normal({heads, dims}, 0.2F, 1.0F));
      case QkNorm::HeadList:
        for (int i = 0; i < heads; ++i) {
          put(path + ".norms." + std::to_string(i) + ".weight", normal({dims}, 0.2F, 1.0F));
        }
    }
  }
  void add_attention(const std::string& path, int d, const LayerSpec& layer, const LayerNames& names) {
    const AttentionSpec& a = layer.attention;
    if (a.layout == QkvLayout::Separate) {
      add_matrix(path + names.q, a.heads * a.head_dim, d, a.qkv_bias);
      add_matrix(path + names.k, a.kv_heads * a.head_dim, d, a.qkv_bias);
      add_matrix(path + names.v, a.kv_heads * a.head_dim, d, a.qkv_bias);
    } else {
      add_matrix(path + names.qkv, (a.heads + 2 * a.kv_heads) * a.head_dim, d, a.qkv_bias);
    }
    add_matrix(path + names.o, d, a.heads * a.head_dim, a.o_bias);
    add_head_norm(path + names.q_norm, a.heads, layer);
    add_head_norm(path + names.k_norm, a.kv_heads, layer);
  }
  void add_ffn(const std::string& path, int d, const FfnSpec& ffn, const LayerNames& names) {
    const int size = ffn.intermediate_size;
    if (ffn.gated && ffn.layout != GateUpLayout::Separate) {
      add_matrix(path + names.gate_up, 2 * size, d, ffn.bias);
    } else {
      add_matrix(path + names.gate, size, d, ffn.bias);
      add_matrix(path + names.up, size, d, ffn.bias);
    }
    add_matrix(path + names.down, d, size, ffn.bias);
    for (const char* name : {"alpha_p", "alpha_n", "beta", "eps"}) {
      put(path + "act_fn." + name, mx::array(*name == 'e' ? -1e-6F : 0.4F));
    }
  }
  void add_layer(const std::string& path, int d, const LayerSpec& layer, const LayerNames& names) {
    for (const std::string& norm : {names.before_attention, names.after_attention, names.before_ffn, names.after_ffn}) {
      add_norm(path + norm, {d}, layer.norm);
    }
    add_attention(path + names.attention + ".", d, layer, names);
    add_ffn(path + names.ffn + ".", d, layer.ffn, names);
  }

  std::map<std::string, StoredTensor> stored_;
  std::map<std::string, mx::array> tensors_;
  ops::PackedArena arena_;
  uint64_t seed_ = 0;
};

/** A Llama of three layers. */
inline DecoderSpec small_spec() {
  LayerSpec layer;
  layer.attention = {.heads = 4, .kv_heads = 2, .head_dim = 32, .scale = 0.15};
  layer.attention.rope = {.dims = 32};
  layer.ffn.intermediate_size = 96;
  DecoderSpec spec;
  spec.hidden_size = 128;
  spec.vocab_size = 50;
  spec.context_size = 512;
  spec.layers.assign(3, layer);
  return spec;
}

/** A decoder with a plan. */
inline Decoder planned_decoder(const DecoderSpec& spec) {
  RandomWeights weights(spec);
  Parameters parameters(weights, QuantizationMap::from_shapes(), ops::Precision::Fast, true);
  Decoder decoder(parameters, spec);
  decoder.plan();
  return decoder;
}

}  // namespace burin::nn
