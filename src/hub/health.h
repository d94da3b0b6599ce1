// Whether a model's files are whole, offline and without changing anything: names and sizes, then headers, then every
// byte against the hash that names it. What is wrong is a value: file, code, expected, found.
// Source: reference/hub-and-faults.md 1.12.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "hub/model_folder.h"
#include "hub/resolve.h"
#include "hub/snapshot_facts.h"

namespace burin::hub {

/** By weight: the verdict on a model is that of its worst file. */
enum class Verdict { Ok, Unverifiable, Incomplete, Refused, Corrupt };

/** "ok", "unverifiable", "incomplete", "refused", "corrupt". */
std::string_view name(Verdict verdict);

/** One file with something wrong; a file is reported once. */
struct FileProblem {
  Verdict verdict = Verdict::Corrupt;
  std::string file;
  std::string code;      // for programs: "missing", "hash_mismatch", ..
  std::string message;   // for people, without the file's name
  std::string expected;  // may be empty
  std::string found;     // may be empty
};

/** How much is read: nothing but config.json (for listings), all headers and indexes, or every byte. */
enum class HealthDepth { Names, Headers, Hashes };

struct HealthOptions {
  HealthDepth depth = HealthDepth::Headers;
  unsigned threads = 0;                                                 // that hash; 0: as many as the machine has
  std::function<void(uint64_t done, uint64_t total)> on_progress = {};  // of hashing, in bytes, on the caller's thread
  const std::atomic<bool>* cancelled = nullptr;
};

struct HealthReport {
  Verdict verdict = Verdict::Ok;
  std::vector<FileProblem> problems;  // the worst first
  uint64_t hashed_bytes = 0;

  /** Nothing is known to be wrong: ok, or only not verifiable. */
  bool healthy() const { return verdict <= Verdict::Unverifiable; }
  /** "FILE: what is wrong" of the worst problem; empty when healthy. */
  std::string reason() const;
};

/** Verdict on a folder's files. Never throws on what is in them. Throws: Cancelled. */
HealthReport check_health(const ModelFolder& folder, const SnapshotFacts& facts = {},
                          const HealthOptions& options = {});

/** Verdict on a model of the cache, of the model home or of any folder; one without a revision is incomplete. */
HealthReport check_health(const ResolvedModel& model, const HealthOptions& options = {});

/** {verdict, deep, checked_bytes, problems[{file, code, verdict, message, expected, found}]}. */
Json health_object(const HealthReport& report, HealthDepth depth);

}  // namespace burin::hub
