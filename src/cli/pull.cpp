#include <fmt/format.h>

#include "cli/hub_options.h"
#include "cli/models.h"
#include "cli/pull_display.h"
#include "cli/registry.h"
#include "cli/signals.h"
#include "hub/pull.h"

namespace burin::cli {
namespace {

PullStyle style_of(const Context& context) {
  if (!context.arguments.has("--jsonl")) {
    return context.output.is_json() ? PullStyle::Silent : PullStyle::People;
  }
  if (context.output.is_json()) {
    throw Error(ErrorCode::InvalidArgument, "pull", "--json and --jsonl: only one of them");
  }
  return PullStyle::JsonLines;
}

/** The repository of an id of the registry; any other name as it is. */
std::string repo_of(const Context& context, const std::string& name) {
  const hub::ModelRegistry registry = user_registry(context.environment);
  const hub::RegistryModel* known = name.find('/') == name.npos ? registry.find(name) : nullptr;
  return known == nullptr ? name : known->repo;
}

/** MODEL or MODEL@REVISION. */
hub::PullRequest request_of(const Context& context) {
  const Arguments& arguments = context.arguments;
  const std::string spec = arguments.text("MODEL");
  const size_t at = spec.find('@');
  hub::PullRequest request{.model = repo_of(context, spec.substr(0, at)),
                           .revision = arguments.text("--revision"),
                           .include = arguments.all("--include"),
                           .exclude = arguments.all("--exclude"),
                           .jobs = static_cast<int>(arguments.integer("--jobs")),
                           .offline = arguments.has("--offline"),
                           .dry_run = arguments.has("--dry-run"),
                           .check_all = arguments.has("--force-resume"),
                           .local_dir = arguments.text("--local-dir")};
  if (arguments.has("--timeout")) {
    request.timeout = std::chrono::seconds(arguments.integer("--timeout"));
  }
  if (at != spec.npos) {
    const std::string revision = spec.substr(at + 1);
    if (!request.revision.empty() && request.revision != revision) {
      throw Error(ErrorCode::InvalidArgument, "pull", "MODEL@REVISION and --revision name two revisions");
    }
    request.revision = revision;
  }
  return request;
}

std::string quoted(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_./@:=-") == word.npos;
  if (plain) {
    return word;
  }
  std::string result = "'";
  for (const char c : word) {
    result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return result + "'";
}

/** The command that goes on with what was begun. */
std::string again(const Arguments& arguments) {
  std::string line = "burin pull " + quoted(arguments.text("MODEL"));
  for (const char* option : {"--revision", "--include", "--exclude", "--local-dir"}) {
    for (const std::string& value : arguments.all(option)) {
      line += fmt::format(" {} {}", option, quoted(value));
    }
  }
  return line;
}

Json data_of(const hub::PullResult& result, const std::string& local_dir) {
  const std::string what = fmt::format("{} at {}", result.model, result.commit.substr(0, 7));
  const std::string message = result.status == hub::PullStatus::Planned
                                  ? fmt::format("{}: {} to fetch", what, size_text(result.bytes_missing))
                              : result.status == hub::PullStatus::AlreadyExists
                                  ? what + " is here already"
                                  : fmt::format("pulled {}{}{}", what, local_dir.empty() ? "" : " into ", local_dir);
  Json data = hub::pull_object(result);
  data["message"] = message + (result.note.empty() ? "" : "; " + result.note);
  return data;
}

void print(Context& context, const Json& data) {
  std::string text = data["message"].get<std::string>() + "\n";
  if (context.arguments.has("--dry-run")) {
    for (const Json& file : data["files"]) {
      text += fmt::format("  {:>8}  {}{}\n", size_text(file["size_bytes"].get<uint64_t>()),
                          file["name"].get<std::string>(), file["cached"].get<bool>() ? "  (here)" : "");
    }
  }
  context.output.print_untrusted(text);
}

Json run(Context& context) {
  PullDisplay display(context.output, style_of(context));
  const CancelScope scope;
  try {
    const hub::PullResult result =
        hub::pull(request_of(context), pull_place(context), scope.flag(), display.listener());
    Json data = data_of(result, context.arguments.text("--local-dir"));
    display.event("result", data);
    if (!context.output.is_json() && !context.arguments.has("--jsonl")) {
      print(context, data);
    }
    return data;
  } catch (const Error& error) {
    Error shown = error;
    if (error.code() == ErrorCode::Cancelled) {
      shown = Error(ErrorCode::Cancelled, "pull", "interrupted; what came so far is kept")
                  .hint("go on with: " + again(context.arguments));
    }
    display.event("error", {{"error", {{"type", shown.type()}, {"message", shown.message()}, {"hint", shown.hint()}}}});
    throw shown;
  }
}

}  // namespace

extern const Command pull_command{
    .name = "pull",
    .summary = "fetch a model from the Hugging Face Hub into the shared cache",
    .positionals = {{.name = "MODEL",
                     .help = "NAMESPACE/NAME, a NAME of mlx-community or of the registry; @REVISION may follow"}},
    .options = {{.name = "--revision",
                 .kind = ValueKind::Text,
                 .value_name = "R",
                 .help = "branch, tag, refs/pr/N or commit (default: main)"},
                {.name = "--include",
                 .kind = ValueKind::Text,
                 .value_name = "PATTERN",
                 .help = "only files that match, as '*.json'",
                 .repeatable = true},
                {.name = "--exclude",
                 .kind = ValueKind::Text,
                 .value_name = "PATTERN",
                 .help = "no files that match",
                 .repeatable = true},
                {.name = "--jobs",
                 .kind = ValueKind::Integer,
                 .value_name = "N",
                 .default_text = "8",
                 .low = 1,
                 .high = 64,
                 .help = "files at a time"},
                {.name = "--local-dir",
                 .kind = ValueKind::Text,
                 .value_name = "DIR",
                 .help = "plain files into this folder instead of the cache, as Hugging Face's local_dir"},
                {.name = "--timeout",
                 .kind = ValueKind::Integer,
                 .value_name = "SECONDS",
                 .low = 1,
                 .high = 10000000,
                 .help = "end after so long, whole or not; the next run goes on"},
                {.name = "--offline", .help = "ask nobody: succeed with what is cached, if it is complete"},
                {.name = "--dry-run", .help = "show what would be fetched"},
                {.name = "--force-resume",
                 .help = "check the hashes of what is cached too, and fetch again what is damaged"},
                {.name = "--jsonl", .help = "events as JSON lines: plan, progress, file, note, then result or error"},
                retry_option()},
    .examples = {{.line = "burin pull mlx-community/Qwen3-0.6B-4bit",
                  .what = "run it again after an interruption: it goes on"},
                 {.line = "burin pull Qwen3-0.6B-4bit --include '*.json'",
                  .what = "the configuration alone, without the weights"}},
    .run = run,
};

}  // namespace burin::cli
