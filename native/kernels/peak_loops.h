#pragma once

namespace octavo {

/// Multiply-adds on registers alone, by the instructions of a tier's products. A null loop: the tier has
/// none.
struct PeakLoops {
  void (*f32)() = nullptr;
  void (*s8)() = nullptr;
  double f32_macs = 0;  // multiply-adds of one call
  double s8_macs = 0;
};

#if defined(OCTAVO_X86_64)
namespace avx2 {
PeakLoops peak_loops();
}
namespace avx512_vnni {
PeakLoops peak_loops();
}
#endif

}  // namespace octavo
