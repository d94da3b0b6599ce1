// The record of a clone: where a workspace of the model home came from and what its files were when it was made.
// Kept as `.burin/workspace.json`, out of sight of whoever loads the folder as a model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hub/model_folder.h"

namespace burin::hub {

struct WorkspaceFile {
  std::string name;
  uint64_t size_bytes = 0;
  int64_t modified_ns = 0;
  std::string etag;  // of its content; empty when the source had none
};

struct Workspace {
  std::string origin;        // "org/name"
  std::string revision;      // commit
  std::string content_hash;  // as content_hash() had it
  std::vector<WorkspaceFile> files;
};

/** The record of this folder; none when there is none or it cannot be read. */
std::optional<Workspace> read_workspace(const std::filesystem::path& dir);

/** Writes the record into `dir`. Throws: Permission, ResourceExhausted. */
void write_workspace(const std::filesystem::path& dir, const Workspace& workspace);

/** Whether every file has the size and time of the record, and no other file came in: nothing is read. */
bool is_unchanged(const Workspace& workspace, const std::vector<ModelFile>& files);

/** The files of a folder; `etag` is the blob's name where the folder is a cached revision. */
std::vector<WorkspaceFile> workspace_files(const ModelFolder& folder);

/**
 * "sha256:HEX" over the sorted lines `NAME\0ETAG\n` of all files: equal for equal content, and known without reading
 * any file, since etags are hashes. Empty when a file has no etag.
 */
std::string content_hash(const std::vector<WorkspaceFile>& files);

}  // namespace burin::hub
