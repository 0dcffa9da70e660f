#include "ops/inspection.h"

#include <utility>

namespace octavo {

void record(const std::string& name, const ProductS8& product, std::vector<float> row_scale,
            const LinearS8& kernels, Trace& trace) {
  const auto size = static_cast<std::size_t>(product.rows) * static_cast<std::size_t>(product.columns);
  ProductTrace entry{.name = name,
                     .rows = product.rows,
                     .inner = product.inner,
                     .columns = product.columns,
                     .input = {},
                     .row_scale = std::move(row_scale),
                     .sums = std::vector<std::int32_t>(size)};
  kernels.accumulate(product, entry.sums.data());
  for (std::ptrdiff_t row = 0; row < product.rows; ++row) {
    const std::uint8_t* input = product.input + row * product.input_stride;
    entry.input.insert(entry.input.end(), input, input + product.inner);
  }
  trace.push_back(std::move(entry));
}

}  // namespace octavo
