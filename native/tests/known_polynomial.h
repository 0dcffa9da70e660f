#pragma once

namespace octavo::testing {

/// Polynomial attention of the reference, on cases whose result was computed by hand. Throws Mismatch.
void check_known_polynomial();

}  // namespace octavo::testing
