#include "text/grammar.h"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "byte_level.h"
#include "folder.h"

namespace burin::text {
namespace {

using Kind = GrammarSource::Kind;

class GrammarOf : public testing::Test {
 protected:
  GrammarMatcher matcher(Kind kind, const std::string& text) {
    return GrammarMatcher(
        Grammar::compile(GrammarVocabulary::of(tokenizer_, {kEnd, kStop}), {.kind = kind, .text = text}));
  }
  GrammarMatcher schema(const Json& schema) { return matcher(Kind::JsonSchema, schema.dump()); }

  static std::vector<uint32_t> mask(GrammarMatcher& matcher) {
    std::vector<uint32_t> words((kByteLevelSize + 31) / 32 + 1, 0xffffffffU);
    matcher.mask(words);
    return words;
  }
  static bool allows(GrammarMatcher& matcher, int32_t id) { return ((mask(matcher)[id / 32] >> (id % 32)) & 1U) != 0; }

  /** Whether the grammar takes every byte of `text`, and all of it. */
  static bool accepts(GrammarMatcher matcher, const std::string& text) {
    for (const char byte : text) {
      // A canonical token may be asked for where only one text is possible; the bytes are taken all the same.
      try {
        matcher.consume(static_cast<unsigned char>(byte));
      } catch (const Error&) {
        return false;
      }
    }
    return matcher.is_accepting();
  }

