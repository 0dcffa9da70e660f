#include <algorithm>
#include <vector>

#include "checked_output.h"
#include "kernel_checks.h"
#include "kernels/registry.h"
#include "values.h"

namespace octavo::testing {

namespace {

class SsruCheck {
 public:
  SsruCheck(const KernelTable& kernels, Random random) : kernels_(kernels), random_(random) {}

  int run() {
    int calls = 0;
    for (const int n : lengths()) {
      for (const Values products : kFiniteValues) {
        for (const Values before : {Values::normal, Values::wide, Values::special}) {
          compare(1 + calls % 5, n, products, before);
          ++calls;
        }
      }
    }
    return calls;
  }

 private:
  /// Rows of one step, whose states lie apart and in another order.
  void compare(int rows, int n, Values products, Values before) {
    const auto size = static_cast<std::size_t>(rows) * static_cast<std::size_t>(n);
    const int stride = n + random_.integer(0, 5);
    fill({candidate_.resize(size), size}, products, random_);
    fill({forget_.resize(size), size}, products, random_);
    preset(states_, rows, n, n + random_.integer(0, 5), before);
    preset(x_, rows, n, stride, before);
    run_one(reference_kernels(), rows, n, stride, states_.expected(), x_.expected());
    run_one(kernels_, rows, n, stride, states_.actual(), x_.actual());
    const std::string call = describe("ssru", kernels_.name, " rows=", rows, " n=", n, " stride=", stride,
                                      " products=", name_of(products), " before=", name_of(before));
    states_.verify(call, "state");
    x_.verify(call, "x");
  }

  void preset(CheckedOutput<float>& output, int rows, int n, int stride, Values kind) {
    output.shape(rows, n, stride);
    std::vector<float> row(static_cast<std::size_t>(n));
    for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
      fill(row, kind, random_);
      for (std::size_t i = 0; i < row.size(); ++i) output.preset(r, i, row[i]);
    }
    state_stride_ = &output == &states_ ? stride : state_stride_;
  }

  void run_one(const KernelTable& kernels, int rows, int n, int stride, float* states, float* x) {
    std::vector<float*> of_row;
    for (std::ptrdiff_t r = rows; r-- > 0;) of_row.push_back(states + r * state_stride_);
    kernels.ssru({.rows = rows,
                  .width = n,
                  .candidate = candidate_.data(),
                  .forget = forget_.data(),
                  .states = of_row.data(),
                  .x = x,
                  .x_stride = stride});
  }

  const KernelTable& kernels_;
  Random random_;
  GuardedArray<float> candidate_;
  GuardedArray<float> forget_;
  CheckedOutput<float> states_;
  CheckedOutput<float> x_;
  std::ptrdiff_t state_stride_ = 0;
};

}  // namespace

int check_ssru(const KernelTable& kernels, Random random) { return SsruCheck(kernels, random).run(); }

}  // namespace octavo::testing
