#include "kernels/lanes16/table.h"
#include "kernels/avx2/bytes.h"
#include "kernels/avx2/linear_f32.h"
#include "kernels/avx2/linear_s8.h"
#include "kernels/avx2/vector.h"
#include "kernels/reference/functions.h"
#include "kernels/tiers.h"

namespace octavo::avx2 {

namespace {

constexpr KernelTable kTable = lanes16::table<F32x16, Bytes>(
    "avx2", {.layout = kLayoutF32, .product = product_f32},
    {.layout = kLayoutS8, .product = product_s8, .accumulate = accumulate_s8},
    {.layout = reference::page_layout, .keep = reference::keep_rows, .attend = reference::attend});

}  // namespace

const KernelTable& table() { return kTable; }

}  // namespace octavo::avx2
