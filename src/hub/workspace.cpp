#include "hub/workspace.h"

#include <algorithm>
#include <span>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "hub/cache.h"
#include "hub/digest.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxRecord = uint64_t{16} << 20;

fs::path record_of(const fs::path& dir) {
  return dir / ".burin" / "workspace.json";
}

WorkspaceFile file_from(const Json& entry) {
  const JsonView view(entry, "workspace.json");
  constexpr int64_t kMax = INT64_MAX;
  WorkspaceFile file{.name = view.string("name"),
                     .size_bytes = static_cast<uint64_t>(view.integer("size_bytes", 0, kMax)),
                     .modified_ns = view.integer("modified_ns", 0, kMax),
                     .etag = view.string_or("etag", "")};
  if (!file.etag.empty() && !is_etag(file.etag)) {
    throw Error(ErrorCode::Corrupt, "workspace.json", "an etag is no hash");
  }
  return file;
}

Workspace workspace_from(const Json& json) {
  const JsonView view(json, "workspace.json");
  Workspace workspace{.origin = view.string("origin"),
                      .revision = view.string_or("revision", ""),
                      .content_hash = view.string_or("content_hash", ""),
                      .files = {}};
  if (!is_repo_name(workspace.origin) || !json.contains("files") || !json["files"].is_array()) {
    throw Error(ErrorCode::Corrupt, "workspace.json", "names no origin or no files");
  }
  for (const Json& entry : json["files"]) {
    workspace.files.push_back(file_from(entry));
  }
  std::ranges::sort(workspace.files, {}, &WorkspaceFile::name);
  return workspace;
}

}  // namespace

std::optional<Workspace> read_workspace(const fs::path& dir) {
  try {
    return workspace_from(read_json_file(record_of(dir), {.max_bytes = kMaxRecord, .max_depth = 8}));
  } catch (const Error&) {
    return std::nullopt;
  }
}

void write_workspace(const fs::path& dir, const Workspace& workspace) {
  Json files = Json::array();
  for (const WorkspaceFile& file : workspace.files) {
    files.push_back({{"name", file.name},
                     {"size_bytes", file.size_bytes},
                     {"modified_ns", file.modified_ns},
                     {"etag", file.etag.empty() ? Json(nullptr) : Json(file.etag)}});
  }
  const Json record{{"format_version", 1},
                    {"origin", workspace.origin},
                    {"revision", workspace.revision},
                    {"content_hash", workspace.content_hash.empty() ? Json(nullptr) : Json(workspace.content_hash)},
                    {"files", std::move(files)}};
  std::error_code ignored;
  fs::create_directories(record_of(dir).parent_path(), ignored);
  write_file_atomic(record_of(dir), dump_json(record, 1));
}

std::vector<WorkspaceFile> workspace_files(const ModelFolder& folder) {
  std::vector<WorkspaceFile> files;
  for (const ModelFile& file : folder.files()) {
    const std::string blob = folder.blob_name(file.name);
    files.push_back({.name = file.name,
                     .size_bytes = file.size_bytes,
                     .modified_ns = file.modified_ns,
                     .etag = is_etag(blob) ? blob : ""});
  }
  return files;
}

bool is_unchanged(const Workspace& workspace, const std::vector<ModelFile>& files) {
  return std::ranges::equal(workspace.files, files, [](const WorkspaceFile& recorded, const ModelFile& now) {
    return recorded.name == now.name && now.readable && recorded.size_bytes == now.size_bytes &&
           recorded.modified_ns == now.modified_ns;
  });
}

std::string content_hash(const std::vector<WorkspaceFile>& files) {
  std::string lines;
  for (const WorkspaceFile& file : files) {
    if (file.etag.empty()) {
      return "";
    }
    lines += file.name + '\0' + file.etag + '\n';
  }
  Digest digest(DigestKind::Sha256, lines.size());
  digest.update(std::as_bytes(std::span(lines)));
  return files.empty() ? "" : "sha256:" + digest.hex();
}

}  // namespace burin::hub
