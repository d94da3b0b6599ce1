#include "cli/health_report.h"
#include "cli/models.h"

namespace burin::cli {
namespace {

/** For scripts: the verdict as an exit status of the table of errors. */
int exit_status_of(hub::Verdict verdict) {
  const auto status = [](ErrorCode code) { return static_cast<int>(code); };
  switch (verdict) {
    case hub::Verdict::Ok:
      return 0;
    case hub::Verdict::Incomplete:
      return status(ErrorCode::NotFound);
    case hub::Verdict::Corrupt:
      return status(ErrorCode::Corrupt);
    case hub::Verdict::Unverifiable:
    case hub::Verdict::Refused:
      return status(ErrorCode::Unsupported);
  }
  return status(ErrorCode::Internal);
}

Json run(Context& context) {
  const hub::ResolvedModel model = hub::resolve_any(context.arguments.text("MODEL"), context.environment.paths);
  const hub::CheckedModel checked = check_model(context, model, hub::HealthDepth::Hashes);
  if (!context.output.is_json()) {
    context.output.print_untrusted(checked_text(checked));
  }
  context.exit_status = exit_status_of(checked.files.verdict);
  return hub::checked_object(checked, hub::HealthDepth::Hashes);
}

}  // namespace

extern const Command verify_command{
    .name = "verify",
    .summary =
        "compare every byte of a model with the hash that names it; the exit status is the verdict: 0 right, "
        "3 something is missing, 7 something is corrupt, 8 no hash to compare with, or only pickled weights",
    .positionals = {kModelPositional},
    .examples = {{.line = "burin verify qwen3-0.6b-4bit && burin run qwen3-0.6b-4bit hello",
                  .what = "run it only if it is what was published"},
                 {.line = "burin verify starter --json", .what = "the same as data: every file with a problem"}},
    .run = run,
};

}  // namespace burin::cli
