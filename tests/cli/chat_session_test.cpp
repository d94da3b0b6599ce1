#include "cli/chat_session.h"

#include <unistd.h>

#include <fstream>

#include <gmock/gmock.h>

namespace burin::cli {
namespace {

using testing::HasSubstr;

class Chat : public testing::Test {
 protected:
  /** What the user is told. */
  std::string tell(const std::string& line) {
    std::string told;
    action_ = run_chat_command(session_, line, [&](const std::string& text) { told = text; });
    return told;
  }

  ChatSession session_{"tiny", ""};
  ChatAction action_ = ChatAction::Continue;
  std::string file_ = testing::TempDir() + "/chat-" + std::to_string(::getpid()) + ".json";
};

TEST_F(Chat, KeepsTheConversation) {
  session_.add_user("hi");
  session_.add_assistant("ho");
  tell("/system  be brief ");
  EXPECT_EQ(
      dump_json(session_.messages()),
      R"([{"role":"system","content":"be brief"},{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}])");
  tell("/clear");
  EXPECT_EQ(session_.messages().size(), 1U);
  tell("/system");
  EXPECT_EQ(session_.messages().size(), 0U);
}

TEST_F(Chat, SavesAndLoads) {
  tell("/system s");
  session_.add_user("hi\n\"there\"");
  EXPECT_THAT(tell("/save " + file_), HasSubstr("saved to"));
  ChatSession other("tiny", "");
  other.load(file_);
  EXPECT_EQ(other.messages(), session_.messages());
}

TEST_F(Chat, TellsWhatFailed) {
  EXPECT_EQ(tell("/save"), "a file name is missing");
  EXPECT_THAT(tell("/load /nowhere/at/all"), HasSubstr("cannot open"));
  for (const char* text :
       {"", "[]", R"({"messages":{}})", R"({"messages":[1]})", R"({"messages":[{"role":"user"}]})"}) {
    std::ofstream(file_) << text;
    session_.add_user("kept");
    tell("/load " + file_);
    EXPECT_EQ(session_.messages().back()["content"], "kept") << text;
  }
  EXPECT_THAT(tell("/cleer"), HasSubstr("did you mean /clear"));
  EXPECT_EQ(action_, ChatAction::Continue);
}

TEST_F(Chat, LeavesOnBye) {
  tell("/bye");
  EXPECT_EQ(action_, ChatAction::Leave);
}

TEST_F(Chat, NamesEveryCommandInHelp) {
  for (const ChatCommand& command : chat_commands()) {
    EXPECT_THAT(tell("/help"), HasSubstr(std::string(command.name)));
  }
}

std::string read_all(std::vector<std::string> lines) {
  MessageReader reader;
  for (const std::string& line : lines) {
    if (reader.add(line)) {
      return reader.take();
    }
  }
  return "open";
}

TEST(MessageReader, JoinsLines) {
  EXPECT_EQ(read_all({"one"}), "one");
  EXPECT_EQ(read_all({"one\\", "two"}), "one\ntwo");
  EXPECT_EQ(read_all({"\"\"\"", "a", "", "b", "\"\"\""}), "a\n\nb\n");
  EXPECT_EQ(read_all({"\"\"\"a", "b\"\"\""}), "a\nb");
  EXPECT_EQ(read_all({"\"\"\"a\"\"\""}), "a");
  EXPECT_EQ(read_all({"\"\"\"", "a\\"}), "open");
}

TEST(MessageReader, StartsAnewAfterATake) {
  MessageReader reader;
  reader.add("\"\"\"half");
  reader.take();
  EXPECT_TRUE(reader.add("next"));
  EXPECT_EQ(reader.take(), "next");
}

}  // namespace
}  // namespace burin::cli
