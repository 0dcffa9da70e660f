#include "model/output_projection.h"

namespace octavo {

LogitRow LogitRows::row(std::size_t i) const {
  const std::size_t offset = i * static_cast<std::size_t>(count_);
  if (integers_ != nullptr)
    return {floats_, kernels_->dequantize(integers_ + offset, count_, step_, floats_)};
  return {floats_ + offset, kernels_->largest(floats_ + offset, count_)};
}

int OutputProjection::outputs() const {
  return std::visit([](const auto& product) { return product.outputs(); }, product_);
}

void OutputProjection::apply_to(int first, int count, const ProductInput& states, float* logits,
                                Workspace& workspace) const {
  if (const auto* product = std::get_if<Linear>(&product_)) {
    product->apply_to(first, count, states, logits, workspace);
    return;
  }
  const auto size = static_cast<std::size_t>(states.rows) * static_cast<std::size_t>(count);
  std::int32_t* integers = workspace.integer_logits.ensure(size);
  std::get<IntegerLinear>(product_).apply_to(first, count, states, integers, workspace);
  workspace.kernels->dequantize(integers, static_cast<int>(size), step_, logits);
}

LogitRows OutputProjection::rows_of(int first, int count, const ProductInput& states,
                                    Workspace& workspace) const {
  const auto size = static_cast<std::size_t>(states.rows) * static_cast<std::size_t>(count);
  if (const auto* product = std::get_if<Linear>(&product_)) {
    float* logits = workspace.logits.ensure(size);
    product->apply_to(first, count, states, logits, workspace);
    return {logits, count, *workspace.kernels};
  }
  std::int32_t* integers = workspace.integer_logits.ensure(size);
  std::get<IntegerLinear>(product_).apply_to(first, count, states, integers, workspace);
  float* room = workspace.logits.ensure(static_cast<std::size_t>(count));
  return {integers, count, step_, room, *workspace.kernels};
}

void OutputProjection::select(std::span<const std::int32_t> tokens, OutputProjection& selected) const {
  selected.step_ = step_;
  std::visit(
      [&](const auto& product) {
        using Product = std::remove_cvref_t<decltype(product)>;
        if (!std::holds_alternative<Product>(selected.product_)) selected.product_.emplace<Product>();
        product.select(tokens, std::get<Product>(selected.product_));
      },
      product_);
}

}  // namespace octavo
