#include "nn/decoder.h"

#include <algorithm>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "base/error.h"
#include "nn/step_cache.h"

namespace burin::nn {
namespace {

mx::array scaled(const mx::array& x, double factor) {
  return factor == 1.0 ? x : mx::multiply(x, scalar_like(factor, x));
}

/** The path of a branch, whose weights are the block's own where it has no name. */
std::string joined(const std::string& path, const std::string& name) {
  return name.empty() ? path : path + "." + name;
}

mx::array normed(const std::optional<Norm>& norm, const mx::array& x) {
  return norm ? (*norm)(x) : x;
}

bool is_step(const CacheList& cache) {
  return dynamic_cast<const StepCache*>(cache.front().get()) != nullptr;
}

/** The stores and the position of each sequence in `cache`, and the result that they follow from. */
void add_sequences(std::vector<ops::StepTokens>& sequences, CacheList& cache, std::vector<mx::array>& after) {
  for (const auto& layer : cache) {
    auto& step = dynamic_cast<StepCache&>(*layer);
    const ops::LayerStores& stores = step.stores(static_cast<int>(sequences.size()));
    for (size_t b = 0; b < sequences.size(); ++b) {
      sequences[b].stores.push_back(stores[b]);
      sequences[b].position = step.offset();
    }
  }
  if (const auto& newest = dynamic_cast<const StepCache&>(*cache.front()).newest()) {
    after.push_back(*newest);
  }
}

void append(CacheList& cache, int count, const mx::array& result) {
  for (const auto& layer : cache) {
    dynamic_cast<StepCache&>(*layer).append(count, result);
  }
}

/** Shapes: -> (vocab_size), true at `ids`. */
mx::array among(const std::vector<int>& ids, int vocab_size) {
  std::vector<uint8_t> marks(static_cast<size_t>(vocab_size), 0);
  for (const int id : ids) {
    marks.at(static_cast<size_t>(id)) = 1;
  }
  return mx::array(marks.data(), {vocab_size}, mx::bool_);
}

}  // namespace

Block::Block(Parameters& parameters, const std::string& path, int hidden_size, const LayerSpec& spec,
             const LayerNames& names)
    : attention_(parameters, joined(path, names.attention), hidden_size, spec, names),
      ffn_(parameters, joined(path, names.ffn), hidden_size, spec.ffn, names),
      sight_{.window = spec.attention.window, .sparsity = spec.attention.sparsity},
      parallel_(spec.parallel),
      residual_scale_(spec.residual_scale) {
  const auto add = [&](std::optional<Norm>& slot, const std::string& name) {
    if (!name.empty()) {
      slot.emplace(parameters, path + "." + name, hidden_size, spec.norm);
    }
  };
  add(before_attention_, names.before_attention);
  add(after_attention_, names.after_attention);
  add(before_ffn_, names.before_ffn);
  add(after_ffn_, names.after_ffn);
}

mx::array Block::added(const mx::array& x, const mx::array& branch) const {
  return mx::add(x, scaled(branch, residual_scale_));
}

mx::array Block::operator()(const mx::array& x, const ops::Mask& mask, Cache& cache) const {
  const mx::array normed_x = normed(before_attention_, x);
  const mx::array attended = normed(after_attention_, attention_(normed_x, mask, cache));
  if (parallel_) {
    const mx::array fed = ffn_(before_ffn_ ? (*before_ffn_)(x) : normed_x);
    return added(x, mx::add(attended, normed(after_ffn_, fed)));
  }
  const mx::array h = added(x, attended);
  return added(h, normed(after_ffn_, ffn_(normed(before_ffn_, h))));
}

bool Block::plan(ops::DecoderPlan& plan) const {
  ops::StepLayer layer;
  layer.parallel = parallel_;
  layer.residual_scale = static_cast<float>(residual_scale_);
  const auto add = [&](const std::optional<Norm>& norm, ops::StepNorm& to) {
    if (norm) {
      norm->plan(plan, to);
    }
  };
  add(before_attention_, layer.before_attention);
  add(after_attention_, layer.after_attention);
  add(parallel_ && !before_ffn_ ? before_attention_ : before_ffn_, layer.before_ffn);
  add(after_ffn_, layer.after_ffn);
  const bool fits = attention_.plan(plan, layer.attention) && ffn_.plan(plan, layer.ffn);
  plan.plan.layers.push_back(std::move(layer));
  return fits;
}

Decoder::Decoder(Parameters& parameters, const DecoderSpec& spec)
    : embed_tokens_(parameters, spec.names.embed_tokens, spec.vocab_size, spec.hidden_size),
      norm_(parameters, spec.names.norm, spec.hidden_size, spec.final_norm),
      context_size_(spec.context_size),
      embedding_scale_(spec.embedding_scale),
      logit_scale_(spec.logit_scale),
      logit_softcap_(spec.logit_softcap),
      hidden_size_(spec.hidden_size) {
  if (!spec.names.positions.empty()) {
    positions_.emplace(parameters, spec.names.positions, spec.context_size, spec.hidden_size);
  }
  if (spec.embedding_norm) {
    embedding_norm_.emplace(parameters, "", spec.hidden_size, *spec.embedding_norm);
  }
  layers_.reserve(spec.layers.size());
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    const std::string path = spec.names.layers + "." + std::to_string(i);
    layers_.emplace_back(parameters, path, spec.hidden_size, spec.layers[i], spec.names.layer);
  }
  if (!spec.silent_ids.empty()) {
    silent_ = among(spec.silent_ids, spec.vocab_size);
  }
  if (!spec.tied_head) {
    lm_head_.emplace(parameters, spec.names.lm_head, spec.hidden_size, spec.vocab_size, spec.head_bias, ops::kTwoBytes);
  }
}

