#include "hub/trash.h"

#include <unistd.h>

#include <cerrno>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark = ".trash-";
constexpr int kAttempts = 8;

Error cannot(const std::string& what, const std::error_code& error) {
  const bool denied = error == std::errc::permission_denied || error == std::errc::operation_not_permitted ||
                      error == std::errc::read_only_file_system;
  const ErrorCode code = error == std::errc::no_such_file_or_directory ? ErrorCode::NotFound
                         : denied                                      ? ErrorCode::Permission
                                                                       : ErrorCode::Internal;
  return Error(code, "rm", "cannot " + what + ": " + error.message());
}

}  // namespace

Trash::Trash(const fs::path& parent) {
  std::random_device random;
  std::error_code error;
  fs::create_directories(parent, error);
  for (int attempt = 0; !error && attempt < kAttempts; ++attempt) {
    path_ = parent / fmt::format("{}{}-{:08x}", kMark, ::getpid(), random());
    if (fs::create_directory(path_, error)) {
      // Another removal may have taken it for one that was left, in the instant before it is locked.
      if (auto lock = HeldLock::try_take(path_); lock && fs::exists(path_, error)) {
        lock_.emplace(std::move(*lock));
        return;
      }
    }
  }
  throw cannot("make a folder in " + parent.filename().string(), error);
}

void Trash::take(const fs::path& from, const fs::path& place) const {
  std::error_code error;
  const fs::path to = path_ / place;
  fs::create_directories(to.parent_path(), error);
  if (!error) {
    fs::rename(from, to, error);
  }
  if (error) {
    throw cannot("move " + from.filename().string() + " away", error);
  }
}

void Trash::empty() const {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::vector<Trash> left_trash(const fs::path& parent) {
  std::vector<Trash> left;
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with(kMark)) {
      if (auto lock = HeldLock::try_take(it->path())) {
        left.push_back(Trash(it->path(), std::move(*lock)));
      }
    }
  }
  return left;
}

}  // namespace burin::hub
