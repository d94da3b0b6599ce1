// Schemas, patterns and grammars that are wrong, not enforceable or meant to do harm: each is refused within a second.
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "byte_level.h"
#include "folder.h"
#include "text/grammar.h"

namespace burin::text {
namespace {

using Kind = GrammarSource::Kind;

struct Case {
  const char* name;
  Kind kind;
  std::string text;
  ErrorCode code;
  const char* says;
};

std::string repeated(const std::string& part, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += part;
  }
  return text;
}

/** `item(0)` to `item(count - 1)` with commas between. */
std::string listed(int count, const std::function<std::string(int)>& item) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += (i == 0 ? "" : ",") + item(i);
  }
  return text;
}

std::vector<Case> unenforceable() {
  using enum ErrorCode;
  const auto schema = [](const char* name, const char* text, const char* says, ErrorCode code = Unsupported) {
    return Case{name, Kind::JsonSchema, text, code, says};
  };
  return {
      schema("not", R"({"properties":{"a/b":{"not":{}}}})", "at /properties/a~1b: keyword \"not\""),
      schema("if", R"({"items":{"if":{},"then":{}}})", "at /items: keyword \"if\""),
      schema("contains", R"({"contains":{}})", "\"contains\""),
      schema("unique", R"({"uniqueItems":true})", "\"uniqueItems\""),
      schema("names", R"({"propertyNames":{}})", "\"propertyNames\""),
      schema("unevaluated", R"({"unevaluatedProperties":false})", "\"unevaluatedProperties\""),
      schema("dependent", R"({"$schema":"http://json-schema.org/draft-07/schema#","dependentRequired":{}})",
             "dependent"),
      schema("dynamic", R"({"$dynamicRef":"#"})", "\"$dynamicRef\""),
      schema("typing error", R"({"anyOf":[{},{"maximun":3}]})", "at /anyOf/1: keyword \"maximun\""),
      schema("lenient", R"({"x-guidance":{"lenient":true},"not":{}})", "\"x-guidance\""),
      schema("format", R"({"format":"idn-email"})", "format \"idn-email\""),
      schema("remote", R"({"$ref":"http://127.0.0.1:1/x"})", "only references inside"),
      schema("file", R"({"$ref":"file:///etc/passwd"})", "only references inside"),
      schema("dialect", R"({"$schema":"http://127.0.0.1:1/x"})", "dialect"),
      schema("inner id", R"({"properties":{"a":{"$id":"http://x/y"}}})", "\"$id\""),
      schema("open minimum", R"({"type":"object","minProperties":2})", "minProperties"),
      schema("one of two", R"({"oneOf":[{"minLength":1},{"maxLength":3}]})", "write anyOf"),
      schema("too exact", R"({"const":9007199254740993})", "2^53"),
      schema("control", R"({"enum":["\u0001"]})", "U+0001"),
      schema("look-ahead", R"x({"type":"string","pattern":"(?=a)"})x", "look-around"),
      schema("own escape", R"({"type":"string","pattern":"a\\z"})", "ECMA-262"),
      schema("empty class", R"({"patternProperties":{"[]":{}}})", "nothing matches"),
      schema("bound", R"({"type":"integer","minimum":9223372036854775807})", "2^53"),
      schema("in lark", "", "at /items: keyword \"not\""),
  };
}

std::vector<Case> impossible() {
  using enum ErrorCode;
  const auto schema = [](const char* name, const char* text, const char* says) {
    return Case{name, Kind::JsonSchema, text, InvalidArgument, says};
  };
  return {
      schema("false", "false", "no value satisfies it"),
      schema("range", R"({"properties":{"a":{"minimum":2,"maximum":1}}})", "at /properties/a: no value satisfies it"),
      schema("exclusive", R"({"type":"integer","exclusiveMinimum":1,"exclusiveMaximum":2})", "nsatisfiable"),
      schema("empty enum", R"({"enum":[]})", "enum allows no value"),
      schema("no type", R"({"type":[]})", "names no type"),
      schema("types", R"({"type":"string","const":1})", "nsatisfiable"),
      schema("endless", R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})", "without an end"),
      schema("loop", R"({"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}})", "without"),
      schema("closed", R"({"type":"object","required":["a"],"additionalProperties":false})", "nsatisfiable"),
      schema("pattern", R"({"type":"string","pattern":"^a$","minLength":2})", "nsatisfiable"),
      schema("nothing", R"({"$ref":"#/$defs/a"})", "names nothing"),
      schema("no schema", R"({"$ref":"#/required","required":[]})", "no schema"),
      schema("wrong type", R"({"type":"strin"})", "is no type"),
      schema("wrong shape", R"({"properties":[1]})", "properties"),
      schema("wrong bound", R"({"minLength":-1})", "minLength"),
      schema("text", "nonsense", "not JSON"),
      schema("array", "[]", "a schema is"),
      {"open bracket", Kind::Regex, "(", InvalidArgument, "unclosed"},
      {"no character", Kind::Regex, "[^\\s\\S]", InvalidArgument, "no text satisfies it"},
      {"no rule", Kind::Lark, "", InvalidArgument, "start"},
      {"unknown rule", Kind::Lark, "start: other", InvalidArgument, "other"},
      {"broken rule", Kind::Lark, "start: (", InvalidArgument, ")"},
      {"not UTF-8", Kind::Regex, "\xff", InvalidArgument, "UTF-8"},
  };
}

std::vector<Case> bombs() {
  using enum ErrorCode;
  const auto schema = [](const char* name, std::string text, const char* says = "") {
    return Case{name, Kind::JsonSchema, std::move(text), ResourceExhausted, says};
  };
  const auto many = [](const std::function<std::string(int)>& item, int count) { return listed(count, item); };
  return {
      schema("deep", repeated(R"({"properties":{"a":)", 40) + "{}" + repeated("}}", 40), "deeper than 64"),
      schema("very deep", repeated("[", 500000), "deeper than 64"),
      schema("wide", R"({"enum":[)" + many([](int i) { return std::to_string(i); }, 20000) + "]}", "10000 values"),
      schema("long", "\"" + repeated("x", 1 << 20) + "\"", "bytes"),
      schema("product",
             R"({"allOf":[)" +
                 many(
                     [](int i) {
                       return R"({"anyOf":[)" +
                              listed(8, [i](int j) { return R"({"minimum":)" + std::to_string(8 * i + j) + "}"; }) +
                              "]}";
                     },
                     8) +
                 "]}",
             "too large"),
      schema("length", R"({"type":"string","maxLength":1000000000})", "maxLength"),
      schema("remainders", R"({"multipleOf":4900719.5})", "more than 10000 remainders"),
      schema("many remainders", R"({"allOf":[{"multipleOf":997},{"multipleOf":0.991}]})", "more than 10000 remainders"),
      schema("tiny steps", R"({"multipleOf":1e-300})", "more than 10000 remainders"),
      schema("items", R"({"type":"array","minItems":1000000000})", "minItems"),
      schema("patterns",
             R"({"type":"string","allOf":[)" +
                 many([](int i) { return std::string(R"({"pattern":")") + static_cast<char>('a' + i) + "\"}"; }, 16) +
                 "]}"),
      schema("long pattern", R"({"pattern":")" + repeated("a", 70000) + "\"}", "pattern has 70000 bytes"),
      {"deep pattern", Kind::Regex, repeated("(", 5000) + "a" + repeated(")", 5000), ResourceExhausted, "deeper than"},
      {"long regex", Kind::Regex, repeated("a", 70000), ResourceExhausted, "bytes"},
      {"deep lark", Kind::Lark, "start: " + repeated("(", 100000), ResourceExhausted, "deeper than"},
      {"long lark", Kind::Lark, "start: " + repeated("\"a\" ", 100000), ResourceExhausted, "bytes"},
      {"doubling", Kind::Lark,
       "start: T0\n" +
           listed(40,
                  [](int i) {
                    return "\nT" + std::to_string(i) + ": T" + std::to_string(i + 1) + " T" + std::to_string(i + 1) +
                           "\n//";
                  }) +
           "\nT40: \"a\"\n",
       ResourceExhausted, ""},
  };
}

/** These compile; an answer of theirs must stay within the limits too, or end in an error. */
std::vector<Case> heavy() {
  const auto regex = [](const char* name, const char* text) {
    return Case{name, Kind::Regex, text, ErrorCode::ResourceExhausted, ""};
  };
  return {
      regex("nested stars", "((a+)+)+b"),
      regex("nested counts", "((a{1,1000}){1,1000}){1,1000}"),
      regex("states", ".*a.{100}"),
      regex("counted", "a{1000000}"),
      regex("many", "(.*a){20}"),
      {"right recursion", Kind::Lark, "start: \"a\" start", ErrorCode::ResourceExhausted, ""},
      {"ambiguous", Kind::Lark, "start: start start | \"a\" | ", ErrorCode::ResourceExhausted, ""},
      {"tower", Kind::Lark, "start: x{1000}\nx: y{1000}\ny: \"a\" | \"ab\"", ErrorCode::ResourceExhausted, ""},
  };
}

class HostileGrammar : public testing::Test {
 protected:
  Grammar compile(Kind kind, const std::string& text) {
    return Grammar::compile(vocabulary_, {.kind = kind, .text = text});
  }

  void expect_refused(const std::vector<Case>& cases) {
    for (const Case& c : cases) {
      const double start = processor_seconds();
      try {
        const bool lark = std::string_view(c.name) == "in lark";
        lark ? compile(Kind::Lark, R"(start: %json {"items":{"not":{}}})") : compile(c.kind, c.text);
        ADD_FAILURE() << c.name << " was taken";
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), c.code) << c.name << ": " << e.what();
        EXPECT_NE(std::string(e.what()).find(c.says), std::string::npos) << c.name << ": " << e.what();
        EXPECT_LT(e.message().size(), 700U) << c.name;
        EXPECT_EQ(e.facts().at("param"), "format");
      }
      EXPECT_LT(processor_seconds() - start, kSlowdown) << c.name;
    }
  }

  Folder folder_ = Folder();
  Tokenizer tokenizer_ = Tokenizer::load_file_only(folder_.add("tokenizer.json", byte_level()).path());
  GrammarVocabulary vocabulary_ = GrammarVocabulary::of(tokenizer_, {kEnd});
};

TEST_F(HostileGrammar, WhatIsNotEnforcedIsRefused) {
  expect_refused(unenforceable());
}

TEST_F(HostileGrammar, WhatNothingSatisfiesIsRefused) {
  expect_refused(impossible());
}

TEST_F(HostileGrammar, BombsAreRefused) {
  expect_refused(bombs());
}

TEST_F(HostileGrammar, HeavyOnesStayCheapOrEndInAnError) {
  for (const Case& c : heavy()) {
    const double start = processor_seconds();
    try {
      GrammarMatcher matcher(compile(c.kind, c.text));
      std::vector<uint32_t> words((kByteLevelSize + 31) / 32);
      for (int step = 0; step < 50 && !matcher.is_stopped(); ++step) {
        matcher.mask(words);
        ASSERT_NE((words['a' / 32] >> ('a' % 32)) & 1U, 0U) << c.name;
        matcher.consume('a');
      }
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), c.code) << c.name << ": " << e.what();
    }
    EXPECT_LT(processor_seconds() - start, 2 * kSlowdown) << c.name;
  }
}

TEST_F(HostileGrammar, KeywordsThatOnlyDescribeAreTaken) {
  const char* text = R"({"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"http://x/y","title":"t",
    "description":"d","type":"object","properties":{"a":{"type":"integer","default":1,"examples":[1],"x-order":3,
    "deprecated":true,"readOnly":true}},"uniqueItems":false,"$comment":"c"})";
  EXPECT_NO_THROW(compile(Kind::JsonSchema, text));
  EXPECT_NO_THROW(compile(Kind::JsonSchema, "true"));
  EXPECT_NO_THROW(compile(Kind::JsonSchema, "{}"));
}

}  // namespace
}  // namespace burin::text
