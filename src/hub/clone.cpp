#include "hub/clone.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/staging_folder.h"
#include "hub/copy_file.h"
#include "hub/model_folder.h"
#include "hub/workspace.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

void check_target(const fs::path& target) {
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(target, ignored))) {
    throw Error(ErrorCode::InvalidArgument, "clone", target.filename().string() + " is there already")
        .hint("give another name, or remove it first");
  }
}

void check_room(const fs::path& folder, uint64_t needed) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (!error && space.available < needed) {
    throw Error(ErrorCode::ResourceExhausted, "clone",
                fmt::format("needs {} bytes of disk, {} are free", needed, space.available))
        .fact("needed_bytes", std::to_string(needed))
        .fact("free_bytes", std::to_string(space.available));
  }
}

void check_source(const HealthReport& health, const std::string& name) {
  if (health.healthy()) {
    return;
  }
  const ErrorCode code = health.verdict == Verdict::Incomplete ? ErrorCode::NotFound : ErrorCode::Corrupt;
  throw Error(code, "clone", name + " is not whole: " + health.reason())
      .type("unhealthy")
      .hint("`burin health " + name + "` says more; --no-health-check clones it as it is");
}

class Cloner {
 public:
  Cloner(const ModelFolder& source, const fs::path& target, const CloneOptions& options)
      : source_(source), target_(target), options_(options), total_(bytes_of(source)) {}

  static uint64_t bytes_of(const ModelFolder& source) {
    uint64_t total = 0;
    for (const ModelFile& file : source.files()) {
      total += file.size_bytes;
    }
    return total;
  }

  /** The files as they are in the clone. */
  std::vector<WorkspaceFile> run() {
    std::vector<WorkspaceFile> files = workspace_files(source_);
    std::erase_if(files, [&](const WorkspaceFile& file) { return !source_.find(file.name)->readable; });
    for (WorkspaceFile& file : files) {
      copy(file);
    }
    const ModelFolder copied(target_);
    for (WorkspaceFile& file : files) {
      file.modified_ns = copied.find(file.name)->modified_ns;
    }
    return files;
  }

 private:
  void copy(const WorkspaceFile& file) {
    const fs::path to = target_ / file.name;
    std::error_code error;
    fs::create_directories(to.parent_path(), error);
    copy_file_checked({.from = source_.dir() / file.name, .to = to, .etag = file.etag, .name = file.name},
                      [this](uint64_t bytes) { report(bytes); });
  }

  void report(uint64_t bytes) {
    done_ += bytes;
    if (options_.cancelled != nullptr && *options_.cancelled) {
      throw Error(ErrorCode::Cancelled, "clone", "interrupted");
    }
    if (options_.on_progress) {
      options_.on_progress(done_, total_);
    }
  }

  const ModelFolder& source_;
  const fs::path& target_;
  const CloneOptions& options_;
  uint64_t total_;
  uint64_t done_ = 0;
};

}  // namespace

CloneResult clone_model(const ResolvedModel& model, const CloneOptions& options) {
  if (!model.cached) {
    throw Error(ErrorCode::Unsupported, "clone", model.name + " is a folder of its own already")
        .hint("copy it with `cp -r`");
  }
  check_target(options.target);
  if (options.check_health) {
    check_source(check_health(model), model.name);
  }
  const ModelFolder source(model.dir);
  StagingFolder staging(options.target);
  check_room(staging.path(), Cloner::bytes_of(source));
  Workspace record{.origin = model.name, .revision = model.hash, .content_hash = {}, .files = {}};
  record.files = Cloner(source, staging.path(), options).run();
  record.content_hash = content_hash(record.files);
  write_workspace(staging.path(), record);
  CloneResult result{.size_bytes = Cloner::bytes_of(source), .health = check_health(ModelFolder(staging.path()))};
  check_target(options.target);
  staging.commit();
  return result;
}

}  // namespace burin::hub
