#pragma once

#include "kernels/kernel_table.h"

// The table of each tier, which its folder defines. It may be called only where the CPU has what the tier's
// row in registry.cpp needs.

namespace octavo {

namespace reference {
KernelTable table();
}
#if defined(OCTAVO_X86_64)
namespace avx2 {
KernelTable table();
}
namespace avx512_vnni {
KernelTable table();
}
#endif

}  // namespace octavo
