#include "generate/sequence.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace burin::generate {
namespace {

void eval_states(const nn::CacheList& layers) {
  std::vector<mx::array> arrays;
  for (const auto& layer : layers) {
    layer->collect_pending(arrays);
  }
  mx::eval(std::move(arrays));
}

}  // namespace

mx::array to_array(std::span<const int32_t> ids) {
  return mx::array(ids.data(), {static_cast<int>(ids.size())}, mx::int32);
}

std::span<const int32_t> known_part(std::span<const int32_t> ids) {
  const auto first = std::ranges::find_if(ids, [](int32_t id) { return id != kUnknownToken; });
  return ids.subspan(static_cast<size_t>(first - ids.begin()));
}

nn::CacheOptions cache_options(const text::CacheParams& params) {
  nn::CacheOptions options{.max_kv_size = params.max_kv_size, .quantization = std::nullopt};
  if (params.kv_bits != 0) {
    options.quantization = nn::KVQuantization{
        .bits = params.kv_bits, .group_size = params.kv_group_size, .start = params.quantized_kv_start};
  }
  return options;
}

Sequence::Sequence(const models::Model& model, const text::CacheParams& params)
    : model_(model), options_(cache_options(params)), layers_(model.make_cache(options_)) {}

void Sequence::after_call() {
  if (options_.quantization) {
    nn::quantize_caches(layers_, *options_.quantization);
  }
}

mx::array Sequence::last_logits(const mx::array& ids) {
  mx::array logits = model_.last_logits(mx::expand_dims(ids, 0), layers_);
  after_call();
  return logits;
}

mx::array Sequence::logits(const mx::array& ids, int wanted) {
  mx::array logits = model_.part_logits(ids, {{.cache = &layers_, .count = ids.shape(0), .wanted = wanted}});
  after_call();
  return logits;
}

bool Sequence::prefill(std::span<const int32_t> ids, const PrefillOptions& options) {
  const int total = static_cast<int>(ids.size());
  const auto report = [&](int done) {
    if (options.on_progress) {
      options.on_progress(done, total);
    }
  };
  int done = keep_prefix_of(ids);
  for (report(done); done < total - 1; report(done)) {
    if (options.cancelled()) {
      return false;
    }
    const int count = std::min(options.step_size, total - 1 - done);
    last_logits(to_array(ids.subspan(done, count)));
    eval_states(layers_);
    done += count;
    set_tokens(ids);
    mx::clear_cache();
  }
  return !options.cancelled();
}

bool Sequence::is_trimmable(int count, int more) const {
  return std::ranges::all_of(layers_, [=](const auto& layer) { return layer->is_trimmable(count, more); });
}

void Sequence::trim(int count) {
  if (!nn::trim(layers_, count)) {
    clear();
    return;
  }
  tokens_.resize(std::min(tokens_.size(), static_cast<size_t>(size())));
}

int Sequence::keep_prefix_of(std::span<const int32_t> ids) {
  const auto most = static_cast<std::ptrdiff_t>(std::min(tokens_.size(), ids.empty() ? 0 : ids.size() - 1));
  const auto end = tokens_.begin() + most;
  const int common = static_cast<int>(std::mismatch(tokens_.begin(), end, ids.begin()).first - tokens_.begin());
  trim(size() - common);
  return size();
}

void Sequence::clear() {
  layers_ = model_.make_cache(options_);
  tokens_.clear();
}

void Sequence::set_tokens(std::span<const int32_t> ids) {
  tokens_.assign(ids.begin(), ids.begin() + size());
}

void Sequence::restore(nn::CacheList layers, std::vector<int32_t> tokens) {
  const int size = layers.front()->offset();
  const bool even = std::ranges::all_of(layers, [size](const auto& layer) { return layer->offset() == size; });
  if (!even || (!tokens.empty() && static_cast<int>(tokens.size()) != size)) {
    throw Error(ErrorCode::Corrupt, "prompt cache", "its layers do not hold equally many tokens");
  }
  layers_ = model_.adopt(std::move(layers));
  tokens_ = tokens.empty() ? std::vector<int32_t>(static_cast<size_t>(size), kUnknownToken) : std::move(tokens);
  after_call();
}

}  // namespace burin::generate
