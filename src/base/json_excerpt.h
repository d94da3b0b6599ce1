// Some members of a large JSON object, without a tree of the rest: a listing asks for six of a thousand files each.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"

namespace burin {

/**
 * JSON text of an object with those members of `text`'s object whose keys are `wanted`, in the order of `text`; all of
 * `text` is looked at. None when only parse_json can judge: text that is broken, duplicate keys at any depth, no object
 * with members, but also what is merely unusual (escaped keys, \u, bytes beyond ASCII, very long numbers).
 */
std::optional<std::string> excerpt_members(std::string_view text, std::span<const std::string_view> wanted,
                                           const JsonLimits& limits = {});

}  // namespace burin
