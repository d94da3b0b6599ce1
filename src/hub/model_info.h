// What a model on disk is: the model object of listings and the details of `show`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "hub/health.h"
#include "hub/resolve.h"

namespace burin::hub {

struct ModelInfo {
  ResolvedModel model;
  std::vector<ModelFile> files;
  Json config;  // null when it cannot be read
  HealthReport health;
  uint64_t size_bytes = 0;
  std::string last_modified;              // "2026-01-31T12:00:00Z"
  std::string framework;                  // MLX, GGUF, PyTorch, Unknown
  std::string model_type;                 // chat, embedding, base, audio, unknown
  std::vector<std::string> capabilities;  // text-generation, chat, embeddings, vision, audio
  bool runtime_compatible = false;
  std::string reason;  // the first thing that is wrong; empty: nothing
  Json quantization;   // {bits, group_size, mode}, or null
};

/** `supported` are the values of config.json's model_type that burin runs. Never throws on a bad model. */
ModelInfo describe_model(const ResolvedModel& model, const std::vector<std::string>& supported);

/** The model object of mlx-knife's JSON. */
Json model_object(const ModelInfo& info);

/** {model_type, quantization, context_length, vocab_size, ..}; null without a configuration. */
Json model_metadata(const ModelInfo& info);

}  // namespace burin::hub
