#pragma once

namespace octavo {

/// e^x by docs/numerics.md, in plain scalar code: the reference tier's, and the search's length penalty.
float exponential(float x);

}  // namespace octavo
