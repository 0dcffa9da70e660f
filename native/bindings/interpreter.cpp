#include "bindings/interpreter.h"

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "base/errors.h"
#include "bindings/bindings.h"

namespace nb = nanobind;

namespace octavo {

namespace {

std::atomic<int> calls_under_way = 0;
std::atomic<bool> exiting = false;
std::thread::id exiting_thread;  // set before `exiting`
int forks = 0;                   // guarded by the interpreter's lock

/// The same lock guards these.
std::set<Engine*>& engines() {
  static auto* const all = new std::set<Engine*>;  // outlives whoever leaves it late
  return *all;
}

/// For a thread that does not hold the lock, and is not to have it again.
[[noreturn]] void stop_for_good() {
  while (true) std::this_thread::sleep_for(std::chrono::hours(1));
}

/// Runs at exit, while other threads can still take the lock: those in a call need it to give way. No thread
/// of the core works on when the process frees what is static.
void wait_for_calls() {
  exiting_thread = std::this_thread::get_id();
  exiting = true;
  for (Engine* engine : engines()) engine->give_up();
  {
    const nb::gil_scoped_release release;
    while (calls_under_way.load() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  for (Engine* engine : engines()) engine->stop();
}

/// Runs in a child process: the calls of other threads are not under way there.
void after_fork() {
  ++forks;
  calls_under_way = 0;
}

}  // namespace

PythonEngine::PythonEngine(std::shared_ptr<const Transformer> model,
                           std::unique_ptr<const Shortlist> shortlist, std::vector<AttentionHead> heads,
                           int threads, int streams)
    : Engine(std::move(model), std::move(shortlist), std::move(heads), threads, streams) {
  engines().insert(this);
}

PythonEngine::~PythonEngine() { engines().erase(this); }

bool python_exits() { return exiting.load(); }

bool must_give_way() { return exiting.load() && std::this_thread::get_id() != exiting_thread; }

void give_way() {
  if (!must_give_way()) return;
  PyEval_SaveThread();
  --calls_under_way;
  stop_for_good();
}

CoreCall::CoreCall() : forks_(forks) {
  ++calls_under_way;
  give_way();
  prepare_for_exceptions();
}

CoreCall::~CoreCall() {
  if (forks_ == forks) --calls_under_way;
}

WithoutLock::~WithoutLock() {
  if (must_give_way()) {
    --calls_under_way;
    stop_for_good();
  }
  PyEval_RestoreThread(state_);
}

bool python_keeps_going() {
  if (PyErr_CheckSignals() != 0) return false;
  PyObject* module = PyImport_ImportModule("octavo.interrupt");
  PyObject* checked = module != nullptr ? PyObject_CallMethod(module, "check", nullptr) : nullptr;
  Py_XDECREF(checked);
  Py_XDECREF(module);
  return checked != nullptr;
}

void bind_interpreter(nb::module_& module) {
  nb::module_::import_("atexit").attr("register")(nb::cpp_function(&wait_for_calls));
  module.def("after_fork", &after_fork);
  nb::set_leak_warnings(false);  // threads that stopped for good keep what they were using
}

}  // namespace octavo
