#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "kernel_checks.h"
#include "kernels/panels.h"
#include "kernels/registry.h"
#include "product_shapes.h"
#include "values.h"

namespace octavo::testing {

namespace {

constexpr std::array kKinds{Values::normal, Values::wide, Values::special, Values::normal, Values::zeros};

class ProductF32Check {
 public:
  ProductF32Check(const KernelTable& kernels, Random random) : kernels_(kernels), random_(random) {}

  int run() {
    int calls = 0;
    for (const ProductShape& shape : edge_shapes(random_)) {
      compare(shape, kKinds[static_cast<std::size_t>(calls) % kKinds.size()]);
      ++calls;
    }
    return calls;
  }

 private:
  void compare(const ProductShape& shape, Values kind) {
    prepare_input(shape, kind);
    prepare_weight(shape, kind);
    epilogue_.prepare(shape, padded_columns(kernels_.linear_f32.layout, shape.columns), random_);
    const std::string call =
        describe("product_f32", kernels_.name, shape.text(), epilogue_.text(), " values=", name_of(kind));
    reference_kernels().linear_f32.product(product(shape, weight_.data(), epilogue_.for_reference()));
    kernels_.linear_f32.product(product(shape, packed_.data(), epilogue_.for_subject()));
    epilogue_.verify(call);
  }

  void prepare_input(const ProductShape& shape, Values kind) {
    const auto inner = static_cast<std::size_t>(shape.inner);
    const std::size_t stride = inner + static_cast<std::size_t>(shape.input_gap);
    input_.resize((static_cast<std::size_t>(shape.rows) - 1) * stride + inner);
    std::fill(input_.begin(), input_.end(), std::numeric_limits<float>::quiet_NaN());
    for (std::size_t row = 0; row < static_cast<std::size_t>(shape.rows); ++row) {
      fill({input_.data() + row * stride, inner}, kind, random_);
    }
  }

  /// The reference's rows, and the panels packed from them in two parts.
  void prepare_weight(const ProductShape& shape, Values kind) {
    const PanelLayout& layout = kernels_.linear_f32.layout;
    const auto inner = static_cast<std::size_t>(shape.inner);
    weight_.resize(static_cast<std::size_t>(shape.columns) * inner);
    fill({weight_.data(), weight_.size()}, kind, random_);
    packed_.resize(packed_size(layout, shape.columns, shape.inner));
    std::fill(packed_.begin(), packed_.end(), 0.0f);
    const int first = shape.columns / 3;
    pack_panels(layout, weight_.data(), first, shape.inner, 0, packed_.data());
    pack_panels(layout, weight_.data() + static_cast<std::size_t>(first) * inner, shape.columns - first,
                shape.inner, first, packed_.data());
  }

  ProductF32 product(const ProductShape& shape, const float* weight, const Epilogue& epilogue) const {
    return {.input = input_.data(),
            .input_stride = shape.inner + shape.input_gap,
            .rows = shape.rows,
            .inner = shape.inner,
            .columns = shape.columns,
            .weight = weight,
            .epilogue = epilogue};
  }

  const KernelTable& kernels_;
  Random random_;
  GuardedArray<float> input_;
  GuardedArray<float> weight_;
  GuardedArray<float> packed_;
  EpilogueOperands epilogue_;
};

}  // namespace

int check_product_f32(const KernelTable& kernels, Random random) {
  return ProductF32Check(kernels, random).run();
}

}  // namespace octavo::testing
