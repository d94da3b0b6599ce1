// The shortest way to an answer: hello MODEL [PROMPT].
#include <burin/engine.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: hello MODEL [PROMPT]\n";
    return static_cast<int>(burin::ErrorCode::InvalidArgument);
  }
  try {
    burin::Engine engine;
    engine.load({.hub_id = argv[1]});
    const std::string question = argc > 2 ? argv[2] : "What is the capital of France?";
    std::cout << engine.generate(burin::Chat{.messages = {{"user", question}}}, {.max_tokens = 64}).text << "\n";
    return 0;
  } catch (const burin::Error& error) {
    std::cerr << "error: " << error.message() << "\n" << error.hint() << "\n";
    return static_cast<int>(error.code());  // the codes are exit statuses
  }
}
