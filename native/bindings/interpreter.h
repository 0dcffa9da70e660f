#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <vector>

#include "engine/engine.h"

namespace octavo {

// When Python exits, it ends every other thread that asks for its lock, and a thread with C++ frames cannot
// be ended so: the process would abort. So the exit waits until calls of the core that are under way have
// given way, and they and all later ones of other threads than the one that exits stop for good.

/// A call of the core that gives up the interpreter's lock or runs Python code. The lock is held where one
/// begins and ends.
class CoreCall {
 public:
  CoreCall();
  CoreCall(const CoreCall&) = delete;
  CoreCall& operator=(const CoreCall&) = delete;
  ~CoreCall();

 private:
  int forks_;  // of this process, when the call began
};

/// The interpreter's lock given up, in a CoreCall.
class WithoutLock {
 public:
  WithoutLock() : state_(PyEval_SaveThread()) {}
  WithoutLock(const WithoutLock&) = delete;
  WithoutLock& operator=(const WithoutLock&) = delete;
  ~WithoutLock();

 private:
  PyThreadState* state_;
};

/// Whether Python exits and this thread has to give way.
bool must_give_way();

/// Python code may run after this; the lock is held. Does not return where the thread has to give way.
void give_way();

/// False, with Python's exception set, when a signal handler raises or octavo.interrupt holds a wish to stop.
bool python_keeps_going();

/// Runs call(keep_going) without the interpreter's lock. Where the call `polls`, Ctrl-C interrupts it and
/// becomes Python's exception; else only the exit of Python interrupts it.
template <class Call>
void interruptible(bool polls, Call call) {
  try {
    const WithoutLock released;
    call([polls] {
      if (must_give_way()) return false;
      if (!polls) return true;
      const nanobind::gil_scoped_acquire acquire;
      return python_keeps_going();
    });
  } catch (const Interrupted&) {
    throw nanobind::python_error();
  }
}

/// An engine that Python holds. When Python exits, what the engine has under way is given up.
class PythonEngine : public Engine {
 public:
  PythonEngine(std::shared_ptr<const Transformer> model, std::unique_ptr<const Shortlist> shortlist,
               std::vector<AttentionHead> heads, int threads, int streams);
  PythonEngine(const PythonEngine&) = delete;
  PythonEngine& operator=(const PythonEngine&) = delete;
  ~PythonEngine();
};

/// Whether Python exits.
bool python_exits();

}  // namespace octavo
