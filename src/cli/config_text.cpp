#include "cli/config_text.h"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

namespace burin::cli {
[[noreturn]] static void refuse_toml() {
  throw std::logic_error("the parser did not expect this");
}
}  // namespace burin::cli

// The parser meets some broken files ("[=") with an assertion that failed, which in a release would be undefined:
// here it is checked in every build, and is an exception like the parser's others.
#ifdef NDEBUG
#undef NDEBUG
#define BURIN_HAD_NDEBUG
#endif
#define TOML_ASSERT(condition) ((condition) ? void() : burin::cli::refuse_toml())
#include <toml++/toml.h>
#ifdef BURIN_HAD_NDEBUG
#define NDEBUG
#endif

#include "base/error.h"
#include "base/utf8.h"

namespace burin::cli {
namespace {

constexpr std::string_view kFile = "config.toml";

toml::table parse(std::string_view text) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw Error(ErrorCode::Corrupt, kFile,
                fmt::format("{}:{}: {}", kFile, error.source().begin.line, escape_control(error.description(), false)))
        .hint("`burin config path` names the file");
  } catch (const std::logic_error&) {
    throw Error(ErrorCode::Corrupt, kFile, "not TOML").hint("`burin config path` names the file");
  }
}

int line_of(const toml::node& node) {
  return static_cast<int>(node.source().begin.line);
}

/** Kind of one value and its text as a command line would have it. */
ConfigKind read_value(const toml::node& node, std::vector<std::string>& values) {
  if (const auto* text = node.as_string()) {
    values.push_back(text->get());
    return ConfigKind::Text;
  }
  if (const auto* integer = node.as_integer()) {
    values.push_back(std::to_string(integer->get()));
    return ConfigKind::Integer;
  }
  if (const auto* number = node.as_floating_point()) {
    values.push_back(fmt::format("{}", number->get()));
    return ConfigKind::Number;
  }
  if (const auto* flag = node.as_boolean()) {
    values.emplace_back(flag->get() ? "true" : "false");
    return ConfigKind::Flag;
  }
  return ConfigKind::Other;
}

ConfigEntry entry_of(const std::string& table, std::string_view name, const toml::node& node) {
  ConfigEntry entry{.table = table, .name = std::string(name), .line = line_of(node)};
  const toml::array* list = node.as_array();
  if (list == nullptr) {
    entry.kind = read_value(node, entry.values);
    return entry;
  }
  entry.list = true;
  entry.kind = ConfigKind::Text;
  for (const toml::node& item : *list) {
    const ConfigKind kind = read_value(item, entry.values);
    entry.kind = &item == &list->front() || kind == entry.kind ? kind : ConfigKind::Other;
  }
  return entry;
}

/** Byte offset of a position; columns count characters. */
size_t offset_of(std::string_view text, const toml::source_position& position) {
  size_t at = 0;
  for (toml::source_index line = 1; line < position.line && at < text.size(); ++line) {
    at = std::min(text.find('\n', at), text.size() - 1) + 1;
  }
  for (toml::source_index column = 1; column < position.column && at < text.size(); ++column) {
    do {
      ++at;
    } while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80);
  }
  return at;
}

size_t line_start(std::string_view text, size_t at) {
  const size_t newline = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  return newline == std::string_view::npos ? 0 : newline + 1;
}

/** Just after the line break that ends the line of `at`, or the end of the text. */
size_t next_line(std::string_view text, size_t at) {
  const size_t newline = text.find('\n', at);
  return newline == std::string_view::npos ? text.size() : newline + 1;
}

std::string key_text(std::string_view key) {
  const auto bare = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
  return !key.empty() && std::ranges::all_of(key, bare) ? std::string(key) : toml_quoted(key);
}

void drop_empty_tables(toml::table& document) {
  for (auto it = document.begin(); it != document.end();) {
    const toml::table* table = it->second.as_table();
    it = table != nullptr && table->empty() ? document.erase(it) : std::next(it);
  }
}

/** The texts that might be the wanted one; the first that reads as `expected` is taken. */
std::string first_that_reads_as(toml::table expected, const std::vector<std::string>& candidates) {
  drop_empty_tables(expected);
  for (const std::string& candidate : candidates) {
    try {
      toml::table read = parse(candidate);
      drop_empty_tables(read);
      if (read == expected) {
        return candidate;
      }
    } catch (const Error&) {
      continue;
    }
  }
  throw Error(ErrorCode::Unsupported, kFile, "the file is written in a way that this edit cannot keep")
      .hint("change it by hand; `burin config path` names it");
}

std::string spliced(const std::string& text, size_t begin, size_t end, const std::string& middle) {
  return text.substr(0, begin) + middle + text.substr(end);
}

/** `line` in a line of its own after the one of `at`, indented as that one. */
std::string after_line(const std::string& text, size_t at, const std::string& line) {
  const size_t start = line_start(text, at);
  const std::string indent = text.substr(start, text.find_first_not_of(" \t", start) - start);
  const size_t place = next_line(text, at);
  const bool open = place == text.size() && !text.ends_with('\n');
  const std::string eol = text.find("\r\n") == std::string::npos ? "\n" : "\r\n";
  return spliced(text, place, place, (open ? eol : "") + indent + line + eol);
}

