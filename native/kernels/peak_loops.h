#pragma once

namespace octavo {

/// Multiply-adds on registers alone, by the instructions of a tier's products: what they can reach. A null
/// loop: the tier has none.
struct PeakLoops {
  void (*f32)() = nullptr;
  void (*s8)() = nullptr;
  double f32_macs = 0;  // multiply-adds of one call
  double s8_macs = 0;
};

}  // namespace octavo
