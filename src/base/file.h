// Files as the rest of burin reads and writes them: bounded reads by position, whole files written atomically.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace burin {

/**
 * A regular file opened for reading by position (pread): a file cut under us gives an error, never a SIGBUS.
 * Throws: NotFound, Permission, Corrupt (not a regular file, or shorter than asked).
 */
class InputFile {
 public:
  explicit InputFile(const std::filesystem::path& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;

  uint64_t size() const { return size_; }
  /** Last component of the path; what error messages show. */
  const std::string& name() const { return name_; }
  int descriptor() const { return fd_; }
  /** Fills `out` from `offset`; safe from several threads. */
  void read_at(uint64_t offset, std::span<std::byte> out) const;

 private:
  int fd_;
  uint64_t size_ = 0;
  std::string name_;
};

/** The whole file. Throws: NotFound, Permission, Corrupt when it has more than `max_bytes`. */
std::string read_file(const std::filesystem::path& path, uint64_t max_bytes);

/**
 * The paths of all entries of a folder, sorted. Unlike std::filesystem's iterators it survives a failed allocation.
 * Throws: NotFound, Permission.
 */
std::vector<std::filesystem::path> entries_of(const std::filesystem::path& folder);

/** Replaces `path` by `content` in one step (temporary file beside it, fsync, rename). Throws: Permission,
 * ResourceExhausted. */
void write_file_atomic(const std::filesystem::path& path, std::string_view content);

/**
 * A file written piece by piece under a temporary name, visible under `path` only after `commit()`.
 * Without a commit nothing is left behind. Throws: Permission, ResourceExhausted.
 */
class OutputFile {
 public:
  explicit OutputFile(std::filesystem::path path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  uint64_t size() const { return size_; }
  void commit();

 private:
  void flush();

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int fd_;
  uint64_t size_ = 0;  // of all that came
  std::string block_;  // not written yet
};

}  // namespace burin
