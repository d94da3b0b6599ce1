// A conversation on stdin and stdout, one line a turn, that outlasts a failing engine: chat MODEL.
#include <burin/engine.h>

#include <iostream>
#include <string>

namespace {

/** An answer in spite of failures that may pass; a sick engine loads its model anew first. */
std::string answer(burin::Engine& engine, const burin::Chat& chat) {
  if (engine.health().state == burin::EngineHealth::Unhealthy) {
    std::cerr << "(recovering: " << engine.health().reason << ")\n";
    engine.attempt_recovery();
  }
  return engine.generate_with_retry(chat, {.max_tokens = 128}, {.max_retries = 2}).text;
}

void converse(burin::Engine& engine) {
  burin::Chat chat{.messages = {{"system", "You answer in one short sentence."}}};
  for (std::string line; std::getline(std::cin, line);) {
    chat.messages.push_back({"user", line});
    try {
      const std::string text = answer(engine, chat);
      std::cout << text << std::endl;
      chat.messages.push_back({"assistant", text});
    } catch (const burin::Error& error) {
      std::cerr << "(" << error.message() << ")\n";
      chat.messages.pop_back();
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 2) {
      for (const burin::ModelEntry& model : burin::list_models()) {
        std::cout << model.name << "\n";
      }
      return 0;
    }
    burin::Engine engine;
    engine.load({.hub_id = argv[1]});
    converse(engine);
    return 0;
  } catch (const burin::Error& error) {
    std::cerr << "error: " << error.message() << "\n" << error.hint() << "\n";
    return static_cast<int>(error.code());
  }
}
