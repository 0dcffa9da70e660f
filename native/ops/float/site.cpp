#include "ops/float/site.h"

#include <algorithm>

#include "kernels/panels.h"

namespace octavo {

Site Site::load(const QuantizationPlan* plan, const std::string& name, int width,
                const std::vector<std::string>& products) {
  Site site;
  site.name_ = name;
  site.width_ = width;
  if (plan == nullptr) return site;
  const auto in_int8 = [&](const std::string& product) { return plan->is_int8(product); };
  site.wants_u8_ = std::any_of(products.begin(), products.end(), in_int8);
  site.wants_floats_ = !std::all_of(products.begin(), products.end(), in_int8);
  const auto found = plan->inputs.find(name);
  if (site.wants_u8_ && found != plan->inputs.end()) {
    site.static_ = true;
    site.scale_ = found->second;
    const std::size_t padded = round_up(static_cast<std::size_t>(width), kWidestPanel);
    std::fill_n(site.inverse_.ensure(padded), width, 1.0f / site.scale_.scale);
  }
  return site;
}

std::ptrdiff_t Site::stride() const {
  return static_cast<std::ptrdiff_t>(round_up(static_cast<std::size_t>(width_), kCacheLineBytes));
}

QuantizedRows Site::target(int rows, AlignedBuffer<std::uint8_t>& buffer) const {
  return {.values = buffer.ensure(static_cast<std::size_t>(rows * stride())),
          .stride = stride(),
          .inverse = inverse_.data(),
          .zero_point = scale_.zero_point,
          .least = scale_.narrow_range ? 1 : 0};
}

ProductInput Site::stored(int rows, const AlignedBuffer<std::uint8_t>& buffer) const {
  return {.rows = rows, .quantized = buffer.data(), .quantized_stride = stride()};
}

ProductInput Site::prepare(const float* x, int rows, Workspace& workspace) const {
  if (workspace.observer != nullptr) workspace.observer->observe(name_, x, rows, width_, width_);
  ProductInput input{.rows = rows, .values = x, .stride = width_};
  if (!wants_u8_) return input;
  const QuantizedRows rows_u8 = target(rows, workspace.quantized);
  input.quantized = rows_u8.values;
  input.quantized_stride = rows_u8.stride;
  if (static_) {
    workspace.kernels->quantize_static(x, width_, rows, width_, rows_u8);
  } else {
    float* row_scale = workspace.row_scale.ensure(static_cast<std::size_t>(rows));
    workspace.kernels->quantize_rows(x, width_, rows, width_, rows_u8.values, rows_u8.stride, row_scale);
    input.row_scale = row_scale;
  }
  return input;
}

}  // namespace octavo
