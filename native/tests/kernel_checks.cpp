#include "kernel_checks.h"

#include <array>

namespace octavo::testing {

std::span<const KernelCheck> kernel_checks() {
  static constexpr std::array checks{
      KernelCheck{"product_f32", check_product_f32},
      KernelCheck{"product_s8", check_product_s8},
      KernelCheck{"accumulate_s8", check_accumulate_s8},
      KernelCheck{"integer_s8", check_integer_s8},
      KernelCheck{"quantize_rows", check_quantize_rows},
      KernelCheck{"quantize_static", check_quantize_static},
      KernelCheck{"layer_norm", check_layer_norm},
      KernelCheck{"rms_norm", check_rms_norm},
      KernelCheck{"ssru", check_ssru},
      KernelCheck{"embed_f32", check_embed_f32},
      KernelCheck{"embed_s8", check_embed_s8},
      KernelCheck{"l1_norm", check_l1_norm},
      KernelCheck{"embed_integer", check_embed_integer},
      KernelCheck{"dequantize", check_dequantize},
      KernelCheck{"layout", check_layout},
      KernelCheck{"keep", check_keep},
      KernelCheck{"attend", check_attend},
      KernelCheck{"attend_polynomial", check_attend_polynomial},
      KernelCheck{"weigh", check_weigh},
      KernelCheck{"weigh_polynomial", check_weigh_polynomial},
      KernelCheck{"largest", check_largest},
      KernelCheck{"log_sum_exp", check_log_sum_exp},
      KernelCheck{"top_k", check_top_k},
  };
  return checks;
}

}  // namespace octavo::testing
