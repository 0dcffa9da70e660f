#include "base/cpu_features.h"

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(OCTAVO_X86_64)
#include <cpuid.h>
#endif
#if defined(OCTAVO_AARCH64) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace octavo {

namespace {

#if defined(OCTAVO_X86_64)
constexpr std::uint64_t kYmmState = 0x06;  // SSE and the upper halves of ymm
constexpr std::uint64_t kZmmState = 0xE6;  // those, masks and zmm
constexpr std::uint64_t kTileState = std::uint64_t{3} << 17;

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
  unsigned b7 = 0, c7 = 0, d7 = 0, a7_1 = 0;
  unsigned subleaves = 0;
  __get_cpuid(1, &a, &b, &c1, &d);  // where there is no such leaf, nothing is present
  __get_cpuid_count(7, 0, &subleaves, &b7, &c7, &d7);
  if (subleaves >= 1) __get_cpuid_count(7, 1, &a7_1, &b, &a, &d);
  const std::uint64_t saved = saved_registers(bit(c1, 27));
  const bool ymm = (saved & kYmmState) == kYmmState;
  const bool zmm = (saved & kZmmState) == kZmmState;
  const bool tiles = (saved & kTileState) == kTileState;
  return {
      {"avx2", ymm && bit(b7, 5)},         {"fma", ymm && bit(c1, 12)},
      {"avx512f", zmm && bit(b7, 16)},     {"avx512bw", zmm && bit(b7, 30)},
      {"avx512dq", zmm && bit(b7, 17)},    {"avx512vl", zmm && bit(b7, 31)},
      {"avx512_vnni", zmm && bit(c7, 11)}, {"avx_vnni", ymm && bit(a7_1, 4)},
      {"amx_tile", tiles && bit(d7, 24)},  {"amx_int8", tiles && bit(d7, 25)},
  };
}
#elif defined(OCTAVO_AARCH64) && defined(__linux__)
std::vector<CpuFeature> read_cpu() {
  const unsigned long first = getauxval(AT_HWCAP);
  const unsigned long second = getauxval(AT_HWCAP2);
  return {
      {"asimd", (first & HWCAP_ASIMD) != 0},
      {"asimddp", (first & HWCAP_ASIMDDP) != 0},
      {"i8mm", (second & HWCAP2_I8MM) != 0},
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

int request_tile_registers() {
#if defined(OCTAVO_X86_64) && defined(__linux__)
  constexpr int kRequest = 0x1023;  // ARCH_REQ_XCOMP_PERM of Linux's asm/prctl.h
  constexpr int kTileData = 18;     // the registers' bit in XCR0
  return syscall(SYS_arch_prctl, kRequest, kTileData) == 0 ? 0 : errno;
#else
  return ENOSYS;
#endif
}

}  // namespace octavo
