// The options that bind an answer to a form: a JSON schema, any JSON object, a regular expression or a grammar.
#pragma once

#include <optional>
#include <vector>

#include "cli/arguments.h"
#include "text/generation.h"

namespace burin::cli {

/** --format, --regex, --grammar. */
std::vector<Option> format_options();

/**
 * None when no option was given. The files are read here, the grammar is compiled with the model's tokenizer.
 * Throws: InvalidArgument for two of them at once and for a schema that is no JSON, NotFound, ResourceExhausted.
 */
std::optional<text::GrammarSource> grammar_from(const Arguments& arguments);

}  // namespace burin::cli
