// What a model on disk is: the model object of listings and the details of `show`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "hub/health.h"
#include "hub/model_folder.h"
#include "hub/resolve.h"
#include "hub/runtime_check.h"
#include "hub/workspace.h"

namespace burin::hub {

struct DescribeOptions {
  RuntimeFacts runtime;
  HealthDepth depth = HealthDepth::Headers;
  bool with_content_hash = true;  // of a cached revision: a look at every link
  ConfigMembers config = ConfigMembers::All;
};

struct ModelInfo {
  ResolvedModel model;
  ModelFolder folder;
  HealthReport health;
  RuntimeVerdict runtime;
  uint64_t size_bytes = 0;
  std::string framework;                  // MLX, GGUF, PyTorch, Unknown
  std::string model_type;                 // chat, embedding, base, audio, unknown
  std::vector<std::string> capabilities;  // text-generation, chat, embeddings, vision, audio
  Json quantization;                      // {bits, group_size, mode}, or null
  std::string origin;                     // the repository that it came from; may be empty
  std::string content_hash;               // "sha256:HEX"; may be empty
  std::optional<bool> clean;              // of a clone: as it was made

  /** The files are whole and this burin can run them. */
  bool usable() const { return health.healthy() && runtime.compatible(); }
  /** The first thing that is wrong; empty: nothing. */
  std::string reason() const { return health.healthy() ? runtime.reason : health.reason(); }
};

/** Never throws on a bad model. */
ModelInfo describe_model(const ResolvedModel& model, const DescribeOptions& options);

/** The same for a folder that is open already, model.dir. */
ModelInfo describe_folder(ResolvedModel model, ModelFolder folder, const DescribeOptions& options);

/** The model object of mlx-knife's JSON. */
Json model_object(const ModelInfo& info);

/** {model_type, quantization, context_length, vocab_size, ..}; null without a configuration. */
Json model_metadata(const ModelInfo& info);

/** "2026-01-31T12:00:00Z". */
std::string iso_time(int64_t seconds);

/** "3 days ago", "just now". */
std::string age_text(int64_t seconds, int64_t now);

}  // namespace burin::hub
