#include <unistd.h>

#include <fmt/format.h>

#include "cli/models.h"
#include "cli/signals.h"
#include "hub/cache.h"

namespace burin::cli {
namespace {

namespace fs = std::filesystem;

/** A hidden folder beside the target that goes away unless it is renamed into place. */
class Workplace {
 public:
  explicit Workplace(const fs::path& home) : root_(home / fmt::format(".import-{}", ::getpid())) {
    std::error_code error;
    fs::remove_all(root_, error);
    fs::create_directories(root_, error);
    if (error) {
      throw Error(ErrorCode::Permission, "import", "cannot write in the model home: " + error.message())
          .hint("BURIN_MODELS names another one");
    }
  }
  ~Workplace() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;

  fs::path model() const { return root_ / "model"; }

  /** The new folder takes the place of `target`; an old one is gone only after that. */
  void move_to(const fs::path& target) const {
    std::error_code error;
    fs::create_directories(target.parent_path(), error);
    fs::rename(target, root_ / "old", error);
    fs::rename(model(), target, error);
    if (error) {
      std::error_code ignored;
      fs::rename(root_ / "old", target, ignored);
      throw Error(ErrorCode::Permission, "import", "cannot move the model into place: " + error.message());
    }
  }

 private:
  fs::path root_;
};

fs::path target_of(const Context& context, const std::string& name) {
  const fs::path& home = context.environment.paths.model_home;
  if (home.empty()) {
    throw Error(ErrorCode::InvalidArgument, "import", "there is no model home").hint("set BURIN_MODELS");
  }
  if (!hub::is_repo_name(name)) {
    throw Error(ErrorCode::InvalidArgument, "import", "--name: \"" + name + "\" cannot name a model")
        .hint("letters, digits, _ . and -, with at most one /");
  }
  std::error_code ignored;
  if (!context.arguments.has("--force") && fs::exists(fs::symlink_status(home / name, ignored))) {
    throw Error(ErrorCode::InvalidArgument, "import", "there is a model \"" + name + "\" already")
        .hint("--force replaces it");
  }
  return home / name;
}

std::string bar(double fraction, std::string_view what) {
  constexpr int kWidth = 24;
  const int done = static_cast<int>(std::min(1.0, std::max(0.0, fraction)) * kWidth);
  return fmt::format("[{:=<{}}{:{}}] {:3.0f}% {}", "", done, "", kWidth - done, 100 * fraction, what);
}

int requantize_bits(const Context& context) {
  return context.arguments.has("--requantize") ? std::stoi(context.arguments.text("--requantize")) : 0;
}

/** What could not be kept exactly, and what that cost. */
void print_requantized(Context& context, const Json& rows) {
  for (const Json& row : rows) {
    context.output.print_untrusted(fmt::format(
        "{} tensor(s) of type {} stored in {} bits: relative RMS error {:.2g} (worst {:.2g}, {})\n",
        row["tensors"].get<int64_t>(), row["type"].get<std::string>(), row["bits"].get<int>(),
        row["rms_error"].get<double>(), row["max_rms_error"].get<double>(), row["worst"].get<std::string>()));
  }
}

Json run(Context& context) {
  const std::string name = context.arguments.text("--name");
  const fs::path file = context.arguments.text("FILE");
  const fs::path target = target_of(context, name);
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    throw Error(ErrorCode::NotFound, "import", "there is no file " + file.filename().string());
  }
  const auto tools = context.open_module("mlx").make_tools();
  const CancelScope scope;
  const Workplace workplace(context.environment.paths.model_home);
  Json data = tools->import_gguf({.file = file,
                                  .out_dir = workplace.model(),
                                  .requantize_bits = requantize_bits(context),
                                  .on_progress = [&](double fraction, std::string_view what) {
                                    scope.check();
                                    context.output.progress(bar(fraction, what));
                                  }});
  scope.check();
  workplace.move_to(target);
  if (!context.output.is_json()) {
    context.output.print_untrusted(fmt::format("imported {} as {}\n", file.filename().string(), name));
    print_requantized(context, data.value("requantized", Json::array()));
  }
  Json result{{"model", name}, {"source", file.filename().string()}};
  result.update(data);
  return result;
}

}  // namespace

extern const Command import_command{
    .name = "import",
    .summary = "turn a GGUF file into a model of the model home",
    .positionals = {{.name = "FILE", .help = "the GGUF file"}},
    .options = {{.name = "--name",
                 .kind = ValueKind::Text,
                 .value_name = "NAME",
                 .help = "what the model will be called",
                 .required = true},
                {.name = "--requantize",
                 .kind = ValueKind::Choice,
                 .value_name = "2|3|4|5|6|8|16",
                 .help = "bits for tensors that MLX cannot hold exactly (Q2_K, Q3_K, Q6_K; 8 keeps them close, 16 is "
                         "float16); without it such a file is refused"},
                {.name = "--force", .help = "replace a model of that name"}},
    .examples = {{.line = "burin import smollm2.gguf --name starter", .what = "then: burin run starter"},
                 {.line = "burin import llama-Q4_K_M.gguf --name llama --requantize 8",
                  .what = "Q4_K comes over exactly, Q6_K in 8 bits with the error shown"}},
    .run = run,
};

}  // namespace burin::cli
