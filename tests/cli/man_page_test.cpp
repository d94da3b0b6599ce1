#include "cli/man_page.h"

#include <gmock/gmock.h>

namespace burin::cli {
namespace {

using testing::HasSubstr;

TEST(ManPage, EscapesWhatRoffWouldRead) {
  EXPECT_EQ(roff_escaped(R"(a\nb)"), R"(a\enb)");
  EXPECT_EQ(roff_escaped(".TH x"), R"(\&.TH x)");
  EXPECT_EQ(roff_escaped("'x"), R"(\&\(aqx)");
  EXPECT_EQ(roff_escaped("a\n.b"), "a\n\\&.b");
  EXPECT_EQ(roff_escaped("--no-x ~ ^ ` \""), R"(\-\-no\-x \(ti \(ha \(ga \(dq)");
  EXPECT_EQ(roff_escaped(""), "");
}

TEST(ManPage, KeepsHostileTextOnItsLine) {
  const Command command{.name = "try",
                        .summary = ".so /etc/passwd",
                        .options = {{.name = "--x", .help = R"(.ab \*[x] \n(.g)"}, {.name = "--y", .hidden = true}}};
  const std::string page = man_page(command, "1");
  EXPECT_THAT(page, HasSubstr("\n\\&.ab \\e*[x] \\en(.g\n"));
  EXPECT_THAT(page, HasSubstr("\\- \\&.so /etc/passwd\n"));
  EXPECT_THAT(page, testing::Not(HasSubstr("\\-\\-y")));
}

}  // namespace
}  // namespace burin::cli
