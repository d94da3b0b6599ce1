#include <algorithm>
#include <iterator>

#include "cli/completion_scripts.h"
#include "cli/context.h"
#include "cli/settings.h"
#include "hub/resolve.h"

namespace burin::cli {
namespace {

/** One name a line, for the scripts; whatever cannot be read is left out without a word. */
Json names(Context& context) {
  std::vector<std::string> found;
  if (context.arguments.text("--names") == "models") {
    found = hub::model_names(context.environment.paths);
  } else {
    std::ranges::transform(setting_keys(), std::back_inserter(found), &SettingKey::text);
  }
  if (!context.output.is_json()) {
    std::string lines;
    for (const std::string& name : found) {
      lines += name + "\n";
    }
    context.output.print(lines);
  }
  return {{"names", found}};
}

Json run(Context& context) {
  if (context.arguments.has("--names")) {
    return names(context);
  }
  const std::string shell = context.arguments.text("SHELL");
  const std::string script = shell == "bash"  ? bash_completion()
                             : shell == "zsh" ? zsh_completion()
                                              : fish_completion();
  if (!context.output.is_json()) {
    context.output.print(script);
  }
  return {{"shell", shell}, {"script", script}};
}

}  // namespace

extern const Command completion_command{
    .name = "completion",
    .summary = "print the script that completes burin's commands in a shell",
    .positionals = {{.name = "SHELL", .help = "bash, zsh or fish", .choices = "bash|zsh|fish"}},
    .options = {{.name = "--names",
                 .kind = ValueKind::Choice,
                 .value_name = "models|settings",
                 .help = "names to complete, one a line",
                 .hidden = true}},
    .examples = {{.line = "source <(burin completion bash)", .what = "for this shell; put it into ~/.bashrc for all"},
                 {.line = "source <(burin completion zsh)", .what = "in ~/.zshrc, after compinit"},
                 {.line = "burin completion fish > ~/.config/fish/completions/burin.fish", .what = "for all shells"}},
    .run = run,
};

}  // namespace burin::cli
