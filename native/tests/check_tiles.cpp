// The products on tile registers, over tiles in plain loops, on every CPU: every sum comes out once and
// right, at every edge of tiles, blocks and panels.

#define OCTAVO_TIER testing

#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "expect.h"
#include "kernels/panels.h"
#include "kernels/tiles/block_sums.h"
#include "kernels/tiles/software_tiles.h"
#include "product_bytes.h"

namespace octavo::testing {

namespace {

constexpr PanelLayout kLayout{.columns = tiles::kPanelColumns, .group = 4};

struct Shape {
  int rows;
  int inner;
  int columns;

  std::string text() const {
    return std::to_string(rows) + " rows of " + std::to_string(inner) + " to " + std::to_string(columns);
  }
};

class Check {
 public:
  Check() : random_(3), bytes_(kLayout, random_) {}

  void run(const Shape& shape, Bytes kind) {
    bytes_.prepare(shape.rows, shape.inner, shape.columns, random_.integer(0, 9), kind);
    start_.resize(bytes_.padded_columns());
    for (std::int32_t& start : start_) start = random_.integer(-1000, 1000);
    found_.assign(static_cast<std::size_t>(shape.rows * shape.columns), 0);
    times_.assign(found_.size(), 0);
    tiles::for_each_block_of_sums<Tiles>({.input = bytes_.input(),
                                          .input_stride = bytes_.input_stride(),
                                          .rows = shape.rows,
                                          .inner = shape.inner,
                                          .columns = shape.columns,
                                          .weight = bytes_.packed(),
                                          .start = start_.data()},
                                         [&](int row, int rows, int column, const std::int32_t* sums,
                                             int width) { take(shape, row, rows, column, sums, width); });
    verify(shape);
  }

 private:
  void take(const Shape& shape, int row, int rows, int column, const std::int32_t* sums, int width) {
    expect(row >= 0 && row + rows <= shape.rows, shape.text() + ": no rows but those that there are");
    for (int r = row; r < row + rows; ++r, sums += width) {
      for (int c = 0; c < width && column + c < shape.columns; ++c) {
        const auto place = static_cast<std::size_t>(r * shape.columns + column + c);
        found_[place] = sums[c];
        ++times_[place];
      }
    }
  }

  void verify(const Shape& shape) const {
    for (int row = 0; row < shape.rows; ++row) {
      for (int column = 0; column < shape.columns; ++column) {
        const auto place = static_cast<std::size_t>(row * shape.columns + column);
        const auto start = start_[static_cast<std::size_t>(column)];
        const auto expected = bytes_.sum(row, static_cast<std::size_t>(column)) + start;
        const std::string where =
            shape.text() + ": row " + std::to_string(row) + ", column " + std::to_string(column);
        expect(times_[place] == 1,
               where + " comes out once, not " + std::to_string(times_[place]) + " times");
        expect(found_[place] == static_cast<std::int32_t>(expected), where + " is the sum of its products");
      }
    }
  }

  Random random_;
  ProductBytes bytes_;
  GuardedArray<std::int32_t> start_;
  std::vector<std::int32_t> found_;
  std::vector<int> times_;
};

void check_edges() {
  Check check;
  std::size_t turn = 0;
  const auto run = [&](const Shape& shape) { check.run(shape, kBytes[turn++ % kBytes.size()]); };
  for (const int rows : {1, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 97}) {
    for (const int inner : {1, 3, 4, 60, 63, 64, 65, 67, 68, 127, 128, 129, 192}) {
      run({rows, inner, 33});
    }
    for (const int columns : {1, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 96, 97, 128, 129}) {
      run({rows, 70, columns});
    }
  }
  for (const Bytes kind : kBytes) check.run({33, 65535, 33}, kind);
}

}  // namespace

}  // namespace octavo::testing

int main() {
  using namespace octavo::testing;
  try {
    check_edges();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "FAILED: %s\n", error.what());
    return 1;
  }
  std::printf("products on tiles are right at every edge\n");
  return 0;
}
