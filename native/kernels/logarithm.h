#pragma once

namespace octavo {

/// Natural logarithm of a positive, normal number, by docs/numerics.md; one per row, so one plain
/// implementation serves every tier.
float logarithm(float x);

}  // namespace octavo
