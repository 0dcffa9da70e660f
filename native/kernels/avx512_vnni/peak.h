#pragma once

#include "kernels/kernel_table.h"

namespace octavo::avx512_vnni {

PeakLoops peak_loops();

}  // namespace octavo::avx512_vnni
