#include "engine/generation.h"

#include <new>
#include <utility>

namespace burin::engine {

std::unique_ptr<Error> failure_of(const std::function<void()>& body) {
  try {
    body();
    return nullptr;
  } catch (const Error& error) {
    return std::make_unique<Error>(error);
  } catch (const std::bad_alloc&) {
    return std::make_unique<Error>(ErrorCode::ResourceExhausted, "engine", "memory ran out");
  } catch (const std::exception& error) {
    return std::make_unique<Error>(ErrorCode::Internal, "engine", error.what());
  } catch (...) {
    return std::make_unique<Error>(ErrorCode::Internal, "engine", "something that is no exception was thrown");
  }
}

std::optional<TokenEvent> Generation::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_ || !events_.empty(); });
  if (!events_.empty()) {
    TokenEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
  }
  if (failure_) {
    throw Error(*failure_);
  }
  return std::nullopt;
}

const GenerateResult& Generation::result() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_; });
  if (failure_) {
    throw Error(*failure_);
  }
  return result_;
}

void Generation::push(TokenEvent event) {
  const std::scoped_lock lock(mutex_);
  events_.push_back(std::move(event));
  changed_.notify_all();
}

void Generation::finish(GenerateResult result) {
  const std::scoped_lock lock(mutex_);
  result_ = std::move(result);
  done_ = true;
  changed_.notify_all();
}

void Generation::fail(std::unique_ptr<Error> failure) {
  const std::scoped_lock lock(mutex_);
  failure_ = std::move(failure);
  done_ = true;
  changed_.notify_all();
}

}  // namespace burin::engine
