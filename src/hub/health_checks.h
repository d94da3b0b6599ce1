// The parts of check_health, inside this layer only: each looks at one thing and adds what it finds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hub/health.h"

namespace burin::hub {

/** The problems found so far, the first of each file. */
class Findings {
 public:
  void add(FileProblem problem);
  bool knows(std::string_view file) const;
  std::vector<FileProblem>& problems() { return problems_; }

 private:
  std::vector<FileProblem> problems_;
};

/** What the parts look at. */
struct HealthSubject {
  const ModelFolder& folder;
  const SnapshotFacts& facts;
  const HealthOptions& options;
  Findings& findings;

  /** Present, readable, with content and no Git LFS pointer; else a finding, as `code` when the file is missing. */
  bool require(const std::string& name, std::string_view code = "missing") const;
  void corrupt(std::string_view file, std::string_view code, std::string message) const;
  void incomplete(std::string_view file, std::string_view code, std::string message) const;
};

/** Index, shards and headers; true when the weights are GGUF alone, which brings its own tokenizer. */
bool check_weights(const HealthSubject& subject);

/** Every file against the hash that names it, in parallel; returns how many bytes were read. Throws: Cancelled. */
uint64_t check_hashes(const HealthSubject& subject);

/** The hash that a file should have; empty when nothing says. */
std::string expected_etag(const HealthSubject& subject, const std::string& name);

}  // namespace burin::hub
