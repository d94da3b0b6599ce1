// Whether this burin can run a model on this machine, judged apart from whether its files are whole.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hub/model_folder.h"

namespace burin::hub {

/** What this burin and this machine can do. */
struct RuntimeFacts {
  std::vector<std::string> supported;  // values of config.json's model_type
  uint64_t memory_bytes = 0;           // that there is in all; 0: not known
};

struct RuntimeVerdict {
  std::string reason;  // why not; empty: it can
  bool compatible() const { return reason.empty(); }
};

/** By config.json and the names and sizes of the files; nothing else is read. */
RuntimeVerdict check_runtime(const ModelFolder& folder, const RuntimeFacts& facts);

/** The numbers and words of config.json's `quantization`, its entries for single layers left out; null without. */
Json quantization_of(const Json& config);

/** The member of an object, else null. */
const Json& member(const Json& object, const char* key);

/** Text, or null for none. */
Json null_when_empty(const std::string& text);

/** The text of a member; empty when it is none. */
std::string text_member(const Json& object, const char* key);

}  // namespace burin::hub
