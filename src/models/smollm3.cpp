// SmolLM3: Llama with layers that have no rotary embedding.
#include "base/error.h"
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {

extern const Architecture llama_architecture;

namespace {

/** One entry a layer, 0 where it does not rotate; else every `no_rope_layer_interval`-th does not. */
std::vector<double> rope_switches(const JsonView& config, size_t layers) {
  std::vector<double> switches = config.numbers_or("no_rope_layers", {});
  if (switches.empty()) {
    const auto interval = static_cast<size_t>(config.integer_or("no_rope_layer_interval", 4, 1, 1 << 20));
    for (size_t i = 0; i < layers; ++i) {
      switches.push_back((i + 1) % interval == 0 ? 0.0 : 1.0);
    }
  }
  if (switches.size() != layers) {
    throw Error(ErrorCode::Corrupt, config.source(), "\"no_rope_layers\" must have num_hidden_layers entries");
  }
  return switches;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& has_tensor) {
  nn::DecoderSpec spec = llama_architecture.spec(config, has_tensor);
  const std::vector<double> switches = rope_switches(config, spec.layers.size());
  for (size_t i = 0; i < switches.size(); ++i) {
    if (switches[i] == 0.0) {
      spec.layers[i].attention.rope.dims = 0;
    }
  }
  return spec;
}

}  // namespace

extern const Architecture smollm3_architecture{
    .model_type = "smollm3",
    .aliases = {},
    .summary = "SmolLM3",
    .source = "mlx-lm 0.32.2 models/smollm3.py",
    .spec = model,
};

}  // namespace burin::models
