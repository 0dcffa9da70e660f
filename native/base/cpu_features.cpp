#include "base/cpu_features.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(OCTAVO_X86_64)
#include <cpuid.h>
#endif

namespace octavo {

namespace {

#if defined(OCTAVO_X86_64)
constexpr std::uint64_t kYmmState = 0x06;  // SSE and the upper halves of ymm
constexpr std::uint64_t kZmmState = 0xE6;  // those, masks and zmm

bool bit(unsigned word, int index) { return (word >> index & 1u) != 0; }

/// Which registers the operating system saves; 0 where it cannot be asked.
std::uint64_t saved_registers(bool os_tells) {
  if (!os_tells) return 0;
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

/// Intel SDM volume 2, CPUID, leaves 1 and 7. Asked directly: __builtin_cpu_supports says no to everything
/// where the compiler's runtime library lacks it, as Zig's does.
std::vector<CpuFeature> read_cpu() {
  unsigned a = 0, b = 0, c1 = 0, d = 0;
  unsigned b7 = 0, c7 = 0;
  __get_cpuid(1, &a, &b, &c1, &d);  // where there is no such leaf, nothing is present
  __get_cpuid_count(7, 0, &a, &b7, &c7, &d);
  const std::uint64_t saved = saved_registers(bit(c1, 27));
  const bool ymm = (saved & kYmmState) == kYmmState;
  const bool zmm = (saved & kZmmState) == kZmmState;
  return {
      {"avx2", ymm && bit(b7, 5)},         {"fma", ymm && bit(c1, 12)},      {"avx512f", zmm && bit(b7, 16)},
      {"avx512bw", zmm && bit(b7, 30)},    {"avx512dq", zmm && bit(b7, 17)}, {"avx512vl", zmm && bit(b7, 31)},
      {"avx512_vnni", zmm && bit(c7, 11)},
  };
}
#else
std::vector<CpuFeature> read_cpu() { return {}; }
#endif

}  // namespace

std::span<const CpuFeature> cpu_features() {
  static const std::vector<CpuFeature> features = read_cpu();
  return features;
}

bool has_cpu_feature(std::string_view name) {
  for (const CpuFeature& feature : cpu_features()) {
    if (name == feature.name) return feature.present;
  }
  throw std::invalid_argument("base/cpu_features.cpp does not know the CPU feature '" + std::string(name) +
                              "'");
}

}  // namespace octavo
