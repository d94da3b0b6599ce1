// One answer on its way from the model thread to the caller: events to pull, a result, a way to stop it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "engine/backend.h"

namespace burin::engine {

/** What `body` threw, as an Error of its own (std::exception becomes Internal, bad_alloc ResourceExhausted); or null.
 */
std::unique_ptr<Error> failure_of(const std::function<void()>& body);

/**
 * The model never waits for a reader: events stay here until they are pulled or the object goes.
 * Threads: `cancel` and `result` from any; `next` from one at a time.
 */
class Generation {
 public:
  /** Waits for the next event; none at the end. Throws: the failure, after the events that came before it. */
  std::optional<TokenEvent> next();
  /** Waits for the end. Throws: the failure. */
  const GenerateResult& result();
  /** Asks for the end; the result's finish_reason is then Cancelled, unless it was done already. */
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  /** The model thread's side. */
  const std::atomic<bool>& cancel_flag() const { return cancelled_; }
  void push(TokenEvent event);
  void finish(GenerateResult result);
  void fail(std::unique_ptr<Error> failure);

 private:
  std::atomic<bool> cancelled_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<TokenEvent> events_;
  GenerateResult result_;
  std::unique_ptr<Error> failure_;
  bool done_ = false;
};

}  // namespace burin::engine
