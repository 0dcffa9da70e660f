#pragma once

#include <span>

#include "kernels/kernel_table.h"
#include "random.h"

namespace octavo::testing {

/// Calls one kernel of `kernels` and of the reference on the same data, many times, and compares every bit.
/// Returns the number of calls compared. Throws Mismatch at the first difference.
struct KernelCheck {
  const char* kernel;
  int (*run)(const KernelTable& kernels, Random random);
};

/// One check for every kernel of the table.
std::span<const KernelCheck> kernel_checks();

int check_product_f32(const KernelTable& kernels, Random random);
int check_product_s8(const KernelTable& kernels, Random random);
int check_accumulate_s8(const KernelTable& kernels, Random random);
int check_integer_s8(const KernelTable& kernels, Random random);
int check_quantize_rows(const KernelTable& kernels, Random random);
int check_quantize_static(const KernelTable& kernels, Random random);
int check_layer_norm(const KernelTable& kernels, Random random);
int check_rms_norm(const KernelTable& kernels, Random random);
int check_ssru(const KernelTable& kernels, Random random);
int check_embed_f32(const KernelTable& kernels, Random random);
int check_embed_s8(const KernelTable& kernels, Random random);
int check_l1_norm(const KernelTable& kernels, Random random);
int check_embed_integer(const KernelTable& kernels, Random random);
int check_dequantize(const KernelTable& kernels, Random random);
int check_layout(const KernelTable& kernels, Random random);
int check_keep(const KernelTable& kernels, Random random);
int check_attend(const KernelTable& kernels, Random random);
int check_attend_polynomial(const KernelTable& kernels, Random random);
int check_weigh(const KernelTable& kernels, Random random);
int check_weigh_polynomial(const KernelTable& kernels, Random random);
int check_largest(const KernelTable& kernels, Random random);
int check_log_sum_exp(const KernelTable& kernels, Random random);
int check_top_k(const KernelTable& kernels, Random random);

}  // namespace octavo::testing
