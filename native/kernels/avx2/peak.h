#pragma once

#include "kernels/kernel_table.h"

namespace octavo::avx2 {

PeakLoops peak_loops();

}  // namespace octavo::avx2
