// Checks native/base and the registry of kernel tiers.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/cpu_features.h"
#include "base/errors.h"
#include "expect.h"
#include "kernels/panels.h"
#include "kernels/registry.h"

namespace octavo::testing {

namespace {

void expect_equal(const std::string& found, const std::string& expected) {
  if (found != expected) throw std::runtime_error("'" + found + "' is not '" + expected + "'");
}

template <class Work>
std::string error_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  throw std::runtime_error("no Error was thrown");
}

std::uintptr_t address_of(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

bool is_aligned(const void* pointer) { return address_of(pointer) % kCacheLineBytes == 0; }

void check_round_up() {
  expect(round_up(0, 16) == 0 && round_up(1, 16) == 16 && round_up(16, 16) == 16 && round_up(17, 16) == 32,
         "round_up finds the next multiple");
}

void check_aligned_buffer() {
  AlignedBuffer<std::int32_t> buffer;
  expect(buffer.data() == nullptr && buffer.capacity() == 0, "a new buffer holds nothing");
  for (const std::size_t count : {1u, 3u, 17u, 1000u}) {
    std::int32_t* data = buffer.ensure(count);
    expect(is_aligned(data), "storage begins on a cache line");
    expect(buffer.capacity() >= count, "there is room for what was asked");
    for (std::size_t i = 0; i < count; ++i) expect(data[i] == 0, "new storage is zeroed");
    for (std::size_t i = 0; i < count; ++i) data[i] = -1;
  }
  const std::uintptr_t before = address_of(buffer.data());  // the pointer itself may not outlive its storage
  const std::int32_t* kept = buffer.ensure(10);
  expect(address_of(kept) == before && kept[9] == -1, "asking for less keeps storage and contents");
}

void check_moved_buffer() {
  AlignedBuffer<float> first(5);
  first.data()[4] = 2.0f;
  AlignedBuffer<float> second(std::move(first));
  expect(second.data()[4] == 2.0f, "a moved buffer keeps its contents");
  expect(first.capacity() == 0 && first.ensure(3) != nullptr, "and leaves an empty one behind");
  first = std::move(second);
  expect(first.data()[4] == 2.0f && second.capacity() == 0, "and so does assignment");
}

void check_impossible_sizes() {
  for (const std::size_t count :
       {std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max() / sizeof(double),
        std::numeric_limits<std::size_t>::max() / sizeof(double) + 2}) {
    AlignedBuffer<double> buffer(1);
    bool refused = false;
    try {
      buffer.ensure(count);
    } catch (const std::bad_alloc&) {
      refused = true;
    }
    expect(refused, "a size beyond the address space is refused");
    expect(buffer.capacity() == 1 && buffer.data()[0] == 0.0, "and the buffer is as it was");
  }
}

void check_panels() {
  const PanelLayout layout{.columns = 4, .group = 2};
  expect(padded_columns(layout, 5) == 8 && packed_size(layout, 5, 3) == 32, "tails are counted");
  const std::array<float, 6> weight{1, 2, 3, 4, 5, 6};  // channels 3 and 4 of [5, 3]
  std::array<float, 32> packed{};
  pack_panels(layout, weight.data(), 2, 3, 3, packed.data());
  std::array<float, 32> expected{};
  expected[6] = 1, expected[7] = 2, expected[14] = 3;    // last channel of the first panel
  expected[16] = 4, expected[17] = 5, expected[24] = 6;  // first channel of the second
  expect(packed == expected, "a panel holds groups of inputs, channel by channel");
  for (const int channel : {0, 1}) {
    std::array<float, 4> row{-1, -1, -1, -1};
    unpack_column(layout, packed.data(), 3, 3 + channel, row.data());
    const std::size_t first = static_cast<std::size_t>(channel) * 3;
    expect(row == std::array<float, 4>{weight[first], weight[first + 1], weight[first + 2], -1},
           "a channel is read back, and nothing is written behind it");
  }
}

void check_tiers() {
  const auto tiers = kernel_tiers();
  expect(tiers.front().name == "reference" && tiers.front().available(), "the reference comes first");
  for (const KernelTier& tier : tiers) {
    if (tier.available()) {
      expect(tier.table->name == tier.name && &kernels_named(tier.name) == tier.table.get(),
             "a tier is found by its name: " + tier.name);
      expect(tier.reason.empty(), "and has no reason not to run: " + tier.name);
    } else {
      expect(!tier.reason.empty(), "who does not run says why: " + tier.name);
      std::printf("SKIPPED tier %s: %s\n", tier.name.c_str(), tier.reason.c_str());
    }
  }
}

void expect_says(const std::string& message, const std::string& part) {
  if (message.find(part) == std::string::npos)
    throw std::runtime_error("'" + message + "' lacks '" + part + "'");
}

void check_refusals() {
  std::string known;
  for (const KernelTier& tier : kernel_tiers()) {
    known += (known.empty() ? "" : ", ") + tier.name;
  }
  for (const char* name : {"avx9", "", "AVX2", "reference "}) {
    const std::string message = error_of([&] { kernels_named(name); });
    expect_says(message, "unknown instruction set '" + std::string(name) + "'");
    expect_says(message, known);
  }
  const std::array unavailable{
      KernelTier{.name = "abacus", .table = nullptr, .reason = "the CPU lacks beads", .is_stand_in = false}};
  const std::string message = error_of([&] { kernels_named("abacus", unavailable); });
  expect_says(message, "instruction set 'abacus' is not available here: the CPU lacks beads");
}

/// The tier that a process with this OCTAVO_ISA (null: none) works with, or its error message. The choice is
/// made once per process, so each is made in a child.
std::string active_with(const char* isa) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no child process");
  if (child == 0) {
    if (isa == nullptr) unsetenv("OCTAVO_ISA");
    if (isa != nullptr) setenv("OCTAVO_ISA", isa, 1);
    std::string answer;
    try {
      answer = active_kernels().name;
    } catch (const Error& error) {
      answer = error.what();
    }
    const ssize_t written = write(ends[1], answer.data(), answer.size());
    _exit(written == static_cast<ssize_t>(answer.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::array<char, 512> text{};
  const ssize_t length = read(ends[0], text.data(), text.size());
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  expect(status == 0 && length > 0, "the child answers");
  return {text.data(), static_cast<std::size_t>(length)};
}

void check_active_kernels() {
  const std::string variable = "the environment variable OCTAVO_ISA: ";
  std::string best;
  for (const KernelTier& tier : kernel_tiers()) {
    if (!tier.available()) {
      expect_equal(active_with(tier.name.c_str()), variable + error_of([&] { kernels_named(tier.name); }));
      continue;
    }
    expect_equal(active_with(tier.name.c_str()), tier.name);
    std::string capitals = tier.name;
    for (char& letter : capitals) letter = static_cast<char>(std::toupper(letter));
    expect_equal(active_with(capitals.c_str()), tier.name);
    if (!tier.is_stand_in) best = tier.name;
  }
  expect_equal(active_with(nullptr), best);
  expect_equal(active_with(""), best);
  expect_equal(active_with("mmx"), variable + error_of([] { kernels_named("mmx"); }));
}

void check_cpu_features() {
  for (const CpuFeature& feature : cpu_features()) {
    expect(has_cpu_feature(feature.name) == feature.present,
           "a feature is found by its name: " + std::string(feature.name));
  }
  bool refused = false;
  try {
    has_cpu_feature("beads");
  } catch (const std::invalid_argument&) {
    refused = true;
  }
  expect(refused, "a feature that is not in the list is refused");
  const bool has_tiles = std::ranges::any_of(cpu_features(), [](const CpuFeature& feature) {
    return feature.present && feature.name == std::string("amx_tile");
  });
  expect(has_tiles || request_tile_registers() != 0, "who has no tile registers is not given any");
}

}  // namespace

}  // namespace octavo::testing

int main() {
  using namespace octavo::testing;
  const std::pair<const char*, void (*)()> checks[] = {
      {"round_up", check_round_up},
      {"aligned_buffer", check_aligned_buffer},
      {"moved_buffer", check_moved_buffer},
      {"impossible_sizes", check_impossible_sizes},
      {"panels", check_panels},
      {"tiers", check_tiers},
      {"refusals", check_refusals},
      {"active_kernels", check_active_kernels},
      {"cpu_features", check_cpu_features},
  };
  return run_checks(checks);
}
