// The conversation of a chat and the commands that change it, without any terminal.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"

namespace burin::cli {

class ChatSession {
 public:
  ChatSession(std::string model, std::string system);

  /** System message, if any, then the turns so far. */
  Json messages() const;
  void add_user(std::string text);
  void add_assistant(std::string text);
  /** Takes the last user turn back, after an answer that failed. */
  void drop_user();

  void set_system(std::string text) { system_ = std::move(text); }
  void clear() { turns_ = Json::array(); }
  /** {"model", "messages": [..]}. Throws as write_file_atomic. */
  void save(const std::filesystem::path& file) const;
  /** Replaces conversation and system message. Throws: NotFound, Corrupt when it is no saved chat. */
  void load(const std::filesystem::path& file);

 private:
  std::string model_;
  std::string system_;
  Json turns_ = Json::array();
};

/** One `/word` of the chat. */
struct ChatCommand {
  std::string_view name;
  std::string_view argument;  // as shown in /help; empty: takes none
  std::string_view help;
  /** Returns what to tell the user. */
  std::string (*run)(ChatSession& session, const std::string& argument);
};

std::span<const ChatCommand> chat_commands();

enum class ChatAction { Continue, Leave };

/** Runs the line `/..`; `tell` gets the text for the user, errors of the command included. */
ChatAction run_chat_command(ChatSession& session, std::string_view line, const std::function<void(std::string)>& tell);

/**
 * Collects input lines into one message: a block between """ marks, or lines that end with a backslash.
 */
class MessageReader {
 public:
  /** True when the message is complete. */
  bool add(std::string_view line);
  bool is_open() const { return in_block_ || continued_; }
  /** The message; the reader starts anew. */
  std::string take();

 private:
  std::string text_;
  bool in_block_ = false;
  bool continued_ = false;
};

}  // namespace burin::cli
