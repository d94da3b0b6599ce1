// A Hugging Face cache and a model home in a temporary folder, built line by line by the tests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>

#include "hub/digest.h"
#include "hub/paths.h"

namespace burin::hub {

const std::string kHashA(40, 'a');
const std::string kHashB = "ab" + std::string(38, '0');

class CacheTree : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(paths_.model_home);
    std::filesystem::create_directories(paths_.hub_cache);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  static void write(const std::filesystem::path& file, const std::string& content) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
  }

  /** A safetensors file with one float32 tensor `name` of two elements. */
  static std::string safetensors(const std::string& name = "x") {
    std::string header = R"({")" + name + R"(":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    std::string file(8, '\0');
    file[0] = static_cast<char>(header.size());
    return file + header + std::string(8, '\0');
  }

  /** A healthy small model of type llama. */
  static void write_model(const std::filesystem::path& dir) {
    write(dir / "config.json", R"({"model_type":"llama","architectures":["LlamaForCausalLM"],"vocab_size":8,
      "max_position_embeddings":64,"quantization":{"bits":4,"group_size":32,"lm_head":{"bits":8}}})");
    write(dir / "model.safetensors", safetensors());
    write(dir / "tokenizer.json", "{}\n");
    write(dir / "tokenizer_config.json", R"({"chat_template":"{{ messages }}"})");
  }

  std::filesystem::path repo_dir(const std::string& folder) const { return paths_.hub_cache / folder; }

  /** A whole repo as huggingface_hub writes it: blobs, links, refs/main. */
  std::filesystem::path write_repo(const std::string& folder, const std::string& hash = kHashA) const {
    const std::filesystem::path repo = repo_dir(folder);
    const std::filesystem::path snapshot = repo / "snapshots" / hash;
    write_model(repo / "staging");
    std::filesystem::create_directories(snapshot);
    std::filesystem::create_directories(repo / "blobs");
    for (const auto& file : std::filesystem::directory_iterator(repo / "staging")) {
      const std::string name = file.path().filename();
      std::filesystem::rename(file, repo / "blobs" / ("blob-" + name));
      std::filesystem::remove(snapshot / name);
      std::filesystem::create_symlink("../../blobs/blob-" + name, snapshot / name);
    }
    std::filesystem::remove(repo / "staging");
    write(repo / "refs" / "main", hash);
    return snapshot;
  }

  /** The hash that names this content: SHA-256 for large files, as the Hub keeps them, git's for the others. */
  static std::string etag_of(const std::string& content, DigestKind kind) {
    Digest digest(kind, content.size());
    digest.update(std::as_bytes(std::span(content)));
    return digest.hex();
  }

  /** Files of the model above, with their contents. */
  std::map<std::string, std::string> model_files(const std::string& tensor = "x") const {
    std::map<std::string, std::string> files;
    const std::filesystem::path staging = root_ / "staging";
    write_model(staging);
    write(staging / "model.safetensors", safetensors(tensor));
    for (const auto& entry : std::filesystem::directory_iterator(staging)) {
      std::ifstream file(entry.path(), std::ios::binary);
      files[entry.path().filename()] = {std::istreambuf_iterator<char>(file), {}};
    }
    std::filesystem::remove_all(staging);
    return files;
  }

  /** A revision with blobs under their true hashes, trees/<commit>.json and refs/main; returns the etags by name. */
  std::map<std::string, std::string> write_revision(const std::string& folder, const std::string& hash,
                                                    const std::map<std::string, std::string>& files) const {
    const std::filesystem::path repo = repo_dir(folder);
    std::map<std::string, std::string> etags;
    std::string tree;
    for (const auto& [name, content] : files) {
      const bool large = name.ends_with(".safetensors");
      const std::string etag = etag_of(content, large ? DigestKind::Sha256 : DigestKind::GitSha1);
      const std::string size = std::to_string(content.size());
      write(repo / "blobs" / etag, content);
      std::filesystem::create_directories(repo / "snapshots" / hash);
      std::filesystem::create_symlink("../../blobs/" + etag, repo / "snapshots" / hash / name);
      tree += (tree.empty() ? "\"" : ",\"") + name + "\":{\"size\":" + (large ? "130" : size) + ",\"blob_id\":\"" +
              (large ? std::string(40, 'c') : etag) + "\"" +
              (large ? ",\"lfs_sha256\":\"" + etag + "\",\"lfs_size\":" + size : "") + "}";
      etags[name] = etag;
    }
    write(repo / "trees" / (hash + ".json"), "{\"format_version\":1,\"files\":{" + tree + "}}");
    write(repo / "refs" / "main", hash);
    return etags;
  }

  std::filesystem::path root_ =
      std::filesystem::temp_directory_path() /
      ("burin-hub-" + std::to_string(::getpid()) + "-" + testing::UnitTest::GetInstance()->current_test_info()->name());
  HubPaths paths_{.home = root_ / "user", .model_home = root_ / "models", .hub_cache = root_ / "hub"};
};

}  // namespace burin::hub
