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
namespace avx_vnni {
KernelTable table();
}
namespace avx512_vnni {
KernelTable table();
}
namespace amx_int8 {
KernelTable table();
}
#if defined(OCTAVO_STAND_INS)
namespace avx_vnni_by_avx512 {
KernelTable table();
}
namespace amx_int8_in_software {
KernelTable table();
}
#endif
#endif
#if defined(OCTAVO_AARCH64)
namespace neon {
KernelTable table();
}
namespace neon_dotprod {
KernelTable table();
}
namespace neon_i8mm {
KernelTable table();
}
#endif

}  // namespace octavo
