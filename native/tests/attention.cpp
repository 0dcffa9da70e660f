#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "checked_output.h"
#include "kernel_checks.h"
#include "kernels/tiers.h"
#include "values.h"

namespace octavo::testing {

namespace {

struct AttendShape {
  int count;
  int heads;
  int head_dim;
};

std::vector<AttendShape> attend_shapes() {
  std::vector<AttendShape> shapes;
  for (const int head_dim : lengths()) {
    for (const int count : {1, 2, 7, 15, 16, 17, 33}) shapes.push_back({count, 1 + head_dim % 3, head_dim});
  }
  for (int count = 1; count <= 40; ++count) {
    for (const int head_dim : {5, 16, 64, 128}) shapes.push_back({count, 2, head_dim});
  }
  for (const int count : {63, 64, 65, 127, 128, 129, 300}) shapes.push_back({count, 3, 64});
  return shapes;
}

class AttendCheck {
 public:
  AttendCheck(const KernelTable& kernels, Random random) : kernels_(kernels), random_(random) {}

  int run() {
    int calls = 0;
    for (const AttendShape& shape : attend_shapes()) {
      for (const Values kind : kFiniteValues) {
        compare(shape, kind);
        ++calls;
      }
    }
    return calls;
  }

 private:
  void compare(const AttendShape& shape, Values kind) {
    const int gap = random_.chance() ? random_.integer(1, 7) : 0;
    const std::string call =
        describe("attend", kernels_.name, " count=", shape.count, " heads=", shape.heads,
                 " head_dim=", shape.head_dim, " value_gap=", gap, " values=", name_of(kind));
    const int width = shape.heads * shape.head_dim;
    scatter_rows(shape, width + gap, kind);
    query_.resize(static_cast<std::size_t>(width));
    fill({query_.data(), query_.size()}, kind, random_);
    scores_.resize(round_up(static_cast<std::size_t>(shape.count), 16));
    output_.shape(1, width, width);
    AttendRow job{.query = query_.data(),
                  .rows = rows_.data(),
                  .count = shape.count,
                  .value_offset = width + gap,
                  .heads = shape.heads,
                  .head_dim = shape.head_dim,
                  .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(shape.head_dim))),
                  .scores = scores_.data(),
                  .output = output_.expected()};
    reference::table().attend(job);
    // Scratch from an earlier call must not count.
    std::fill(scores_.begin(), scores_.end(), std::numeric_limits<float>::quiet_NaN());
    job.output = output_.actual();
    kernels_.attend(job);
    output_.verify(call, "output");
  }

  /// Keys and values in a shuffled order and with NaN between; the last in memory ends at the guard.
  void scatter_rows(const AttendShape& shape, int value_offset, Values kind) {
    const auto count = static_cast<std::size_t>(shape.count);
    const std::size_t width =
        static_cast<std::size_t>(shape.heads) * static_cast<std::size_t>(shape.head_dim);
    const std::size_t used = static_cast<std::size_t>(value_offset) + width;
    const std::size_t stride = used + 3;
    pool_.resize((count - 1) * stride + used);
    std::fill(pool_.begin(), pool_.end(), std::numeric_limits<float>::quiet_NaN());
    rows_.resize(count);
    for (std::size_t j = 0; j < count; ++j) {
      float* row = pool_.data() + j * stride;
      fill({row, width}, kind, random_);
      fill({row + value_offset, width}, kind, random_);
      rows_[j] = row;
    }
    for (std::size_t j = count; j > 1; --j) {
      std::swap(rows_[j - 1], rows_[static_cast<std::size_t>(random_.integer(0, static_cast<int>(j) - 1))]);
    }
  }

  const KernelTable& kernels_;
  Random random_;
  GuardedArray<float> pool_;
  GuardedArray<const float*> rows_;
  GuardedArray<float> query_;
  GuardedArray<float> scores_;
  CheckedOutput<float> output_;
};

}  // namespace

int check_attend(const KernelTable& kernels, Random random) { return AttendCheck(kernels, random).run(); }

}  // namespace octavo::testing
