#include "cli/settings.h"

#include <set>

#include <gmock/gmock.h>

namespace burin::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Option& threads() {
  return *find_setting_key("run.threads").options.front();
}

Setting threads_of(const hub::Variables& variables, const std::string& text) {
  return Settings(variables, text).find("run", threads());
}

TEST(Settings, ComeFromEnvironmentThenFileThenDefault) {
  const std::string file = "[default]\nthreads = 1\n[run]\nthreads = 2\n";
  const hub::Variables both{{"BURIN_THREADS", "3"}, {"BURIN_RUN_THREADS", "4"}};
  EXPECT_THAT(threads_of(both, file).values, ElementsAre("4"));
  EXPECT_EQ(threads_of(both, file).where, "BURIN_RUN_THREADS");
  EXPECT_THAT(threads_of({{"BURIN_THREADS", "3"}}, file).values, ElementsAre("3"));
  EXPECT_THAT(threads_of({}, file).values, ElementsAre("2"));
  EXPECT_EQ(threads_of({}, file).where, "config.toml:4");
  EXPECT_EQ(threads_of({}, "[default]\nthreads = 1\n").where, "config.toml:2");
  EXPECT_THAT(threads_of({}, "").values, ElementsAre("0"));
  EXPECT_EQ(threads_of({}, "").source, Source::Default);
}

TEST(Settings, ReportWhatTheyDoNotKnow) {
  const Settings settings({}, "x = 1\n[run]\nthread = 1\nthreads = 'two'\n[rnu]\n[default]\ntop-p = 3\n");
  std::vector<std::string> messages;
  for (const Error& problem : settings.problems()) {
    messages.push_back(problem.message() + " | " + problem.hint());
  }
  EXPECT_THAT(
      messages,
      ElementsAre("config.toml:1: \"x\" is no setting | `burin config list --all` shows them",
                  "config.toml:3: \"run.thread\" is no setting | did you mean run.threads?",
                  HasSubstr("config.toml:5: \"rnu\" is no setting"),
                  "config.toml:4: run.threads must be an integer | `burin config unset run.threads` takes it out",
                  HasSubstr("config.toml:7: default.top-p: \"3\" is not 0 to 1")));
  EXPECT_THROW(settings.check_keys(), Error);
}

TEST(Settings, ReportWrongVariables) {
  const Settings settings({{"BURIN_TOP_P", "3"}, {"BURIN_RUN_STOP", "x"}, {"BURIN_NOTHING", "1"}}, "");
  ASSERT_EQ(settings.problems().size(), 1);
  EXPECT_EQ(settings.problems().front().message(), "BURIN_TOP_P: \"3\" is not 0 to 1");
  EXPECT_NO_THROW(settings.check_keys());
}

TEST(Settings, AreCheckedByKind) {
  const auto problem = [](const std::string& line) {
    const Settings settings({}, "[run]\n" + line);
    return settings.problems().empty() ? "" : settings.problems().front().message();
  };
  EXPECT_THAT(problem("temperature = 1"), IsEmpty());
  EXPECT_THAT(problem("temperature = 0.25"), IsEmpty());
  EXPECT_THAT(problem("stop = 'a'"), IsEmpty());
  EXPECT_THAT(problem("stop = ['a', 'b']"), IsEmpty());
  EXPECT_THAT(problem("stop = []"), IsEmpty());
  EXPECT_THAT(problem("stop = ['a', 1]"), HasSubstr("must be text, or a list of texts"));
  EXPECT_THAT(problem("temperature = [1]"), HasSubstr("must be a number"));
  EXPECT_THAT(problem("temperature = inf"), HasSubstr("is not a number"));
  EXPECT_THAT(problem("temperature = 1979-05-27"), HasSubstr("must be a number"));
  EXPECT_THAT(problem("system = 5"), HasSubstr("must be text, between quotes"));
  EXPECT_THAT(problem("precision = 'quick'"), HasSubstr("is not one of fast|exact"));
  EXPECT_THAT(problem("seed = 1.5"), HasSubstr("must be an integer"));
  EXPECT_THAT(problem("temperature.x = 1"), HasSubstr("must be a number"));
}

TEST(Settings, HaveVariablesThatMeanOneThing) {
  std::set<std::string> names;
  for (const SettingKey& key : setting_keys()) {
    EXPECT_TRUE(names.insert(variable_name(key.table, key.name)).second) << key.text();
  }
  for (const KnownVariable& variable : known_variables()) {
    EXPECT_FALSE(names.contains(std::string(variable.name))) << variable.name;
  }
  EXPECT_EQ(variable_name("run", "top-p"), "BURIN_RUN_TOP_P");
  EXPECT_EQ(variable_name("default", "top-p"), "BURIN_TOP_P");
}

TEST(Settings, AreNotMadeOfDangerousOptions) {
  for (const char* key : {"import.force", "import.name", "logits.out", "tokenize.batch", "template.messages",
                          "completion.names", "run.json", "run.help", "run.no-chat-template", ""}) {
    EXPECT_THROW(find_setting_key(key), Error) << key;
  }
}

}  // namespace
}  // namespace burin::cli
