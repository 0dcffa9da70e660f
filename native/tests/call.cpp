#include "call.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace octavo::testing {

namespace {

// A signal handler can be handed nothing, so the call in progress is kept here.
std::array<char, 512> call_in_progress{};

void write_text(const char* text) {
  const ssize_t written = write(STDERR_FILENO, text, std::strlen(text));
  static_cast<void>(written);
}

void report_fault(int) {
  write_text("FAILED: memory fault (read or write outside the contract) in ");
  write_text(call_in_progress.data());
  write_text("\n");
  _exit(1);
}

}  // namespace

void announce(const std::string& call) {
  const std::size_t length = std::min(call.size(), call_in_progress.size() - 1);
  std::copy_n(call.data(), length, call_in_progress.data());
  call_in_progress[length] = '\0';
}

void report_faults() {
  struct sigaction action{};
  action.sa_handler = report_fault;
  sigaction(SIGSEGV, &action, nullptr);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace octavo::testing
