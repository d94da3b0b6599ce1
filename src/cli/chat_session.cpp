#include "cli/chat_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "hub/nearest.h"

namespace burin::cli {
namespace {

constexpr std::string_view kQuotes = "\"\"\"";

std::string trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  return begin == text.npos ? "" : std::string(text.substr(begin, text.find_last_not_of(" \t") + 1 - begin));
}

std::string run_help(ChatSession& /*session*/, const std::string& /*argument*/) {
  std::string text;
  for (const ChatCommand& command : chat_commands()) {
    text += fmt::format("{:<16}{}\n", fmt::format("{} {}", command.name, command.argument), command.help);
  }
  return text +
         "\"\"\" begins and ends a message of several lines; a \\ at the end of a line continues it.\n"
         "Ctrl-C stops an answer, Ctrl-D leaves.";
}

std::string run_system(ChatSession& session, const std::string& argument) {
  session.set_system(argument);
  return argument.empty() ? "no system message" : "system message set";
}

std::string run_clear(ChatSession& session, const std::string& /*argument*/) {
  session.clear();
  return "conversation cleared";
}

void require_file(const std::string& argument) {
  if (argument.empty()) {
    throw Error(ErrorCode::InvalidArgument, "chat", "a file name is missing");
  }
}

std::string run_save(ChatSession& session, const std::string& argument) {
  require_file(argument);
  session.save(argument);
  return "saved to " + argument;
}

std::string run_load(ChatSession& session, const std::string& argument) {
  require_file(argument);
  session.load(argument);
  return fmt::format("loaded {} messages", session.messages().size());
}

bool is_message(const Json& message) {
  const auto text = [&](const char* key) { return message.contains(key) && message[key].is_string(); };
  return message.is_object() && text("role") && text("content");
}

constexpr std::array kCommands{
    ChatCommand{.name = "/bye", .argument = "", .help = "leave", .run = nullptr},
    ChatCommand{.name = "/clear", .argument = "", .help = "forget the conversation", .run = run_clear},
    ChatCommand{.name = "/help", .argument = "", .help = "show this", .run = run_help},
    ChatCommand{.name = "/load", .argument = "FILE", .help = "continue a saved chat", .run = run_load},
    ChatCommand{.name = "/save", .argument = "FILE", .help = "write the conversation to a file", .run = run_save},
    ChatCommand{
        .name = "/system", .argument = "TEXT", .help = "set or, empty, drop the system message", .run = run_system},
};

}  // namespace

ChatSession::ChatSession(std::string model, std::string system)
    : model_(std::move(model)), system_(std::move(system)) {}

Json ChatSession::messages() const {
  Json messages = Json::array();
  if (!system_.empty()) {
    messages.push_back({{"role", "system"}, {"content", system_}});
  }
  messages.insert(messages.end(), turns_.begin(), turns_.end());
  return messages;
}

void ChatSession::add_user(std::string text) {
  turns_.push_back({{"role", "user"}, {"content", std::move(text)}});
}

void ChatSession::add_assistant(std::string text) {
  turns_.push_back({{"role", "assistant"}, {"content", std::move(text)}});
}

void ChatSession::drop_user() {
  if (!turns_.empty() && turns_.back()["role"] == "user") {
    turns_.erase(turns_.size() - 1);
  }
}

void ChatSession::save(const std::filesystem::path& file) const {
  write_file_atomic(file, dump_json({{"model", model_}, {"messages", messages()}}, 1) + "\n");
}

void ChatSession::load(const std::filesystem::path& file) {
  const Json saved = read_json_file(file);
  const bool whole = saved.is_object() && saved.contains("messages") && saved["messages"].is_array() &&
                     std::ranges::all_of(saved["messages"], is_message);
  if (!whole) {
    throw Error(ErrorCode::Corrupt, "chat", file.filename().string() + " is no saved chat");
  }
  std::string system;
  Json turns = Json::array();
  for (const Json& message : saved["messages"]) {
    if (message["role"] == "system" && turns.empty()) {
      system = message["content"];
    } else {
      turns.push_back({{"role", message["role"]}, {"content", message["content"]}});
    }
  }
  system_ = std::move(system);
  turns_ = std::move(turns);
}

std::span<const ChatCommand> chat_commands() {
  return kCommands;
}

ChatAction run_chat_command(ChatSession& session, std::string_view line, const std::function<void(std::string)>& tell) {
  const std::string name(line.substr(0, line.find_first_of(" \t")));
  const auto command = std::ranges::find(chat_commands(), name, &ChatCommand::name);
  if (command == chat_commands().end()) {
    std::vector<std::string> names;
    for (const ChatCommand& known : chat_commands()) {
      names.emplace_back(known.name);
    }
    const std::vector<std::string> near = hub::nearest_names(name, names, 1);
    tell(fmt::format("there is no {}; {}", name,
                     near.empty() ? "/help lists the commands" : "did you mean " + near[0] + "?"));
    return ChatAction::Continue;
  }
  if (command->run == nullptr) {
    return ChatAction::Leave;
  }
  try {
    tell(command->run(session, trimmed(line.substr(name.size()))));
  } catch (const Error& error) {
    tell(error.message());
  }
  return ChatAction::Continue;
}

bool MessageReader::add(std::string_view line) {
  if (in_block_) {
    in_block_ = !line.ends_with(kQuotes);
    text_ += in_block_ ? std::string(line) + "\n" : std::string(line.substr(0, line.size() - kQuotes.size()));
    return !in_block_;
  }
  if (!continued_ && line.starts_with(kQuotes)) {
    const std::string_view rest = line.substr(kQuotes.size());
    in_block_ = !rest.ends_with(kQuotes);
    text_ = in_block_ ? (rest.empty() ? "" : std::string(rest) + "\n")
                      : std::string(rest.substr(0, rest.size() - kQuotes.size()));
    return !in_block_;
  }
  continued_ = line.ends_with('\\');
  text_ += continued_ ? std::string(line.substr(0, line.size() - 1)) + "\n" : std::string(line);
  return !continued_;
}

std::string MessageReader::take() {
  in_block_ = false;
  continued_ = false;
  return std::exchange(text_, "");
}

}  // namespace burin::cli
