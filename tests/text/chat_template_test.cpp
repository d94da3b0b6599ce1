#include "text/chat_template.h"

#include <unistd.h>

#include <thread>

#include <gmock/gmock.h>

#include "base/error.h"
#include "folder.h"

namespace burin::text {
namespace {

using testing::HasSubstr;

std::string render(const std::string& source, const Json& context = Json::object()) {
  return ChatTemplate::from_source(source).render(context);
}

Json user(const std::string& content) {
  return Json{{"role", "user"}, {"content", content}};
}

TEST(ChatTemplate, PrintsValuesAsPython) {
  const Json context{{"x", {{"a", 1.0}, {"b", nullptr}, {"c", Json::array({true, "it's"})}}}, {"f", 1e16}};
  EXPECT_EQ(render("{{ x }} {{ f }} {{ none }}", context), "{'a': 1.0, 'b': None, 'c': [True, \"it's\"]} 1e+16 None");
  EXPECT_EQ(render("{{ x | tojson }}", context), R"({"a": 1.0, "b": null, "c": [true, "it's"]})");
  EXPECT_EQ(render("{{ ['<é>'] | tojson(indent=1) }}"), "[\n \"<é>\"\n]");
  EXPECT_EQ(render("{{ 'é😀' | tojson(ensure_ascii=true) }}"), R"("\u00e9\ud83d\ude00")");
}

TEST(ChatTemplate, TrimsBlocksAsTransformers) {
  EXPECT_EQ(render("  {% if true %}\n  a\n  {% endif %}\nb\n"), "  a\nb");
}

TEST(ChatTemplate, TreatsNoneAndUndefinedAsJinja2) {
  EXPECT_EQ(render("{{ none is iterable }}{{ missing | length }}{{ 'a' is sequence }}{{ true is number }}"),
            "False0TrueTrue");
  EXPECT_EQ(render("{% for x in missing %}{{ x }}{% endfor %}"), "");
  EXPECT_THROW(render("{% for x in none %}{{ x }}{% endfor %}"), Error);
  EXPECT_THROW(render("{{ missing.attribute }}"), Error);
}

TEST(ChatTemplate, GenerationTagsOnlyOpenAScope) {
  EXPECT_EQ(render("{% generation %}{% set x = 1 %}{{ x }}{% endgeneration %}{{ x }}"), "1");
}

TEST(ChatTemplate, PassesTheTemplatesOwnMessageOn) {
  try {
    render("{% if true %}{{ raise_exception('only user turns, not ' ~ 2) }}{% endif %}");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidArgument);
    EXPECT_EQ(error.message(), "only user turns, not 2");
  }
}

TEST(ChatTemplate, NamesTheLineOfAFailure) {
  try {
    render("a\n{{ x.y.z }}");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("line 2"));
  }
}

TEST(ChatTemplate, KnowsTheTime) {
  EXPECT_THAT(render("{{ strftime_now('%Y-%m') }}"), testing::MatchesRegex("20..-.."));
}

TEST(ChatTemplate, RefusesBadSyntax) {
  for (const char* source : {"{% if %}", "{{ a", "{% endfor %}", "{% for x %}", "{% unknown %}", "{{ a b }}"}) {
    EXPECT_THROW(ChatTemplate::from_source(source), Error) << source;
  }
  EXPECT_THROW(ChatTemplate::from_source(std::string((1 << 20) + 1, 'a')), Error);
  EXPECT_THROW(ChatTemplate::from_source("\xff"), Error);
}

TEST(ChatTemplate, TakesTheFileBeforeTheConfiguration) {
  Folder folder;
  EXPECT_EQ(ChatTemplate::load(folder.path()), std::nullopt);
  folder.add("tokenizer_config.json", Json{{"chat_template", "config"}});
  EXPECT_EQ(ChatTemplate::load(folder.path())->render(Json::object()), "config");
  folder.add("chat_template.jinja", std::string("file"));
  EXPECT_EQ(ChatTemplate::load(folder.path())->render(Json::object()), "file");
  folder.add("additional_chat_templates/tool_use.jinja", std::string("tools"));
  EXPECT_EQ(ChatTemplate::load(folder.path(), true)->render(Json::object()), "tools");
  EXPECT_EQ(ChatTemplate::load(folder.path(), false)->render(Json::object()), "file");
}

TEST(ChatTemplate, ReadsTheListForm) {
  Folder folder;
  const Json list = Json::array(
      {Json{{"name", "default"}, {"template", "plain"}}, Json{{"name", "tool_use"}, {"template", "tools"}}});
  folder.add("tokenizer_config.json", Json{{"chat_template", list}});
  EXPECT_EQ(ChatTemplate::load(folder.path(), false)->render(Json::object()), "plain");
  EXPECT_EQ(ChatTemplate::load(folder.path(), true)->render(Json::object()), "tools");
  folder.add("tokenizer_config.json", Json{{"chat_template", Json::array({Json{{"name", "rag"}, {"template", "x"}}})}});
  EXPECT_THROW(ChatTemplate::load(folder.path()), Error);
  folder.add("tokenizer_config.json", Json{{"chat_template", 5}});
  EXPECT_THROW(ChatTemplate::load(folder.path()), Error);
}

TEST(ChatTemplate, ServesSeveralThreadsAtOnce) {
  const ChatTemplate chat = ChatTemplate::from_source("{% for i in range(50) %}{{ i ~ x }}{% endfor %}");
  const std::string expected = chat.render(Json{{"x", "-"}});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        EXPECT_EQ(chat.render(Json{{"x", "-"}}), expected);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(TemplateContext, PreparesMessagesAndLetsArgumentsWin) {
  Folder folder;
  folder.add("tokenizer.json", small_bpe());
  folder.add("tokenizer_config.json", Json{{"bos_token", "<s>"}, {"eos_token", "</s>"}});
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  Json message = user("hi");
  message["tool_calls"] = nullptr;
  message["reasoning"] = "why";
  const Json context =
      template_context(&tokenizer, Json::array({message}), nullptr, nullptr, true, Json{{"bos_token", "<b>"}});
  EXPECT_EQ(context["messages"][0].dump(),
            R"({"thinking":"why","role":"user","content":"hi","reasoning":"why","reasoning_content":"why"})");
  EXPECT_EQ(context["bos_token"], "<b>");
  EXPECT_EQ(context["eos_token"], "</s>");
  EXPECT_EQ(context["enable_thinking"], true);
  EXPECT_EQ(context["add_generation_prompt"], true);
  EXPECT_TRUE(context["tools"].is_null());
}

TEST(TemplateContext, RefusesWhatIsNoConversation) {
  for (const Json& messages : {Json(nullptr), Json::array(), Json::object(), Json::array({"hi"})}) {
    EXPECT_THROW(template_context(nullptr, messages, nullptr, nullptr, false, nullptr), Error);
  }
}

}  // namespace
}  // namespace burin::text
