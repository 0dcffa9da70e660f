#pragma once

#include <string>
#include <vector>

namespace octavo {

/// Instruction sets that this CPU has and the operating system has enabled.
struct CpuFeatures {
  bool avx2 = false;
  bool fma = false;
  bool avx512f = false;
  bool avx512bw = false;
  bool avx512dq = false;
  bool avx512vl = false;
  bool avx512_vnni = false;

  static const CpuFeatures& detect();
  std::vector<std::string> names() const;
};

}  // namespace octavo
