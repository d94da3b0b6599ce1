#include "hub/model_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/json_excerpt.h"

namespace burin::hub {
namespace {

constexpr int kMaxDepth = 4;
constexpr size_t kMaxFiles = 100000;
constexpr uint64_t kMaxConfigBytes = uint64_t{16} << 20;

constexpr std::string_view kConfig = "config.json";
constexpr std::string_view kTokenizerConfig = "tokenizer_config.json";

/** What model_info.cpp, runtime_check.cpp and health.cpp look at for a model object. */
constexpr std::array<std::string_view, 6> kListedMembers{"architectures", "audio_config", "library_name",
                                                         "model_type",    "quantization", "vision_config"};

/** A descriptor that closes itself. */
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

int64_t nanoseconds(const struct stat& info) {
#ifdef __APPLE__
  const timespec& time = info.st_mtimespec;
#else
  const timespec& time = info.st_mtim;
#endif
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/** Known by their type alone: opening a pipe or a device may do something. */
bool may_be_regular(const dirent& entry) {
  return entry.d_type == DT_REG || entry.d_type == DT_LNK;
}

Error cannot_read(const std::string& name) {
  const ErrorCode code = errno == ENOENT || errno == ENOTDIR ? ErrorCode::NotFound
                         : errno == EACCES || errno == EPERM ? ErrorCode::Permission
                                                             : ErrorCode::Internal;
  return Error(code, name, "cannot read " + name + ": " + std::strerror(errno));
}

ModelFile regular_file(std::string name, const struct stat& info) {
  return {.name = std::move(name),
          .size_bytes = static_cast<uint64_t>(info.st_size),
          .readable = true,
          .device = info.st_dev,
          .inode = info.st_ino,
          .modified_ns = nanoseconds(info)};
}

Error too_large(const std::string& name, uint64_t max_bytes) {
  return Error(ErrorCode::Corrupt, name, "larger than the limit of " + std::to_string(max_bytes) + " bytes");
}

/** All that a descriptor gives, which ought to be `expected` bytes. */
std::string read_whole(int fd, const std::string& name, uint64_t expected, uint64_t max_bytes) {
  std::string content(std::min(expected, max_bytes) + 1, '\0');
  size_t filled = 0;
  while (true) {
    const ssize_t n = ::read(fd, content.data() + filled, content.size() - filled);
    if (n < 0 && errno != EINTR) {
      throw cannot_read(name);
    }
    if (n == 0) {
      break;
    }
    const bool at_end = n >= 0 && filled + static_cast<size_t>(n) < content.size();  // a regular file gives all it has
    filled += n < 0 ? 0 : static_cast<size_t>(n);
    if (filled > max_bytes) {
      throw too_large(name, max_bytes);
    }
    if (at_end) {
      break;
    }
    if (filled == content.size()) {
      content.resize(content.size() * 2);
    }
  }
  content.resize(filled);
  return content;
}

}  // namespace

ModelFolder::ModelFolder(std::filesystem::path dir, ConfigMembers members)
    : dir_(std::move(dir)), stream_(::opendir(dir_.c_str())) {
  struct stat info{};
  if (stream_ != nullptr && ::fstat(fd(), &info) == 0) {
    modified_ = info.st_mtime;
    walk(stream_, "", 0);
    look_inside(members);
  }
  std::ranges::sort(files_, {}, &ModelFile::name);
  read_config(members);
}

ModelFolder::~ModelFolder() {
  close();
}

ModelFolder::ModelFolder(ModelFolder&& other) noexcept
    : dir_(std::move(other.dir_)),
      stream_(std::exchange(other.stream_, nullptr)),
      modified_(other.modified_),
      files_(std::move(other.files_)),
      texts_(std::move(other.texts_)),
      config_(std::move(other.config_)),
      config_problem_(std::move(other.config_problem_)) {}

ModelFolder& ModelFolder::operator=(ModelFolder&& other) noexcept {
  std::swap(stream_, other.stream_);
  dir_ = std::move(other.dir_);
  modified_ = other.modified_;
  files_ = std::move(other.files_);
  texts_ = std::move(other.texts_);
  config_ = std::move(other.config_);
  config_problem_ = std::move(other.config_problem_);
  return *this;
}

int ModelFolder::fd() const {
  return stream_ == nullptr ? AT_FDCWD : ::dirfd(stream_);
}

std::string ModelFolder::path_of(const std::string& name) const {
  return stream_ == nullptr ? (dir_ / name).string() : name;
}

void ModelFolder::close() {
  if (stream_ != nullptr) {
    ::closedir(std::exchange(stream_, nullptr));
  }
  texts_.clear();
}

void ModelFolder::clear() {
  close();
  files_ = {};
  config_ = nullptr;
}

void ModelFolder::walk(DIR* stream, const std::string& prefix, int depth) {
  while (const dirent* entry = files_.size() < kMaxFiles ? ::readdir(stream) : nullptr) {
    const char* name = static_cast<const char*>(entry->d_name);
    if (depth == 0 && (name == kConfig || name == kTokenizerConfig) && may_be_regular(*entry)) {
      to_read_.emplace_back(name);
    } else if (std::strcmp(name, ".") != 0 && std::strcmp(name, "..") != 0) {
      add(::dirfd(stream), name, prefix, depth);
    }
  }
}

void ModelFolder::look_inside(ConfigMembers members) {
  // A listing looks for a chat template in the tokenizer's configuration, unless the template has a file of its own.
  const bool has_template =
      std::ranges::any_of(files_, [](const ModelFile& file) { return file.name.starts_with("chat_template.j"); });
  for (const std::string& name : to_read_) {
    if (name == kConfig || (members == ConfigMembers::Listed && !has_template)) {
      add_and_read(name);
    } else {
      add(fd(), name.c_str(), "", 0);
    }
  }
}

/** Opened first and looked at then: its link is followed once. */
void ModelFolder::add_and_read(const std::string& name) {
  const Descriptor file(::openat(fd(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info{};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    add(fd(), name.c_str(), "", 0);  // which says what it is
    return;
  }
  files_.push_back(regular_file(name, info));
  try {
    texts_[name] = read_whole(file.get(), name, files_.back().size_bytes, kMaxConfigBytes);
  } catch (const Error&) {
    texts_.erase(name);  // whoever asks for it is told why
  }
}

void ModelFolder::add(int fd, const char* name, const std::string& prefix, int depth) {
  struct stat info{};
  if (::fstatat(fd, name, &info, 0) != 0) {
    files_.push_back({.name = prefix + name, .readable = false});
    return;
  }
  if (!S_ISDIR(info.st_mode)) {
    files_.push_back(regular_file(prefix + name, info));
    if (!S_ISREG(info.st_mode)) {
      files_.back().size_bytes = 0;
      files_.back().readable = false;
    }
    return;
  }
  if (depth < kMaxDepth && name[0] != '.') {
    // O_NOFOLLOW: a link to a folder, of a hostile repository or of a user, may lead back here.
    const int inner = ::openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(inner < 0 ? nullptr : ::fdopendir(inner), &::closedir);
    if (stream != nullptr) {
      walk(stream.get(), prefix + name + "/", depth + 1);
    } else if (inner >= 0) {
      ::close(inner);
    }
  }
}

void ModelFolder::read_config(ConfigMembers members) {
  const ModelFile* file = find("config.json");
  if (file == nullptr) {
    config_problem_ = "missing";
  } else if (!file->readable) {
    config_problem_ = "a broken link or no regular file";
  } else if (file->size_bytes == 0) {
    config_problem_ = "empty";
  } else {
    try {
      const std::string text = read(file->name, kMaxConfigBytes);
      const auto excerpt = members == ConfigMembers::Listed ? excerpt_members(text, kListedMembers) : std::nullopt;
      config_ = parse_json(excerpt ? *excerpt : text, file->name);
      if (excerpt) {
        return;
      }
    } catch (const Error& error) {
      config_problem_ = error.code() == ErrorCode::Corrupt ? "not valid JSON" : error.message();
      return;
    }
    if (!config_.is_object() || config_.empty()) {
      config_problem_ = "not a JSON object with content";
    }
  }
}

const ModelFile* ModelFolder::find(std::string_view name) const {
  const auto at =
      std::ranges::lower_bound(files_, name, {}, [](const ModelFile& file) -> std::string_view { return file.name; });
  return at == files_.end() || at->name != name ? nullptr : &*at;
}

bool ModelFolder::has_extension(std::string_view extension) const {
  return std::ranges::any_of(files_, [&](const ModelFile& file) { return file.name.ends_with(extension); });
}

std::string ModelFolder::read(const std::string& name, uint64_t max_bytes) const {
  if (const auto text = texts_.find(name); text != texts_.end()) {
    return text->second.size() > max_bytes ? throw too_large(name, max_bytes) : text->second;
  }
  const Descriptor file(::openat(fd(), path_of(name).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    throw cannot_read(name);
  }
  const ModelFile* known = find(name);
  return read_whole(file.get(), name, known == nullptr ? 4096 : known->size_bytes, max_bytes);
}

std::string ModelFolder::blob_name(const std::string& name) const {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(fd(), path_of(name).c_str(), target.data(), target.size());
  if (length <= 0) {
    return "";
  }
  const std::string_view path(target.data(), static_cast<size_t>(length));
  return std::string(path.substr(path.rfind('/') + 1));
}

uint64_t ModelFolder::size_bytes() const {
  std::vector<const ModelFile*> contents;
  contents.reserve(files_.size());
  for (const ModelFile& file : files_) {
    contents.push_back(&file);
  }
  const auto id = [](const ModelFile* file) { return std::pair(file->device, file->inode); };
  std::ranges::sort(contents, {}, id);
  uint64_t total = 0;
  for (size_t i = 0; i < contents.size(); ++i) {
    total += i > 0 && id(contents[i]) == id(contents[i - 1]) ? 0 : contents[i]->size_bytes;
  }
  return total;
}

}  // namespace burin::hub