std::string with_new_table(const std::string& text, const std::string& table, const std::string& assignment) {
  const std::string eol = text.find("\r\n") == std::string::npos ? "\n" : "\r\n";
  const std::string gap = text.empty() ? "" : text.ends_with('\n') ? eol : eol + eol;
  return fmt::format("{}{}[{}]{}{}{}", text, gap, key_text(table), eol, assignment, eol);
}

/** Offset of the last byte of the value that stands last among the table's own. */
std::optional<size_t> last_value(std::string_view text, const toml::table& table) {
  std::optional<size_t> last;
  for (const auto& [key, node] : table) {
    if (!node.is_table() || node.as_table()->is_inline()) {
      const size_t end = offset_of(text, node.source().end);
      last = std::max(last.value_or(0), end == 0 ? 0 : end - 1);
    }
  }
  return last;
}

std::vector<std::string> insertions(const std::string& text, const toml::table* table, const std::string& table_name,
                                    const std::string& assignment) {
  const std::string dotted = key_text(table_name) + "." + assignment;
  std::vector<std::string> candidates;
  if (table != nullptr && table->is_inline()) {
    const size_t brace = offset_of(text, table->source().end) - 1;
    candidates.push_back(spliced(text, brace, brace, table->empty() ? assignment : ", " + assignment));
    const size_t inner = text.find_last_not_of(" \t", brace - 1) + 1;
    candidates.insert(candidates.begin(),
                      spliced(text, inner, brace, (table->empty() ? " " : ", ") + assignment + " "));
  } else if (table != nullptr) {
    const size_t anchor = last_value(text, *table).value_or(offset_of(text, table->source().begin));
    candidates.push_back(after_line(text, anchor, assignment));
    candidates.push_back(after_line(text, anchor, dotted));
  }
  candidates.push_back(with_new_table(text, table_name, assignment));
  return candidates;
}

/** Where key and value begin and end. */
struct Span {
  size_t key_begin = 0;
  size_t value_begin = 0;
  size_t value_end = 0;
};

std::optional<Span> find_entry(std::string_view text, const toml::table& document, const std::string& table,
                               const std::string& name) {
  const toml::table* inner = document.get_as<toml::table>(table);
  const auto it = inner == nullptr ? toml::table::const_iterator() : inner->find(name);
  if (inner == nullptr || it == inner->end()) {
    return std::nullopt;
  }
  return Span{.key_begin = offset_of(text, it->first.source().begin),
              .value_begin = offset_of(text, it->second.source().begin),
              .value_end = offset_of(text, it->second.source().end)};
}

}  // namespace

std::vector<ConfigEntry> parse_config(std::string_view text) {
  const toml::table document = parse(text);
  std::vector<ConfigEntry> entries;
  for (const auto& [key, node] : document) {
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      entries.push_back(entry_of("", key.str(), node));
      continue;
    }
    for (const auto& [name, value] : *table) {
      entries.push_back(entry_of(std::string(key.str()), name.str(), value));
    }
    if (table->empty()) {
      entries.push_back({.table = std::string(key.str()), .name = "", .line = line_of(node)});
    }
  }
  std::ranges::stable_sort(entries, {}, &ConfigEntry::line);
  return entries;
}

std::string with_entry(const std::string& text, const std::string& table, const std::string& name,
                       const std::string& value) {
  const toml::table document = parse(text);
  toml::table expected = document;
  const toml::table wanted = parse("value = " + value);
  if (toml::table* inner = expected.get_as<toml::table>(table)) {
    inner->insert_or_assign(name, *wanted.get("value"));
  } else {
    expected.insert_or_assign(table, toml::table{{name, *wanted.get("value")}});
  }
  if (const auto span = find_entry(text, document, table, name)) {
    return first_that_reads_as(expected, {spliced(text, span->value_begin, span->value_end, value)});
  }
  const std::string assignment = key_text(name) + " = " + value;
  return first_that_reads_as(expected, insertions(text, document.get_as<toml::table>(table), table, assignment));
}

std::string without_entry(const std::string& text, const std::string& table, const std::string& name) {
  const toml::table document = parse(text);
  const auto span = find_entry(text, document, table, name);
  if (!span) {
    return text;
  }
  toml::table expected = document;
  expected.get_as<toml::table>(table)->erase(name);
  const size_t after = text.find_first_not_of(" \t", span->value_end);
  const size_t comma_after = after != std::string::npos && text[after] == ',' ? after + 1 : span->value_end;
  const size_t before = span->key_begin == 0 ? std::string::npos : text.find_last_not_of(" \t", span->key_begin - 1);
  const size_t comma_before = before != std::string::npos && text[before] == ',' ? before : span->key_begin;
  return first_that_reads_as(
      expected,
      {spliced(text, line_start(text, span->key_begin), next_line(text, std::max<size_t>(span->value_end, 1) - 1), ""),
       spliced(text, span->key_begin, std::min(text.find_first_not_of(" \t", comma_after), text.size()), ""),
       spliced(text, comma_before, span->value_end, ""), spliced(text, span->key_begin, span->value_end, "")});
}

std::string toml_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      quoted += c == '\n' ? std::string("\\n") : c == '\t' ? std::string("\\t") : fmt::format("\\u{:04X}", c);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace burin::cli
