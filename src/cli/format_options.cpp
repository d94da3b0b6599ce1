#include "cli/format_options.h"

#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace burin::cli {
namespace {

using Kind = text::GrammarSource::Kind;

constexpr uint64_t kMaxGrammarBytes = uint64_t{1} << 20;

constexpr std::array kFormatOptions{
    Option{.name = "--format",
           .kind = ValueKind::Text,
           .value_name = "FILE|SCHEMA|json",
           .help = "answer in JSON that fits the schema, in FILE or as {..}; json: any JSON object"},
    Option{.name = "--regex",
           .kind = ValueKind::Text,
           .value_name = "PATTERN",
           .help = "answer in text that matches the whole pattern"},
    Option{.name = "--grammar",
           .kind = ValueKind::Text,
           .value_name = "FILE",
           .help = "answer in text of the Lark grammar in FILE"},
};

/** Errors name the option and the file. */
std::string read_given(std::string_view option, const std::string& file) {
  try {
    return read_file(file, kMaxGrammarBytes);
  } catch (const Error& e) {
    throw Error(e.code(), "run", fmt::format("{}: {}", option, e.message()));
  }
}

/** Looked at before the model is loaded; what it means is the grammar engine's to say. */
std::string read_schema(const std::string& file) {
  std::string text = read_given("--format", file);
  parse_json(text, std::filesystem::path(file).filename().string());
  return text;
}

/** A schema that stands in the command itself. */
std::string checked_schema(const std::string& text) {
  try {
    parse_json(text, "schema");
  } catch (const Error& e) {
    throw Error(ErrorCode::InvalidArgument, "run", fmt::format("--format: {}", e.message()));
  }
  return text;
}

}  // namespace

std::vector<Option> format_options() {
  return {kFormatOptions.begin(), kFormatOptions.end()};
}

std::optional<text::GrammarSource> grammar_from(const Arguments& arguments) {
  std::string_view given;
  for (const Option& option : kFormatOptions) {
    if (!arguments.has(option.name)) {
      continue;
    }
    if (!given.empty()) {
      throw Error(ErrorCode::InvalidArgument, "run", fmt::format("{} and {} exclude each other", given, option.name));
    }
    given = option.name;
  }
  if (given.empty()) {
    return std::nullopt;
  }
  const std::string value = arguments.text(given);
  if (given == "--regex") {
    return text::GrammarSource{.kind = Kind::Regex, .text = value};
  }
  if (given == "--grammar") {
    return text::GrammarSource{.kind = Kind::Lark, .text = read_given(given, value)};
  }
  if (value == "json") {
    return text::GrammarSource{.kind = Kind::Json};
  }
  return text::GrammarSource{.kind = Kind::JsonSchema,
                             .text = value.starts_with('{') ? checked_schema(value) : read_schema(value)};
}

}  // namespace burin::cli
