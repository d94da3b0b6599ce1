#include <limits>

#include "cli/batch.h"
#include "cli/models.h"
#include "text/tokenizer.h"

namespace burin::cli {
namespace {

std::vector<int32_t> ids_of(const JsonView& line) {
  const Json* list = line.find("ids");
  if (list == nullptr || !list->is_array()) {
    throw Error(ErrorCode::InvalidArgument, "line", "\"ids\" must be a list of token ids");
  }
  std::vector<int32_t> ids;
  for (const Json& id : *list) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > std::numeric_limits<int32_t>::max()) {
      throw Error(ErrorCode::InvalidArgument, "line", "\"ids\" has " + dump_json(id) + ", which is no token id");
    }
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

Json run(Context& context) {
  const text::Tokenizer tokenizer = text::Tokenizer::load_file_only(model_of(context).dir);
  const bool skip = context.arguments.has("--skip-special");
  if (context.arguments.has("--batch")) {
    return run_batch(context,
                     [&](const JsonView& line) { return Json{{"text", tokenizer.decode(ids_of(line), skip)}}; });
  }
  if (!context.arguments.has("IDS")) {
    throw Error(ErrorCode::InvalidArgument, "detokenize", "there are no ids").hint("give them as 1,2,3");
  }
  const std::string text = tokenizer.decode(parse_ids(inline_or_file(context.arguments.text("IDS")), "IDS"), skip);
  if (!context.output.is_json()) {
    context.output.print_untrusted(text + "\n");
  }
  return {{"text", text}};
}

}  // namespace

extern const Command detokenize_command{
    .name = "detokenize",
    .summary = "show token ids as text",
    .positionals = {kModelPositional, {.name = "IDS", .help = "ids as 1,2,3, @FILE or - for stdin", .required = false}},
    .options = {{.name = "--skip-special", .help = "leave special tokens out"}, kBatchOption},
    .examples = {{.line = "burin detokenize starter 19556,665", .what = "the text of two tokens"},
                 {.line = "burin detokenize starter --batch < lines.jsonl", .what = "{\"ids\": [..]} on every line"}},
    .run = run,
};

}  // namespace burin::cli
