// Steps that several commands share: from the MODEL argument to a loaded model or its token ids.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/context.h"
#include "hub/resolve.h"
#include "hub/runtime_check.h"

namespace burin::cli {

constexpr Positional kModelPositional{
    .name = "MODEL", .help = "name, part of a name, NAME@REVISION, or a path that begins with / ./ ../ or ~"};

/** The MODEL argument, resolved. */
hub::ResolvedModel model_of(const Context& context);

/** A loaded model; shows a progress line on a terminal. Takes --precision, --threads and --draft from the arguments. */
std::unique_ptr<engine::Backend> load_model(Context& context, const hub::ResolvedModel& model, bool with_tokenizer);

/** "1,2,3" with optional blanks and line ends. Throws: InvalidArgument, naming `what` and the word that is no id. */
std::vector<int32_t> parse_ids(std::string_view text, std::string_view what);

/** `@FILE` and `-` (stdin) stand for their content; any other value for itself. */
std::string inline_or_file(const std::string& value);

/** stdin to its end as it is. Throws: InvalidArgument beyond 256 MiB. */
std::string read_stdin();

/** The model types that this program runs and the memory of this machine. */
hub::RuntimeFacts runtime_facts(const Context& context);

/** "1.3GB": decimal units. */
std::string size_text(uint64_t bytes);

}  // namespace burin::cli
