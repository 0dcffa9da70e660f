#include "ops/integer/norm.h"

#include "base/errors.h"

namespace octavo {

namespace {

constexpr int kWidest = 16'384;
constexpr int kNormalBits = 9;                              // a normalized integer is below width · 2^9
constexpr std::int64_t kHalfRange = std::int64_t{1} << 29;  // gain times that, and the bias, stay below
constexpr IntegerRange kShifts{1, 22};

}  // namespace

IntegerNorm IntegerNorm::load(TensorSource& source, const std::string& name, int width) {
  if (width > kWidest) {
    throw Error(name + ": rows of " + std::to_string(width) + "; integer precision takes at most " +
                std::to_string(kWidest));
  }
  const auto size = static_cast<std::size_t>(width);
  const std::int64_t most = (kHalfRange - 1) / (std::int64_t{width} << kNormalBits);
  IntegerNorm norm;
  const std::int16_t* gain = load_s16(source, name + ".weight", size, {-most, most});
  norm.gain_.assign(gain, gain + size);
  const std::int32_t* bias = load_s32(source, name + ".bias", size, {1 - kHalfRange, kHalfRange - 1});
  norm.bias_.assign(bias, bias + size);
  norm.shift_ = *load_s8(source, name + ".shift", 1, kShifts);
  return norm;
}

ProductInput IntegerNorm::apply(const std::int16_t* x, int rows, const IntegerSite& site,
                                Workspace& workspace) const {
  workspace.kernels->l1_norm({.x = x,
                              .rows = rows,
                              .n = site.width,
                              .gain = gain_.data(),
                              .bias = bias_.data(),
                              .shift = shift_,
                              .output = site.ensure(rows, workspace.quantized),
                              .output_stride = site.stride()});
  return site.stored(rows, workspace.quantized);
}

}  // namespace octavo