  Folder folder_ = Folder();
  Tokenizer tokenizer_ = Tokenizer::load_file_only(folder_.add("tokenizer.json", byte_level()).path());
};

TEST_F(GrammarOf, AllowsWhatThePatternContinuesWith) {
  GrammarMatcher m = matcher(Kind::Regex, "a(b|c)");
  EXPECT_TRUE(allows(m, 'a'));
  EXPECT_TRUE(allows(m, 256));  // "ab"
  EXPECT_FALSE(allows(m, 'b'));
  m.consume('a');
  EXPECT_TRUE(allows(m, 'b'));
  EXPECT_TRUE(allows(m, 'c'));
  EXPECT_FALSE(allows(m, 'a'));
}

TEST_F(GrammarOf, TakesEveryCharacterInAPattern) {
  EXPECT_TRUE(accepts(matcher(Kind::Regex, "a\n/\"#\\/ \t$"), "a\n/\"#/ \t"));
  EXPECT_TRUE(accepts(matcher(Kind::Regex, "[/\n]{2}//"), "\n///"));
  EXPECT_TRUE(accepts(matcher(Kind::Regex, "/* x */"), "/// x  /"));
}

TEST_F(GrammarOf, AllowsEveryEndExactlyWhenComplete) {
  GrammarMatcher m = matcher(Kind::Regex, "ab*");
  EXPECT_FALSE(allows(m, kEnd));
  EXPECT_FALSE(m.is_accepting());
  m.consume('a');
  EXPECT_TRUE(allows(m, kEnd));
  EXPECT_TRUE(allows(m, kStop));
  EXPECT_TRUE(m.is_accepting());
  EXPECT_FALSE(m.is_stopped());
}

TEST_F(GrammarOf, StopsWhenNothingCanFollow) {
  GrammarMatcher m = matcher(Kind::Regex, "ab");
  m.consume(256);
  EXPECT_TRUE(m.is_stopped());
  EXPECT_TRUE(allows(m, kEnd));
  EXPECT_FALSE(allows(m, 'a'));
}

TEST_F(GrammarOf, LeavesIdsAboveTheVocabularyOut) {
  GrammarMatcher m = matcher(Kind::Regex, "(?s:.*)");
  const std::vector<uint32_t> words = mask(m);
  EXPECT_EQ(words[kByteLevelSize / 32] >> (kByteLevelSize % 32), 0U);
  EXPECT_EQ(words.back(), 0U);
}

TEST_F(GrammarOf, RefusesATokenThatTheMaskForbids) {
  GrammarMatcher m = matcher(Kind::Regex, "ab");
  EXPECT_THROW(m.consume('b'), Error);
  EXPECT_THROW(m.consume('a'), Error);  // the error stays
}

TEST_F(GrammarOf, AnEndThatTheGrammarNamesComesOnlyLast) {
  GrammarMatcher last = matcher(Kind::Lark, "start: \"a\" <|end|>");
  last.consume('a');
  EXPECT_TRUE(allows(last, kEnd));
  GrammarMatcher early = matcher(Kind::Lark, "start: \"a\" <|end|>? \"b\"");
  early.consume('a');
  EXPECT_FALSE(allows(early, kEnd));
  EXPECT_TRUE(allows(early, 'b'));
  GrammarMatcher impossible = matcher(Kind::Lark, "start: \"a\" <|end|> \"b\"");
  EXPECT_EQ(impossible.forced(), std::vector<int32_t>{'a'});
  impossible.consume('a');
  EXPECT_EQ(mask(impossible), std::vector<uint32_t>(mask(impossible).size()));
}

TEST_F(GrammarOf, KnowsWhatIsForced) {
  GrammarMatcher m = matcher(Kind::Regex, "x=[0-9]");
  EXPECT_EQ(m.forced(), (std::vector<int32_t>{'x', '='}));
  m.consume('x');
  m.consume('=');
  EXPECT_TRUE(m.forced().empty());
}

TEST_F(GrammarOf, GivesEachAnswerItsOwnMatcher) {
  const Grammar grammar =
      Grammar::compile(GrammarVocabulary::of(tokenizer_, {kEnd}), {.kind = Kind::Regex, .text = "a|b"});
  GrammarMatcher one(grammar);
  GrammarMatcher two(grammar);
  one.consume('a');
  EXPECT_TRUE(one.is_stopped());
  EXPECT_FALSE(two.is_stopped());
  EXPECT_TRUE(allows(two, 'b'));
}

TEST_F(GrammarOf, OutlivesItsTokenizer) {
  auto tokenizer = std::make_unique<Tokenizer>(Tokenizer::load_file_only(folder_.path()));
  GrammarMatcher m(Grammar::compile(GrammarVocabulary::of(*tokenizer, {kEnd}), {.kind = Kind::Json}));
  tokenizer.reset();
  EXPECT_TRUE(allows(m, '{'));
}

/** The text that closing() would add to `begun`. */
std::string ending(GrammarMatcher matcher, const std::string& begun, int most = 40) {
  for (const char byte : begun) {
    matcher.consume(static_cast<unsigned char>(byte));
  }
  const auto ids = matcher.closing({.most = most});
  if (!ids) {
    return "none";
  }
  std::string text;
  for (const int32_t id : *ids) {
    text += id == 256 ? "ab" : id == 257 ? "{\"" : id == 258 ? "\":" : std::string(1, static_cast<char>(id));
    matcher.consume(id);
  }
  EXPECT_TRUE(matcher.is_accepting()) << begun << text;
  return text;
}

TEST_F(GrammarOf, EndsJsonSoon) {
  const Json open{{"type", "object"}, {"properties", {{"a", {{"type", "array"}}}}}, {"required", {"a"}}};
  EXPECT_EQ(ending(schema(open), R"({"a":[1,{"x}":"y)"), R"("}]})");
  EXPECT_EQ(ending(schema(open), R"({"a":["\)"), R"(":"]})");
  EXPECT_EQ(ending(schema(open), R"({"a":[1])"), "}");
  EXPECT_EQ(ending(schema(open), "{"), R"("a":[]})");
  EXPECT_EQ(ending(schema(open), R"({"a":[]})"), "");
  EXPECT_EQ(ending(schema({{"type", "string"}, {"minLength", 4}}), "\"x"), "ab@\"");
  EXPECT_EQ(ending(schema({{"enum", {"red", "blue"}}}), "\"b"), "lue\"");
  EXPECT_EQ(ending(schema({{"type", "integer"}, {"minimum", 100}}), "1").size(), 2U);
  EXPECT_EQ(ending(matcher(Kind::Json, ""), "{"), "}");
}

TEST_F(GrammarOf, EndsFormats) {
  for (const char* format :
       {"uri", "email", "date", "time", "date-time", "duration", "ipv4", "ipv6", "uuid", "hostname"}) {
    EXPECT_NE(ending(schema({{"type", "string"}, {"format", format}}), "\""), "none") << format;
  }
}

TEST_F(GrammarOf, KnowsNoEndThatIsTooLongOrNotJson) {
  EXPECT_EQ(ending(schema({{"type", "string"}, {"minLength", 100}}), "\""), "none");
  EXPECT_EQ(ending(matcher(Kind::Regex, "a+b"), "a"), "none");
}

TEST_F(GrammarOf, EndsAfterATokenThatMayCome) {
  GrammarMatcher m = schema({{"type", "array"}});
  EXPECT_EQ(m.closing({.first = '[', .most = 1}), (std::vector<int32_t>{']'}));
  EXPECT_EQ(m.closing({.first = '[', .most = 0}), std::nullopt);
  EXPECT_EQ(m.closing({.first = '{', .most = 9}), std::nullopt);
  EXPECT_TRUE(allows(m, '['));  // looking ahead moves nothing
  m.consume('[');
  EXPECT_EQ(m.closing({.most = 9}), (std::vector<int32_t>{']'}));  // and follows the answer
}

TEST_F(GrammarOf, KeepsWhatStillEnds) {
  GrammarMatcher m = schema({{"type", "array"}, {"items", {{"type", "string"}, {"minLength", 3}}}});
  m.consume('[');
  m.consume('"');
  const std::vector<int32_t> known{'x', 'y', 'z', '"', ']'};
  const auto ids = [](const char* text) { return std::vector<int32_t>(text, text + std::strlen(text)); };
  EXPECT_EQ(m.closing({.first = 'q', .known = known, .most = 9}), ids("yz\"]"));  // q stands for x
  EXPECT_EQ(m.closing({.first = 'q', .known = known, .most = 2}), std::nullopt);
  m.consume('a');
  m.consume('b');
  m.consume('c');
  EXPECT_EQ(m.closing({.first = 'd', .known = ids("\"]"), .most = 9}), ids("\"]"));  // d comes between
  EXPECT_EQ(m.closing({.first = '"', .known = ids("\"]"), .most = 9}), ids("]"));
  EXPECT_EQ(m.closing({.first = 'd', .known = ids("]"), .most = 9}), ids("\"]"));  // this ended nothing
}

TEST_F(GrammarOf, HoldsObjectsToTheirSchema) {
  const Json person{{"type", "object"},
                    {"properties", {{"name", {{"type", "string"}}}, {"age", {{"type", "integer"}, {"minimum", 0}}}}},
                    {"required", {"name"}},
                    {"additionalProperties", false}};
  EXPECT_TRUE(accepts(schema(person), R"({"name":"Ada","age":36})"));
  EXPECT_TRUE(accepts(schema(person), R"({"name": "Ada", "age": 36})"));
  EXPECT_TRUE(accepts(schema(person), "{\"name\":\"\xc3\xa4\"}"));
  for (const char* bad : {R"({"age":36})", R"({"name":"A","age":-1})", R"({"name":"A","x":1})", R"({"name":"A"},)",
                          R"({"name":1})", R"({  "name":"A"})", "{\n\"name\":\"A\"}", "{\"name\":\"\xff\"}", "[]"}) {
    EXPECT_FALSE(accepts(schema(person), bad)) << bad;
  }
}

TEST_F(GrammarOf, BoundsBlanks) {
  EXPECT_TRUE(accepts(matcher(Kind::Json, ""), R"({"a": [1, 2]})"));
  EXPECT_FALSE(accepts(matcher(Kind::Json, ""), R"({"a":  1})"));
  EXPECT_FALSE(accepts(matcher(Kind::Json, ""), R"( {"a":1})"));
  EXPECT_FALSE(accepts(matcher(Kind::Json, ""), "[1]"));
}

TEST_F(GrammarOf, NamesCannotBeWrittenByEscapes) {
  const Json open{{"type", "object"}, {"properties", {{"a", {{"type", "integer"}}}}}};
  EXPECT_TRUE(accepts(schema(open), R"({"b":"x"})"));
  EXPECT_FALSE(accepts(schema(open), R"({"a":"x"})"));
  EXPECT_FALSE(accepts(schema(open), R"({"\u0061":"x"})"));
}

TEST_F(GrammarOf, DatesExist) {
  const auto date = [](const char* format) { return Json{{"type", "string"}, {"format", format}}; };
  for (const char* good : {"2024-02-29", "2000-02-29", "0001-01-01", "1999-12-31"}) {
    EXPECT_TRUE(accepts(schema(date("date")), std::string("\"") + good + "\"")) << good;
  }
  for (const char* bad : {"2023-02-29", "1900-02-29", "0000-01-01", "2023-04-31", "2023-13-01", "2023-1-1"}) {
    EXPECT_FALSE(accepts(schema(date("date")), std::string("\"") + bad + "\"")) << bad;
  }
  EXPECT_TRUE(accepts(schema(date("date-time")), R"("2024-02-29T23:59:59.5+01:00")"));
  EXPECT_FALSE(accepts(schema(date("date-time")), R"("2024-02-29T23:59:60Z")"));
}

TEST_F(GrammarOf, ReadsPatternsAsJsonSchemaMeansThem) {
  const auto pattern = [](const char* text) { return Json{{"type", "string"}, {"pattern", text}}; };
  EXPECT_TRUE(accepts(schema(pattern("b")), R"("abc")"));       // anywhere
  EXPECT_TRUE(accepts(schema(pattern("^[[a]$")), R"("[")"));    // a bracket, no class within a class
  EXPECT_TRUE(accepts(schema(pattern("^[a&&b]$")), R"("&")"));  // no intersection
  EXPECT_TRUE(accepts(schema(pattern("^[^]$")), R"("\n")"));
  EXPECT_TRUE(accepts(schema(pattern("^[[:x]+$")), R"("[:x")"));
  EXPECT_FALSE(accepts(schema(pattern("^.$")), R"("\r")"));
  EXPECT_FALSE(accepts(schema(pattern("^.$")), "\"\xe2\x80\xa8\""));
  EXPECT_FALSE(accepts(schema(pattern("^\\w$")), "\"\xc3\xa4\""));
  EXPECT_TRUE(accepts(schema(pattern("^\\u0041\\/$")), R"("A/")"));
}

TEST_F(GrammarOf, NarrowsBoundsBeyondExactNumbers) {
  const Json wide{{"type", "integer"}, {"minimum", 9007199254740990}, {"maximum", INT64_MAX}};
  EXPECT_TRUE(accepts(schema(wide), "9007199254740991"));
  EXPECT_FALSE(accepts(schema(wide), "9007199254740993"));
  EXPECT_FALSE(accepts(schema({{"type", "integer"}}), "12345678901234567"));
}

TEST_F(GrammarOf, TellsAlternativesApart) {
  const auto tagged = [](const char* tag) {
    return Json{{"type", "object"}, {"properties", {{"kind", {{"const", tag}}}}}, {"required", {"kind"}}};
  };
  const Json pet{{"oneOf", {{{"$ref", "#/$defs/cat"}}, {{"$ref", "#/$defs/dog"}}}},
                 {"$defs", {{"cat", tagged("cat")}, {"dog", tagged("dog")}}}};
  EXPECT_TRUE(accepts(schema(pet), R"({"kind":"dog"})"));
  EXPECT_FALSE(accepts(schema(pet), R"({"kind":"cow"})"));
  const Json implied{{"type", "object"},
                     {"oneOf",
                      {{{"properties", {{"t", {{"const", "x"}}}}}, {"required", {"t"}}},
                       {{"properties", {{"t", {{"const", "y"}}}}}, {"required", {"t"}}}}}};
  EXPECT_TRUE(accepts(schema(implied), R"({"t":"y"})"));
  const Json both{{"oneOf", {{{"type", "integer"}, {"minimum", 1}}, {{"type", "integer"}, {"maximum", 5}}}}};
  EXPECT_THROW(schema(both), Error);
}

TEST_F(GrammarOf, FollowsRecursionThatEnds) {
  const Json list{{"type", "object"},
                  {"properties", {{"next", {{"anyOf", {{{"$ref", "#"}}, {{"type", "null"}}}}}}}},
                  {"required", {"next"}}};
  EXPECT_TRUE(accepts(schema(list), R"({"next":{"next":null}})"));
  const Json branch{
      {"type", "object"},
      {"properties", {{"a", {{"type", "integer"}}}, {"never", {{"$ref", "#/$defs/never"}}}}},
      {"$defs", {{"never", {{"type", "array"}, {"items", {{"$ref", "#/$defs/never"}}}, {"minItems", 1}}}}}};
  EXPECT_TRUE(accepts(schema(branch), R"({"a":1})"));
  EXPECT_FALSE(accepts(schema(branch), R"({"never":[[)"));
  GrammarMatcher m = schema(branch);
  for (const char c : std::string("{\"")) {
    m.consume(static_cast<unsigned char>(c));
  }
  m.consume('n');  // a name of one's own still may begin so
}

TEST_F(GrammarOf, TakesLark) {
  EXPECT_TRUE(accepts(matcher(Kind::Lark, "start: \"a\" num\nnum: /[0-9]+/"), "a12"));
  GrammarMatcher m(Grammar::compile(GrammarVocabulary::of(tokenizer_, {kEnd}),
                                    {.kind = Kind::Lark, .text = "start: <|stop|> \"a\""}));
  EXPECT_TRUE(allows(m, kStop));  // a token that ends nothing
  EXPECT_TRUE(accepts(matcher(Kind::Lark, R"(start: "x" %json {"type":"integer","minimum":3,"maximum":4})"), "x3"));
}

TEST(GrammarVocabulary, ReadsByteFallbackAndRefusesWhatHasNoFixedText) {
  Folder folder;
  const Tokenizer tokenizer = Tokenizer::load_file_only(folder.add("tokenizer.json", small_bpe()).path());
  const Grammar grammar =
      Grammar::compile(GrammarVocabulary::of(tokenizer, {2}), {.kind = Kind::Regex, .text = " ?ab\n"});
  GrammarMatcher matcher(grammar);
  std::vector<uint32_t> words(9);
  matcher.mask(words);
  EXPECT_EQ(words[0] & 0x7ffU, (1U << 4) | (1U << 6));  // "a" and "ab"; no blank: the decoder drops one in front
  matcher.consume(6);
  matcher.consume(11 + '\n');
  EXPECT_TRUE(matcher.is_stopped());

  Json pieces = small_bpe();
  pieces["decoder"] = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  const Tokenizer other = Tokenizer::load_file_only(folder.add("tokenizer.json", pieces).path());
  try {
    GrammarVocabulary::of(other, {2});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::Unsupported);
    EXPECT_NE(e.message().find("WordPiece"), std::string::npos);
  }
}

}  // namespace
}  // namespace burin::text
