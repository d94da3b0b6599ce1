#include "cli/program.h"

#include <algorithm>
#include <new>

#include "cli/envelope.h"
#include "cli/parse.h"
#include "cli/settings.h"
#include "cli/usage.h"

namespace burin::cli {
namespace {

/** What the words say before the command itself is known. */
struct Request {
  std::string command;  // "burin" when none is named
  std::vector<std::string> words;
};

/** The first word that is no --json is the command; --help and --version stand for the commands of that name. */
Request split(std::vector<std::string> words) {
  const auto first = std::ranges::find_if(words, [](const std::string& word) { return word != "--json"; });
  if (first == words.end()) {
    return {.command = "burin", .words = {}};
  }
  std::string command = *first == "--help" || *first == "-h" ? "help" : *first == "--version" ? "version" : *first;
  words.erase(first);
  return {.command = std::move(command), .words = std::move(words)};
}

/** What a command returned, and the exit status. */
struct Outcome {
  Json data;
  int exit_status = 0;
};

Outcome run_command(const Request& request, const Environment& environment, Output& output,
                    const ModuleOpener& open_module) {
  if (request.command == "burin") {
    throw Error(ErrorCode::InvalidArgument, "burin", "no command given").hint("`burin help` lists the commands");
  }
  const Command& command = find_command(request.command);
  Arguments arguments = parse_arguments(command, request.words);
  if (arguments.has("--help")) {
    return {.data = show_help(command, environment, output)};
  }
  apply_settings(arguments, command, environment);
  Context context{.arguments = arguments, .environment = environment, .output = output, .open_module = open_module};
  Json data = command.run(context);
  return {.data = std::move(data), .exit_status = context.exit_status};
}

int report(const std::string& command, const Error& error, Output& output) {
  if (is_broken_pipe(error)) {
    return 141;  // as a shell shows a program that SIGPIPE ended
  }
  if (output.is_json()) {
    try {
      output.print(dump_json(error_envelope(command, error)) + "\n");
    } catch (const Error& failure) {
      output.report(failure);
    }
  } else {
    output.report(error);
  }
  return traits(error.code()).exit_status;
}

}  // namespace

int run_program(const std::vector<std::string>& words, const Environment& environment,
                const ModuleOpener& open_module) {
  Output output({.json = wants_json(words),
                 .stdout_terminal = environment.stdout_terminal,
                 .stderr_terminal = environment.stderr_terminal,
                 .redraws = environment.stderr_terminal && !environment.dumb_terminal,
                 .stdout_wraps = environment.stdout_terminal && !environment.dumb_terminal,
                 .color = environment.stderr_terminal && !environment.dumb_terminal && !environment.no_color});
  const Request request = split(words);
  try {
    Outcome outcome = run_command(request, environment, output, open_module);
    if (output.is_json()) {
      output.print(dump_json(success_envelope(request.command, std::move(outcome.data))) + "\n");
    }
    return outcome.exit_status;
  } catch (const Error& error) {
    return report(request.command, error, output);
  } catch (const std::bad_alloc&) {
    return report(request.command, Error(ErrorCode::ResourceExhausted, "burin", "out of memory"), output);
  } catch (const std::exception& error) {
    return report(request.command, Error(ErrorCode::Internal, "burin", error.what()), output);
  }
}

}  // namespace burin::cli
