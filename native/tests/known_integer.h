#pragma once

namespace octavo::testing {

/// Integer precision of the reference, but for attention, on cases whose result was computed by hand. Throws
/// Mismatch.
void check_known_integer();

}  // namespace octavo::testing
