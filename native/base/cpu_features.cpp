#include "base/cpu_features.h"

namespace octavo {

namespace {

CpuFeatures read_cpu() {
  CpuFeatures found;
#if defined(OCTAVO_X86_64)
  __builtin_cpu_init();
  found.avx2 = __builtin_cpu_supports("avx2");
  found.fma = __builtin_cpu_supports("fma");
  found.avx512f = __builtin_cpu_supports("avx512f");
  found.avx512bw = __builtin_cpu_supports("avx512bw");
  found.avx512dq = __builtin_cpu_supports("avx512dq");
  found.avx512vl = __builtin_cpu_supports("avx512vl");
  found.avx512_vnni = __builtin_cpu_supports("avx512vnni");
#endif
  return found;
}

}  // namespace

const CpuFeatures& CpuFeatures::detect() {
  static const CpuFeatures features = read_cpu();
  return features;
}

std::vector<std::string> CpuFeatures::names() const {
  std::vector<std::string> found;
  const auto add = [&](bool has, const char* name) {
    if (has) found.emplace_back(name);
  };
  add(avx2, "avx2");
  add(fma, "fma");
  add(avx512f, "avx512f");
  add(avx512bw, "avx512bw");
  add(avx512dq, "avx512dq");
  add(avx512vl, "avx512vl");
  add(avx512_vnni, "avx512_vnni");
  return found;
}

}  // namespace octavo
