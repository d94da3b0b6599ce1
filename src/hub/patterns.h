// Which files of a repository are meant: Python's fnmatch, as Hugging Face's client applies it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace burin::hub {

/**
 * Whether the whole of `name` matches: `*` any text (slashes too), `?` one character, `[a-z]` and `[!a-z]` one of a
 * set; case counts. Takes time in proportion to the product of both lengths at most. Source: Python's fnmatchcase.
 */
bool matches_pattern(std::string_view name, std::string_view pattern);

/**
 * Whether `name` is wanted: without `include` every name is, `exclude` wins. A pattern that ends in a slash means all
 * below it, a backslash counts as a slash. Source: huggingface_hub filter_repo_objects.
 */
bool is_selected(std::string_view name, const std::vector<std::string>& include,
                 const std::vector<std::string>& exclude);

/** The pattern that matches `name` and nothing else. */
std::string literal_pattern(std::string_view name);

}  // namespace burin::hub
