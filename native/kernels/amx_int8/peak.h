#pragma once

namespace octavo::OCTAVO_TIER {

/// Tile products of registers alone, and the multiply-adds of one call.
void peak_s8();
inline constexpr double kPeakMacs = 1000.0 * 4 * 16 * 16 * 64;

}  // namespace octavo::OCTAVO_TIER
