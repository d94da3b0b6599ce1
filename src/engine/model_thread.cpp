#include "engine/model_thread.h"

#include <memory>
#include <utility>

#include "engine/generation.h"

namespace burin::engine {

ModelThread::ModelThread() : thread_([this] { work(); }) {}

ModelThread::~ModelThread() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  posted_.notify_one();
  thread_.join();
}

void ModelThread::post(std::function<void()> job) {
  {
    const std::scoped_lock lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  posted_.notify_one();
}

void ModelThread::run(const std::function<void()>& job) {
  std::mutex mutex;
  std::condition_variable ended;
  bool done = false;
  std::unique_ptr<Error> failure;
  post([&] {
    std::unique_ptr<Error> caught = failure_of(job);
    const std::scoped_lock lock(mutex);
    failure = std::move(caught);
    done = true;
    ended.notify_one();  // under the lock: the waiting side owns these variables
  });
  std::unique_lock lock(mutex);
  ended.wait(lock, [&] { return done; });
  if (failure) {
    throw Error(*failure);
  }
}

void ModelThread::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    posted_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
    if (jobs_.empty()) {
      return;
    }
    std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    job = nullptr;  // what it holds is released here, not under the lock
    lock.lock();
  }
}

}  // namespace burin::engine
