// Whether a model fits into memory with a context: answered from headers and config.json, or from the registry for a
// model that is not on this machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "hub/memory_estimate.h"
#include "hub/registry.h"
#include "hub/resolve.h"

namespace burin::hub {

/** Whether a file of this name holds weights that burin reads. */
bool is_weights_name(std::string_view name);

/** What the answer is computed from. */
struct MemorySubject {
  std::string name;
  uint64_t weight_bytes = 0;
  Json config;
  int64_t context_length = 0;  // 0: not known
  std::vector<LayerCache> layers;
};

/** Of a model on disk: its weights as the headers count them. Throws: Corrupt, Unsupported, NotFound. */
MemorySubject memory_subject(const ResolvedModel& model, const std::vector<std::string>& supported);

/** Of a registry entry. Throws: Unsupported when it does not say what its context needs. */
MemorySubject memory_subject(const RegistryModel& model, const std::vector<std::string>& supported);

struct FitAnswer {
  bool fits = false;
  MemoryParts parts;
  uint64_t available_bytes = 0;
  int64_t largest_context = 0;  // that fits with everything else as asked; 0: not even one token
};

FitAnswer fit(const MemorySubject& subject, const MemoryRequest& request, uint64_t available_bytes);

/** {model, fits, required_bytes, available_bytes, parts{weights, kv, scratch}, largest_context, context, parallel,
 * kv_bits, layers{KIND: count}}. */
Json fit_object(const MemorySubject& subject, const MemoryRequest& request, const FitAnswer& answer);

}  // namespace burin::hub
