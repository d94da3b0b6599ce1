// Ctrl-C and SIGTERM while something runs that can stop by itself.
#pragma once

#include <atomic>
#include <csignal>

namespace burin::cli {

/**
 * While it lives, the first SIGINT or SIGTERM sets the flag instead of ending the program; a second one ends it.
 * Not nested; the earlier handlers come back at the end.
 */
class CancelScope {
 public:
  CancelScope();
  ~CancelScope();
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;

  const std::atomic<bool>& flag() const;
  /** Throws: Cancelled when a signal came. */
  void check() const;

 private:
  struct sigaction interrupt_{};
  struct sigaction terminate_{};
};

/** While it lives, Ctrl-C does nothing unless something inside it listens. */
class IgnoreInterrupts {
 public:
  IgnoreInterrupts();
  ~IgnoreInterrupts();
  IgnoreInterrupts(const IgnoreInterrupts&) = delete;
  IgnoreInterrupts& operator=(const IgnoreInterrupts&) = delete;

 private:
  struct sigaction before_{};
};

/** Closed standard streams become /dev/null, so that no file of ours takes their numbers; SIGPIPE and SIGXFSZ are
 * ignored; freed memory is shared by more threads; those of OpenBLAS sleep when they have nothing to do. */
void prepare_process();

}  // namespace burin::cli
