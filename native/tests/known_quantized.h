#pragma once

namespace octavo::testing {

/// The bytes of a static quantizer at the ends of its range, full and narrow, of the reference. Throws Mismatch.
void check_known_quantized();

}  // namespace octavo::testing
