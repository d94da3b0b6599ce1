// Tokens as they come, an end from another thread, and the figures: stream MODEL [SECONDS].
#include <burin/engine.h>

#include <condition_variable>
#include <iomanip>
#include <iostream>
#include <mutex>
#include <thread>

namespace {

/** Ends whatever the engine does after some time, unless it is over by then. */
class Watchdog {
 public:
  Watchdog(burin::Engine& engine, burin::Seconds limit)
      : thread_([this, &engine, limit] {
          std::unique_lock lock(mutex_);
          if (!done_.wait_for(lock, limit, [this] { return is_done_; })) {
            engine.cancel();
          }
        }) {}
  ~Watchdog() {
    {
      const std::scoped_lock lock(mutex_);
      is_done_ = true;
    }
    done_.notify_one();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool is_done_ = false;
  std::thread thread_;
};

void tell_a_story(const char* model, burin::Seconds limit) {
  burin::Engine engine;
  engine.load({.hub_id = model}, [](double fraction) {
    std::cerr << "\rloading " << std::setw(3) << static_cast<int>(100 * fraction) << " %" << std::flush;
    return true;
  });
  std::cerr << "\n";
  const burin::Chat chat{.messages = {{"user", "Tell a long story about a lighthouse."}}};
  burin::TokenStream story = engine.stream(chat, {.max_tokens = 400, .temperature = 0.7, .seed = 7});
  {
    const Watchdog watchdog(engine, limit);
    for (const burin::Token& token : story) {
      std::cout << token.text << std::flush;
    }
  }
  const bool cut = story.result().finish_reason == burin::FinishReason::Cancelled;
  const burin::InferenceMetrics metrics = engine.metrics();
  std::cout << "\n[" << (cut ? "cut off after " : "") << metrics.tokens_generated << " tokens, " << std::fixed
            << std::setprecision(1) << metrics.tokens_per_second << " tokens/s, first one after "
            << 1e3 * metrics.first_token_time.count() << " ms, " << static_cast<double>(metrics.resident_bytes) * 1e-6
            << " MB]\n";
}

}  // namespace

int main(int argc, char** argv) {
  try {
    tell_a_story(argc > 1 ? argv[1] : "starter", burin::Seconds(argc > 2 ? std::stod(argv[2]) : 5.0));
    return 0;
  } catch (const burin::Error& error) {
    std::cerr << "error: " << error.message() << "\n" << error.hint() << "\n";
    return static_cast<int>(error.code());
  }
}