mx::array Decoder::learned_positions(const std::vector<SequencePart>& parts) const {
  std::vector<mx::array> positions;
  for (const SequencePart& part : parts) {
    const int offset = part.cache->front()->offset();
    const int end = offset + part.count;
    if (end > context_size_) {
      throw Error(ErrorCode::InvalidArgument, "model",
                  fmt::format("{} tokens are more than the {} positions this model has learned", end, context_size_));
    }
    positions.push_back(mx::arange(offset, end, 1, mx::int32));
  }
  return mx::concatenate(positions, 0);
}

/** Shapes: ids (.., T), T the tokens of all parts -> (.., T, D). */
mx::array Decoder::embed(const mx::array& ids, const std::vector<SequencePart>& parts) const {
  mx::array h = scaled(embed_tokens_(ids), embedding_scale_);
  if (positions_) {
    h = mx::add(h, (*positions_)(learned_positions(parts)));
  }
  return normed(embedding_norm_, h);
}

void Decoder::plan() {
  const auto made = std::make_shared<ops::DecoderPlan>();
  made->plan.hidden = hidden_size_;
  if (std::ranges::all_of(layers_, [&](const Block& layer) { return layer.plan(*made); })) {
    plan_ = made;
  }
}

mx::array Decoder::run_plan(const mx::array& h, CacheList& cache) const {
  const int batch = h.shape(0);
  const int count = h.shape(1);
  std::vector<ops::StepTokens> sequences(static_cast<size_t>(batch), {.stores = {}, .position = 0, .count = count});
  std::vector<mx::array> after;
  add_sequences(sequences, cache, after);
  const mx::array result = ops::decoder_step(h, plan_, std::move(sequences), after);
  append(cache, count, result);
  return result;
}

mx::array Decoder::run_parts(const mx::array& ids, const std::vector<SequencePart>& parts) const {
  if (!plan_ || !std::ranges::all_of(parts, [](const SequencePart& part) { return is_step(*part.cache); })) {
    std::vector<mx::array> rows;
    int begin = 0;
    for (const SequencePart& part : parts) {
      const mx::array own = mx::expand_dims(mx::slice(ids, {begin}, {begin + part.count}), 0);
      rows.push_back(mx::squeeze(hidden(own, *part.cache), 0));
      begin += part.count;
    }
    return mx::concatenate(rows, 0);
  }
  std::vector<ops::StepTokens> sequences;
  std::vector<mx::array> after;
  for (const SequencePart& part : parts) {
    std::vector<ops::StepTokens> one{{.stores = {}, .position = 0, .count = part.count}};
    add_sequences(one, *part.cache, after);
    sequences.push_back(std::move(one.front()));
  }
  const mx::array result = ops::decoder_step(embed(ids, parts), plan_, std::move(sequences), after);
  for (const SequencePart& part : parts) {
    append(*part.cache, part.count, result);
  }
  return norm_(result);
}

mx::array Decoder::wanted_hidden(const mx::array& ids, const std::vector<SequencePart>& parts) const {
  std::vector<int> rows;
  int end = 0;
  for (const SequencePart& part : parts) {
    end += part.count;
    for (int row = end - part.wanted; row < end; ++row) {
      rows.push_back(row);
    }
  }
  const mx::array all = run_parts(ids, parts);
  return mx::take(all, mx::array(rows.data(), {static_cast<int>(rows.size())}, mx::int32), 0);
}

mx::array Decoder::run_layers(mx::array h, CacheList& cache) const {
  // Layers that see alike hold equally many tokens, so one mask serves them all.
  std::map<Sight, ops::Mask> masks;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Sight& sight = layers_[i].sight();
    auto it = masks.find(sight);
    if (it == masks.end()) {
      it = masks.emplace(sight, make_mask(*cache[i], h.shape(1), sight)).first;
    }
    h = layers_[i](h, it->second, *cache[i]);
  }
  return h;
}

mx::array Decoder::hidden(const mx::array& ids, CacheList& cache) const {
  const mx::array h = embed(ids, {{.cache = &cache, .count = ids.shape(1)}});
  return norm_(plan_ && is_step(cache) ? run_plan(h, cache) : run_layers(h, cache));
}

mx::array Decoder::head(const mx::array& hidden) const {
  mx::array logits = scaled(lm_head_ ? (*lm_head_)(hidden) : embed_tokens_.as_linear(hidden), logit_scale_);
  if (logit_softcap_ != 0.0) {
    const mx::array cap = scalar_like(logit_softcap_, logits);
    logits = mx::multiply(mx::tanh(mx::divide(logits, cap)), cap);
  }
  return silent_ ? mx::where(*silent_, scalar_like(-std::numeric_limits<double>::infinity(), logits), logits) : logits;
}

}  // namespace burin::nn
