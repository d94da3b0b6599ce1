#include "hub/fits.h"

#include <algorithm>

#include "base/error.h"
#include "base/safetensors.h"
#include "hub/model_folder.h"

namespace burin::hub {
namespace {

constexpr int64_t kMaxContext = int64_t{1} << 24;  // looked through where a model does not say how long its context is

uint64_t weights_of(const ModelFolder& folder) {
  uint64_t total = 0;
  for (const ModelFile& file : folder.files()) {
    if (is_weights_name(file.name)) {
      for (const TensorInfo& tensor : read_safetensors_header(InputFile(folder.dir() / file.name)).tensors) {
        total += tensor.nbytes;
      }
    }
  }
  if (total == 0) {
    throw Error(ErrorCode::Unsupported, "fits", "it has no safetensors weights")
        .hint("`burin import` makes them of GGUF");
  }
  return total;
}

MemoryParts parts_of(const MemorySubject& subject, const MemoryRequest& request) {
  return {.weights = subject.weight_bytes,
          .kv = cache_bytes(subject.layers, request),
          .scratch = scratch_bytes(subject.config, request)};
}

/** Memory grows with the context, so the largest that fits is found by halving. */
int64_t largest_context(const MemorySubject& subject, MemoryRequest request, uint64_t available_bytes) {
  int64_t low = 0;
  int64_t high = subject.context_length > 0 ? subject.context_length : kMaxContext;
  while (low < high) {
    request.context = low + (high - low + 1) / 2;
    if (parts_of(subject, request).total() <= available_bytes) {
      low = request.context;
    } else {
      high = request.context - 1;
    }
  }
  return low;
}

}  // namespace

bool is_weights_name(std::string_view name) {
  return name.find('/') == name.npos && name.ends_with(".safetensors");
}

MemorySubject memory_subject(const ResolvedModel& model, const std::vector<std::string>& supported) {
  const ModelFolder folder(model.dir);
  if (!folder.config_problem().empty()) {
    throw Error(ErrorCode::Corrupt, "config.json", folder.config_problem())
        .hint("`burin health " + model.name + "` says more");
  }
  return {.name = model.name,
          .weight_bytes = weights_of(folder),
          .config = folder.config(),
          .context_length = context_length(folder.config()),
          .layers = layer_caches(folder.config(), supported)};
}

MemorySubject memory_subject(const RegistryModel& model, const std::vector<std::string>& supported) {
  if (model.type == "embedding") {
    throw Error(ErrorCode::Unsupported, "fits", model.id + " is an embedder: it keeps no context")
        .hint("it needs about the size of its weights");
  }
  if (!model.config.is_object()) {
    throw Error(ErrorCode::Unsupported, "fits", "the registry does not say what the context of " + model.id + " needs")
        .hint("download it first");
  }
  return {.name = model.repo,
          .weight_bytes = model.size_bytes,
          .config = model.config,
          .context_length = model.context_length,
          .layers = layer_caches(model.config, supported)};
}

FitAnswer fit(const MemorySubject& subject, const MemoryRequest& request, uint64_t available_bytes) {
  FitAnswer answer{.parts = parts_of(subject, request), .available_bytes = available_bytes};
  answer.fits = answer.parts.total() <= available_bytes;
  answer.largest_context = largest_context(subject, request, available_bytes);
  return answer;
}

Json fit_object(const MemorySubject& subject, const MemoryRequest& request, const FitAnswer& answer) {
  Json layers = Json::object();
  for (const LayerCache& layer : subject.layers) {
    const std::string kind = name(layer.kind);
    layers[kind] = layers.value(kind, 0) + 1;
  }
  return {{"model", subject.name},
          {"fits", answer.fits},
          {"required_bytes", answer.parts.total()},
          {"available_bytes", answer.available_bytes},
          {"parts", {{"weights", answer.parts.weights}, {"kv", answer.parts.kv}, {"scratch", answer.parts.scratch}}},
          {"largest_context", answer.largest_context},
          {"context", request.context},
          {"parallel", request.parallel},
          {"kv_bits", request.kv_bits},
          {"layers", std::move(layers)}};
}

}  // namespace burin::hub
