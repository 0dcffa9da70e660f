#pragma once

#include "kernels/kernel_table.h"

namespace octavo {

namespace reference {
const KernelTable& table();
}

#if defined(OCTAVO_X86_64)
namespace avx2 {
const KernelTable& table();
}
namespace avx512_vnni {
const KernelTable& table();
}
#endif

}  // namespace octavo
