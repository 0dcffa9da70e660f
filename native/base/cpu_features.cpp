#include "base/cpu_features.h"

#include <stdexcept>
#include <string>
#include <vector>

namespace octavo {

namespace {

std::vector<CpuFeature> read_cpu() {
#if defined(OCTAVO_X86_64)
  __builtin_cpu_init();
  return {
      {"avx2", __builtin_cpu_supports("avx2") != 0},
      {"fma", __builtin_cpu_supports("fma") != 0},
      {"avx512f", __builtin_cpu_supports("avx512f") != 0},
      {"avx512bw", __builtin_cpu_supports("avx512bw") != 0},
      {"avx512dq", __builtin_cpu_supports("avx512dq") != 0},
      {"avx512vl", __builtin_cpu_supports("avx512vl") != 0},
      {"avx512_vnni", __builtin_cpu_supports("avx512vnni") != 0},
  };
#else
  return {};
#endif
}

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
