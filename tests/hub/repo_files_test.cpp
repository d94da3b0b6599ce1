#include "hub/repo_files.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace burin::hub {
namespace {

const std::string kSha1(40, 'a');
const std::string kSha256(64, 'b');

TEST(RepoPath, RefusesWhatCouldLeaveItsFolder) {
  for (const std::string path :
       {"",      "/etc/passwd", "../x",  "a/../x",          "a/..",        "..\\x", "a\\..\\x", ".",
        "a/./b", "a//b",        "a/",    "\\\\host\\share", "\\x",         "C:\\x", "c:x",      "a/C:x",
        "a\nb",  "a\x1b[0m",    "a\x7f", "a\xff",           "\xed\xa0\x80"}) {
    EXPECT_THROW(check_repo_path(path), Error) << path;
  }
  EXPECT_THROW(check_repo_path(std::string("a\0b", 3)), Error);
  EXPECT_THROW(check_repo_path(std::string(256, 'x')), Error);
}

TEST(RepoPath, AllowsAwfulNames) {
  for (const std::string path : {"config.json", ".gitattributes", "sub/..a/b..",
                                 "subfolder/to?/awful?filename%you:should,never.give", "日本/語", "a b", "-x", "..."}) {
    EXPECT_NO_THROW(check_repo_path(path)) << path;
  }
}

TEST(RepoPaths, RefuseTwoMeaningsOfOneName) {
  const auto check = [](std::vector<std::string> paths, bool fold) {
    std::vector<RepoFile> files;
    for (std::string& path : paths) {
      files.push_back({.path = std::move(path)});
    }
    check_repo_paths(files, fold);
  };
  EXPECT_NO_THROW(check({"a", "A", "a.b/c", "a.b/d"}, false));
  EXPECT_THROW(check({"a", "a"}, false), Error);
  EXPECT_THROW(check({"a", "A"}, true), Error);
  EXPECT_THROW(check({"a/b", "a"}, false), Error);
  EXPECT_THROW(check({"A/b", "a"}, true), Error);
}

std::vector<RepoFile> page_of(const std::string& text) {
  std::vector<RepoFile> files;
  append_tree_page(parse_json(text, "test"), files);
  return files;
}

TEST(TreePage, TakesFilesAndPassesFoldersOver) {
  const auto files = page_of(R"([{"type":"directory","path":"sub","oid":"1","size":0},
    {"type":"file","path":"sub/a","size":5,"oid":")" +
                             kSha1 + R"("},
    {"type":"file","path":"m","size":9,"oid":")" +
                             kSha1 + R"(","lfs":{"oid":")" + kSha256 + R"(","size":9,"pointerSize":1}}])");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].etag(), kSha1);
  EXPECT_EQ(files[1].etag(), kSha256);
  EXPECT_EQ(files[1].content_size(), 9U);
}

TEST(TreePage, RefusesOtherShapes) {
  for (const std::string text : {"{}", "[1]", R"([{"type":"file"}])"}) {
    EXPECT_THROW((void)page_of(text), Error) << text;
  }
  const std::string oid = R"("oid":")" + kSha1 + R"(")";
  for (const std::string& entry :
       {R"("path":1,"size":1,)" + oid, R"("path":"a","size":-1,)" + oid, R"("path":"a","size":1e300,)" + oid,
        R"("path":"a","size":1,"lfs":{"oid":"../../x","size":1},)" + oid, R"("path":"a","size":1,"lfs":"x",)" + oid}) {
    EXPECT_THROW((void)page_of(R"([{"type":"file",)" + entry + "}]"), Error) << entry;
  }
}

TEST(TreePage, RefusesHashesThatAreNone) {
  for (const std::string& oid : {std::string("../../x"), std::string(40, 'A'), std::string(64, 'a'), std::string()}) {
    EXPECT_THROW((void)page_of(R"([{"type":"file","path":"a","size":1,"oid":")" + oid + "\"}]"), Error) << oid;
  }
  EXPECT_THROW((void)page_of(R"([{"type":"file","path":"a","size":1}])"), Error);
}

TEST(Tree, IsWrittenAsPythonWritesIt) {
  const std::vector<RepoFile> files{{.path = "m",
                                     .size = 9,
                                     .blob_id = kSha1,
                                     .lfs_sha256 = kSha256,
                                     .lfs_size = 9,
                                     .xet_hash = std::string(64, 'C')},
                                    {.path = "\xc3\xa9\xf0\x9f\x8e\xad\"", .size = 0, .blob_id = kSha1}};
  EXPECT_EQ(tree_json(files), R"({
 "format_version": 1,
 "files": {
  "m": {
   "size": 9,
   "blob_id": ")" + kSha1 + R"(",
   "lfs_sha256": ")" + kSha256 + R"(",
   "lfs_size": 9,
   "xet_hash": ")" + std::string(64, 'C') +
                                  R"("
  },
  "\u00e9\ud83c\udfad\"": {
   "size": 0,
   "blob_id": ")" + kSha1 + R"("
  }
 }
})");
  EXPECT_EQ(tree_json({}), "{\n \"format_version\": 1,\n \"files\": {}\n}");
}

TEST(Tree, IsNotWrittenWithAMalformedXetHash) {
  EXPECT_FALSE(tree_json({{.path = "m", .xet_hash = "x"}}));
}

TEST(Tree, IsReadBack) {
  const std::vector<RepoFile> files{{.path = "sub/a", .size = 3, .blob_id = kSha1},
                                    {.path = "m", .size = 9, .blob_id = kSha1, .lfs_sha256 = kSha256, .lfs_size = 9}};
  const auto read = parse_tree_json(*tree_json(files));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ((*read)[0].etag(), kSha256);
  EXPECT_EQ((*read)[1].path, "sub/a");
}

TEST(Tree, IsNotTrustedWhenItCannotBeRight) {
  const std::string entry = R"({"size":1,"blob_id":")" + kSha1 + R"("})";
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string(R"({"format_version":2,"files":{}})"),
        std::string(R"({"format_version":1})"), std::string(R"({"format_version":"1","files":{}})"),
        R"({"format_version":1,"files":{"../x":)" + entry + "}}",
        std::string(R"({"format_version":1,"files":{"a":1}})"),
        std::string(R"({"format_version":1,"files":{"a":{"size":"x"}}})")}) {
    EXPECT_FALSE(parse_tree_json(text)) << text;
  }
}

}  // namespace
}  // namespace burin::hub
