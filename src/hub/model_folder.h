// A model's folder, opened once: its files by name and size, its config.json. Read through the descriptor, so that
// a listing of a thousand models needs few system calls a model.
#pragma once

#include <dirent.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace burin::hub {

struct ModelFile {
  std::string name;  // relative to the folder, with `/`
  uint64_t size_bytes = 0;
  bool readable = true;  // false: a link to nothing, or no regular file
  uint64_t device = 0;   // together with inode: which content it is, behind all links
  uint64_t inode = 0;
  int64_t modified_ns = 0;
};

/** How much of config.json is kept: a listing needs few of its members, and reads a thousand. */
enum class ConfigMembers { All, Listed };

/** Regular files and broken links below a folder, by name; folders behind links and hidden ones are left out. */
class ModelFolder {
 public:
  /** A folder that cannot be read has no files. */
  explicit ModelFolder(std::filesystem::path dir, ConfigMembers members = ConfigMembers::All);
  ~ModelFolder();
  ModelFolder(ModelFolder&& other) noexcept;
  ModelFolder& operator=(ModelFolder&& other) noexcept;
  ModelFolder(const ModelFolder&) = delete;
  ModelFolder& operator=(const ModelFolder&) = delete;

  /** Not for a folder that cannot be read. */
  bool is_open() const { return stream_ != nullptr; }

  /** Gives the descriptor back; what is known stays, and files are then read by their paths. */
  void close();

  /** As close(), and lets go of files and configuration too: a listing of a thousand folders keeps what it made of
   * them. */
  void clear();

  const std::filesystem::path& dir() const { return dir_; }
  const std::vector<ModelFile>& files() const { return files_; }
  const ModelFile* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  bool has_extension(std::string_view extension) const;

  /** config.json, or what was asked of it; null when it is no valid JSON, which config_problem() then says. */
  const Json& config() const { return config_; }
  const std::string& config_problem() const { return config_problem_; }

  /** The whole file. Throws: NotFound, Permission, Corrupt when it has more than `max_bytes`. */
  std::string read(const std::string& name, uint64_t max_bytes) const;

  /** The name of the blob that a link of the cache leads to, which is the hash of its content; empty for no link. */
  std::string blob_name(const std::string& name) const;

  /** What the files hold, each content counted once however many names it has. */
  uint64_t size_bytes() const;

  /** When the folder last changed, in seconds since 1970. */
  int64_t modified() const { return modified_; }

 private:
  int fd() const;
  std::string path_of(const std::string& name) const;
  void walk(DIR* stream, const std::string& prefix, int depth);
  void add(int fd, const char* name, const std::string& prefix, int depth);
  void look_inside(ConfigMembers members);
  void add_and_read(const std::string& name);
  void read_config(ConfigMembers members);

  std::filesystem::path dir_;
  DIR* stream_ = nullptr;
  int64_t modified_ = 0;
  std::vector<ModelFile> files_;
  std::vector<std::string> to_read_;          // found by walk(), not yet among files_
  std::map<std::string, std::string> texts_;  // of files that were read as they were found
  Json config_;
  std::string config_problem_;
};

}  // namespace burin::hub
