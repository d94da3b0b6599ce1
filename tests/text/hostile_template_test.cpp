// Templates that want the machine's time, memory, stack or secrets: each ends in a typed error within a second.
#include <sys/resource.h>

#include <gmock/gmock.h>

#include "base/error.h"
#include "folder.h"
#include "text/chat_template.h"

namespace burin::text {
namespace {

int64_t peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

struct Case {
  const char* name;
  std::string source;
};

std::string times(int count, const std::string& text) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    out += text;
  }
  return out;
}

std::string loop(const std::string& body) {
  return "{% set ns = namespace(a='x', l=[1], d={}) %}{% for i in range(99999) %}" + body +
         "{% endfor %}{{ ns.a | length }}";
}

std::vector<Case> cases() {
  return {
      {"range", "{% for i in range(1000000000) %}x{% endfor %}"},
      {"nested_loops", "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"},
      {"self_calling_macro", "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}"},
      {"doubling_macro", "{% macro m(n) %}{{ m(n + 1) }}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}"},
      {"repeat_string", "{{ 'a' * 1000000000 }}"},
      {"repeat_strings_kept", loop("{% set ns.l = ns.l + ['a' * 8000000] %}")},
      {"repeat_list", "{{ ([1] * 100000000) | length }}"},
      {"double_concat", times(40, "{% set a = a ~ a ~ 'xx' %}")},
      {"double_add", "{% set a = 'xxxx' %}" + times(40, "{% set a = a + a %}")},
      {"double_loop", loop("{% set ns.a = ns.a ~ ns.a %}")},
      {"double_lists", "{% set l = [1] %}" + times(40, "{% set l = l + l %}") + "{{ l | length }}"},
      {"share_lists", "{% set l = [1] %}" + times(60, "{% set l = [l, l] %}") + "{{ l == [l, l][0] }}"},
      {"share_maps", "{% set l = {'a': 1} %}" + times(60, "{% set l = {'a': l, 'b': l} %}") + "{{ l | tojson }}"},
      {"share_tuples", "{% set l = 1 %}" + times(60, "{% set l = (l, l) %}") + "{{ l }}"},
      {"deep_list", loop("{% set ns.l = [ns.l] %}")},
      {"deep_dict", loop("{% set ns.d = dict(a=ns.d) %}")},
      {"deep_namespace", loop("{% set b = namespace() %}{% set b.p = ns.l %}{% set ns.l = b %}")},
      {"own_cycle", "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}"},
      {"cycle_json", "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns | tojson }}"},
      {"lazy_chain", loop("{% set ns.l = ns.l | map('upper') %}") + "{{ ns.l | map('nope') }}"},
      {"slice_chain", loop("{% set ns.l = ns.l[::-1] %}{% set ns.l = ns.l + ns.l %}")},
      {"replace", "{{ ('a' * 1000000) | replace('a', 'b' * 1000000) }}"},
      {"replace_method", "{{ ('a' * 1000000).replace('', 'b' * 1000000) }}"},
      {"join", "{{ ('a' * 100000) | join('b' * 1000000) }}"},
      {"join_method", "{{ ('b' * 1000000).join('a' * 100000) }}"},
      {"indent", "{{ ('\n' * 1000000) | indent(100000) }}"},
      {"json_indent",
       "{{ ('a' * 100000) | list | tojson(indent=100000) }}" + times(9, "{{ ('a' * 1000000) | list | tojson }}")},
      {"format", "{{ '%1000000000d' | format(1) }}"},
      {"format_star", "{{ '%*d' | format(1000000000, 1) }}"},
      {"format_method", "{{ '{:1000000000}'.format(1) }}"},
      {"raw_text", "{% for i in range(99999) %}" + std::string(100'000, 'r') + "{% endfor %}"},
      {"raw_text_kept",
       "{% set x %}{% for i in range(99999) %}" + std::string(100'000, 'r') + "{% endfor %}{% endset %}"},
      {"short_text_kept",
       "{% set x %}{% for i in range(99999) %}{% for j in range(99999) %}abc{% endfor %}{% endfor %}{% endset %}"},
      {"output", "{% for i in range(99999) %}{{ 'a' * 1000 }}{% endfor %}"},
      {"power", "{{ 10 ** 100000000 }}"},
      {"power_loop", "{% set ns = namespace(n=3) %}{% for i in range(999) %}{% set ns.n = ns.n * ns.n %}{% endfor %}"},
      {"compare",
       "{% set a = ['x'] * 500000 %}{% set b = ['x'] * 500000 %}{% for i in range(99999) %}{{ a == b }}{% endfor %}"},
      {"contains", "{% set a = ['x'] * 500000 %}{% for i in range(99999) %}{{ 'y' in a }}{{ a is eq(a) }}{% endfor %}"},
      {"sort", "{% set a = range(99999) | list %}{% for i in range(99999) %}{% set b = a | sort %}{% endfor %}"},
      {"nesting", times(5000, "{% if true %}") + times(5000, "{% endif %}")},
      {"parentheses", "{{ " + times(50'000, "(") + "1" + times(50'000, ")") + " }}"},
      {"brackets", "{{ " + times(50'000, "[") + times(50'000, "]") + " }}"},
      {"unary", "{{ " + times(50'000, "-") + "1 }}"},
      {"nots", "{{ " + times(50'000, "not ") + "1 }}"},
      {"include", "{% include 'chat_template' %}"},
      {"include_file", "{% include '/etc/passwd' %}"},
      {"extends", "{% extends 'chat_template' %}"},
      {"import", "{% import 'os' as os %}{{ os.system('true') }}"},
      {"class", "{{ ''.__class__.__mro__[1].__subclasses__() }}"},
      {"globals", "{{ raise_exception.__globals__['os'] }}"},
      {"init", "{{ namespace.__init__.__globals__ }}"},
      {"attr", "{{ ''|attr('__class__')|attr('__base__') }}"},
      {"call", "{{ (1)() }}"},
      {"open", "{{ open('/etc/passwd').read() }}"},
      {"strftime", "{{ strftime_now('%c' * 100000) }}"},
      {"nul", "{{ strftime_now('a\\x00b') }}"},
  };
}

TEST(HostileTemplate, EndsInAnErrorWithinASecond) {
  for (const Case& hostile : cases()) {
    const int64_t peak = peak_bytes();
    const double started = processor_seconds();
    try {
      const std::string text = ChatTemplate::from_source(hostile.source).render(Json::object());
      EXPECT_LE(text.size(), size_t{4} << 20) << hostile.name;
      ADD_FAILURE() << hostile.name << " rendered " << text.substr(0, 80);
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::Internal) << hostile.name << ": " << error.what();
    }
    EXPECT_LT(processor_seconds() - started, 1.0 * kSlowdown) << hostile.name;
    EXPECT_LT(peak_bytes() - peak, (int64_t{640} << 20) * kShadow) << hostile.name;
  }
}

TEST(HostileTemplate, LeavesALongConversationAlone) {
  Json messages = Json::array();
  for (int i = 0; i < 2000; ++i) {
    messages.push_back({{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", std::string(1000, 'w')}});
  }
  const char* source =
      "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
      "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('turns') }}{% endif %}"
      "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] | trim + '<|im_end|>' + '\n' }}"
      "{% if loop.index0 == messages | length - 1 %}{{ ns.n }}{% endif %}{% endfor %}";
  EXPECT_GT(ChatTemplate::from_source(source).render(Json{{"messages", messages}}).size(), 2'000'000U);
}

}  // namespace
}  // namespace burin::text
