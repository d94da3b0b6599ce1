// Models of several towers of which burin runs the language model alone.
#pragma once

#include "models/architecture.h"

namespace burin::models {

/** The spec of `inner` for `text_config` (or, without one, the whole config), its weights below "language_model.". */
nn::DecoderSpec text_tower(const Architecture& inner, const JsonView& config, const HasTensor& has_tensor);

/** The same with what the wrapper itself says of the text model put into `text_config`. Throws: Corrupt without one. */
nn::DecoderSpec text_tower(const Architecture& inner, const JsonView& config, const HasTensor& has_tensor,
                           const std::function<void(Json& text_config)>& complete);

/** "language_model." in front of the language model's tensors, wherever the file has them; none for other towers. */
std::optional<SanitizedName> text_tower_name(const std::string& name);

}  // namespace burin::models
