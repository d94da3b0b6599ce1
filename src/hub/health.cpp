#include "hub/health.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "hub/digest.h"
#include "hub/health_checks.h"

namespace burin::hub {
namespace {

constexpr uint64_t kMaxPointerBytes = 1024;
constexpr uint64_t kMaxJsonBytes = uint64_t{64} << 20;
constexpr std::array<std::string_view, 5> kVerdicts{"ok", "unverifiable", "incomplete", "refused", "corrupt"};

/** What mlx-lm's own download asks for, Python aside: a revision lacks something when one of these is not there. */
bool is_loaded(std::string_view name) {
  static constexpr std::array<std::string_view, 6> kEndings{".json", ".jsonl", ".jinja", ".txt", ".tiktoken", ".model"};
  const bool top = name.find('/') == name.npos;
  const bool weights = name.starts_with("model") && name.ends_with(".safetensors");
  const bool loaded = weights || std::ranges::any_of(kEndings, [&](auto ending) { return name.ends_with(ending); });
  return top && loaded;
}

void check_promised(const HealthSubject& subject) {
  for (const auto& [name, promised] : subject.facts.promised) {
    const ModelFile* file = subject.folder.find(name);
    if (file == nullptr) {
      if (is_loaded(name)) {
        subject.findings.add(
            {Verdict::Incomplete, name, "missing", "missing", std::to_string(promised.size_bytes), {}});
      }
    } else if (file->readable && file->size_bytes != promised.size_bytes) {
      const bool shorter = file->size_bytes < promised.size_bytes;
      subject.findings.add({Verdict::Corrupt, name, shorter ? "truncated" : "size_mismatch",
                            fmt::format("{} bytes instead of {}", file->size_bytes, promised.size_bytes),
                            std::to_string(promised.size_bytes), std::to_string(file->size_bytes)});
    }
  }
}

/** Downloads that did not end, by the name of their file where a list tells it. */
void check_partials(const HealthSubject& subject) {
  for (const PartialFile& partial : subject.facts.partials) {
    const auto& promised = subject.facts.promised;
    const auto file =
        std::ranges::find_if(promised, [&](const auto& entry) { return entry.second.etag == partial.etag; });
    if (file == promised.end() && !promised.empty()) {
      continue;  // of another revision
    }
    const std::string name = file == promised.end() ? "blobs/" + partial.etag : file->first;
    const std::string expected = file == promised.end() ? "" : std::to_string(file->second.size_bytes);
    const std::string message =
        partial.holder ? "its download is running in " + describe(*partial.holder) : "its download did not finish";
    subject.findings.add({Verdict::Incomplete, name, partial.holder ? "download_running" : "download_interrupted",
                          message, expected, std::to_string(partial.size_bytes)});
  }
}

void check_left_overs(const HealthSubject& subject) {
  for (const ModelFile& file : subject.folder.files()) {
    const std::string& name = file.name;
    if (name.ends_with(".partial") || name.ends_with(".tmp") || name.ends_with(".incomplete")) {
      subject.incomplete(name, "leftover", "left over from a download that did not finish");
    }
  }
}

void check_config(const HealthSubject& subject) {
  const std::string& problem = subject.folder.config_problem();
  if (problem.empty() || !subject.require("config.json", "missing_config")) {
    return;
  }
  subject.corrupt("config.json", "invalid_json", problem);
}

/** Only the two ends: a vocabulary takes long to parse, and a torn file lacks its end. */
bool has_object_ends(const InputFile& file) {
  std::string ends(2, ' ');
  file.read_at(0, std::as_writable_bytes(std::span(ends).first(1)));
  for (uint64_t at = file.size();
       at > 0 && file.size() - at < 16 && std::isspace(static_cast<unsigned char>(ends[1])) != 0;) {
    file.read_at(--at, std::as_writable_bytes(std::span(ends).last(1)));
  }
  return ends == "{}";
}

void check_tokenizer(const HealthSubject& subject) {
  const ModelFolder& folder = subject.folder;
  if (folder.has("tokenizer.model") && !folder.has("tokenizer.json") && !folder.has("tokenizer_config.json")) {
    return;
  }
  if (!subject.require("tokenizer.json", "missing_tokenizer") || subject.options.depth == HealthDepth::Names) {
    return;
  }
  try {
    if (!has_object_ends(InputFile(folder.dir() / "tokenizer.json"))) {
      subject.corrupt("tokenizer.json", "invalid_json", "not a whole JSON object");
    }
    if (folder.has("tokenizer_config.json") && subject.require("tokenizer_config.json")) {
      parse_sorted_json(folder.read("tokenizer_config.json", kMaxJsonBytes), "tokenizer_config.json");
    }
  } catch (const Error& error) {
    subject.corrupt(error.code() == ErrorCode::Corrupt ? "tokenizer_config.json" : "tokenizer.json", "invalid_json",
                    "not valid JSON");
  }
}

void check_vision(const HealthSubject& subject) {
  const Json& config = subject.folder.config();
  const bool vision = config.is_object() && config.contains("vision_config");
  if (vision && !subject.folder.has("preprocessor_config.json") && !subject.folder.has("processor_config.json")) {
    subject.incomplete("preprocessor_config.json", "missing", "missing, and the model reads images");
  }
}

/** A file that someone is working on is incomplete, whatever half of it looks like. */
void forgive_running_downloads(const HealthSubject& subject) {
  for (FileProblem& problem : subject.findings.problems()) {
    if (problem.verdict != Verdict::Corrupt || subject.facts.locks.empty()) {
      continue;
    }
    if (const auto holder = subject.facts.holder(expected_etag(subject, problem.file))) {
      problem.verdict = Verdict::Incomplete;
      problem.code = "download_running";
      problem.message = "its download is running in " + describe(*holder);
    }
  }
}

HealthReport report_of(std::vector<FileProblem> problems) {
  std::ranges::stable_sort(problems, std::ranges::greater(), &FileProblem::verdict);
  const Verdict verdict = problems.empty() ? Verdict::Ok : problems.front().verdict;
  return {.verdict = verdict, .problems = std::move(problems)};
}

}  // namespace

std::string_view name(Verdict verdict) {
  return kVerdicts.at(static_cast<size_t>(verdict));
}

std::string HealthReport::reason() const {
  return healthy() ? "" : problems.front().file + ": " + problems.front().message;
}

void Findings::add(FileProblem problem) {
  if (!knows(problem.file)) {
    problems_.push_back(std::move(problem));
  }
}

bool Findings::knows(std::string_view file) const {
  return std::ranges::find(problems_, file, &FileProblem::file) != problems_.end();
}

void HealthSubject::corrupt(std::string_view file, std::string_view code, std::string message) const {
  findings.add({Verdict::Corrupt, std::string(file), std::string(code), std::move(message), {}, {}});
}

void HealthSubject::incomplete(std::string_view file, std::string_view code, std::string message) const {
  findings.add({Verdict::Incomplete, std::string(file), std::string(code), std::move(message), {}, {}});
}

bool HealthSubject::require(const std::string& name, std::string_view code) const {
  const ModelFile* file = folder.find(name);
  if (file == nullptr) {
    incomplete(name, code, "missing");
  } else if (!file->readable) {
    corrupt(name, "broken_link", "a broken link or no regular file");
  } else if (file->size_bytes == 0) {
    corrupt(name, "empty", "empty");
  } else if (file->size_bytes < kMaxPointerBytes) {
    try {
      if (folder.read(name, kMaxPointerBytes).starts_with("version https://git-lfs")) {
        corrupt(name, "lfs_pointer", "a Git LFS pointer instead of the content");
      }
    } catch (const Error& error) {
      corrupt(name, "unreadable", error.message());
    }
  }
  return !findings.knows(name);
}

std::string expected_etag(const HealthSubject& subject, const std::string& name) {
  const std::string blob = subject.folder.blob_name(name);
  if (is_etag(blob)) {
    return blob;
  }
  const auto promised = subject.facts.promised.find(name);
  return promised == subject.facts.promised.end() ? "" : promised->second.etag;
}

HealthReport check_health(const ModelFolder& folder, const SnapshotFacts& facts, const HealthOptions& options) {
  Findings findings;
  const HealthSubject subject{folder, facts, options, findings};
  check_partials(subject);
  check_left_overs(subject);
  check_promised(subject);
  check_config(subject);
  if (!check_weights(subject)) {
    check_tokenizer(subject);
  }
  check_vision(subject);
  if (options.depth != HealthDepth::Names && !facts.list_problem.empty()) {
    findings.add({Verdict::Unverifiable, "trees", "list_invalid", facts.list_problem, {}, {}});
  }
  const uint64_t hashed = options.depth == HealthDepth::Hashes ? check_hashes(subject) : 0;
  forgive_running_downloads(subject);
  HealthReport report = report_of(std::move(findings.problems()));
  report.hashed_bytes = hashed;
  return report;
}

HealthReport check_health(const ResolvedModel& model, const HealthOptions& options) {
  const SnapshotFacts facts = snapshot_facts(model);
  if (!model.cached || !model.hash.empty()) {
    return check_health(ModelFolder(model.dir), facts, options);
  }
  Findings findings;
  findings.add({Verdict::Incomplete, "refs/main", "no_revision", "names no complete snapshot", {}, {}});
  check_partials({ModelFolder(model.dir), facts, options, findings});
  return report_of(std::move(findings.problems()));
}

Json health_object(const HealthReport& report, HealthDepth depth) {
  const auto text_or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  Json problems = Json::array();
  for (const FileProblem& problem : report.problems) {
    problems.push_back({{"file", problem.file},
                        {"code", problem.code},
                        {"verdict", name(problem.verdict)},
                        {"message", problem.message},
                        {"expected", text_or_null(problem.expected)},
                        {"found", text_or_null(problem.found)}});
  }
  return {{"verdict", name(report.verdict)},
          {"deep", depth == HealthDepth::Hashes},
          {"checked_bytes", report.hashed_bytes},
          {"problems", std::move(problems)}};
}

}  // namespace burin::hub
