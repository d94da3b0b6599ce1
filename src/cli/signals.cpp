#include "cli/signals.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "base/error.h"

namespace burin::cli {
namespace {

std::atomic<bool> cancel_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int number) {
  if (cancel_requested.exchange(true)) {
    ::_exit(128 + number);
  }
}

}  // namespace

CancelScope::CancelScope() {
  cancel_requested = false;
  struct sigaction action{};
  action.sa_handler = on_signal;
  ::sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, &interrupt_);
  ::sigaction(SIGTERM, &action, &terminate_);
}

CancelScope::~CancelScope() {
  ::sigaction(SIGINT, &interrupt_, nullptr);
  ::sigaction(SIGTERM, &terminate_, nullptr);
}

const std::atomic<bool>& CancelScope::flag() const {
  return cancel_requested;
}

void CancelScope::check() const {
  if (cancel_requested) {
    throw Error(ErrorCode::Cancelled, "burin", "interrupted");
  }
}

IgnoreInterrupts::IgnoreInterrupts() {
  struct sigaction action{};
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGINT, &action, &before_);
}

IgnoreInterrupts::~IgnoreInterrupts() {
  ::sigaction(SIGINT, &before_, nullptr);
}

void prepare_process() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) {
      ::open("/dev/null", O_RDONLY);  // takes the lowest free number; writes to it fail, as they should
    }
  }
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is an error of write() then
#if defined(__GLIBC__)
  ::mallopt(M_ARENA_MAX, 2);  // each arena keeps a megabyte or so of what it once held, and few threads allocate
#endif
  ::setenv("OPENBLAS_THREAD_TIMEOUT", "4", 0);  // clock cycles, as a power of 2; 26 would spin while a model is loaded
}

}  // namespace burin::cli
