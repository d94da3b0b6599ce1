#include <fmt/format.h>

#include "cli/batch.h"
#include "cli/models.h"
#include "text/tokenizer.h"

namespace burin::cli {
namespace {

Json tokenized(const text::Tokenizer& tokenizer, const std::string& text, bool special) {
  const std::vector<int32_t> ids = tokenizer.encode(text, special);
  Json tokens = Json::array();
  for (const int32_t id : ids) {
    const std::optional<std::string> token = tokenizer.id_to_token(id);
    tokens.push_back(token ? Json(*token) : Json(nullptr));
  }
  return {{"ids", ids}, {"tokens", std::move(tokens)}};
}

Json run(Context& context) {
  const text::Tokenizer tokenizer = text::Tokenizer::load_file_only(model_of(context).dir);
  const bool special = !context.arguments.has("--no-special");
  if (context.arguments.has("--batch")) {
    return run_batch(context, [&](const JsonView& line) { return tokenized(tokenizer, line.string("text"), special); });
  }
  if (!context.arguments.has("TEXT")) {
    throw Error(ErrorCode::InvalidArgument, "tokenize", "there is no text").hint("give it, or - to read stdin");
  }
  const std::string given = context.arguments.text("TEXT");
  Json data = tokenized(tokenizer, given == "-" ? read_stdin() : given, special);
  if (!context.output.is_json()) {
    std::string lines;
    for (size_t i = 0; i < data["ids"].size(); ++i) {
      lines += fmt::format("{:>7} {}\n", data["ids"][i].get<int32_t>(), dump_json(data["tokens"][i]));
    }
    context.output.print_untrusted(lines);
  }
  return data;
}

}  // namespace

extern const Command tokenize_command{
    .name = "tokenize",
    .summary = "show a text as tokens",
    .positionals = {kModelPositional, {.name = "TEXT", .help = "the text; - reads it from stdin", .required = false}},
    .options = {{.name = "--no-special", .help = "add no special tokens"}, kBatchOption},
    .examples = {{.line = "burin tokenize starter \"Hello there\"", .what = "ids and tokens"},
                 {.line = "burin tokenize starter --batch < lines.jsonl", .what = "{\"text\": ..} on every line"}},
    .run = run,
};

}  // namespace burin::cli
