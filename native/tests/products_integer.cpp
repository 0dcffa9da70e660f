#include <algorithm>
#include <array>
#include <limits>
#include <sstream>
#include <string>
#include <utility>

#include "checked_output.h"
#include "kernel_checks.h"
#include "kernels/integer_kernels.h"
#include "kernels/registry.h"
#include "product_bytes.h"
#include "values.h"

namespace octavo::testing {

namespace {

using Limits = std::numeric_limits<std::int32_t>;

enum class Target { bytes_around_128, bytes_relu, residual, wide };
/// Where a column's sums lie in the range that int32 leaves for them.
enum class Sums { lowest, highest, centred, anywhere };
enum class Multipliers { smallest, largest, any };
enum class Shifts { smallest, largest, any };

constexpr std::array kTargets{Target::bytes_around_128, Target::bytes_relu, Target::residual, Target::wide};
constexpr std::array kTargetNames{"u8 around 128", "u8 from 0", "residual", "int32"};

struct IntegerShape {
  int rows = 1;
  int inner = 1;
  int columns = 1;
  Target target = Target::wide;
  int left = 0;  // at most, in any column: sums may leave less room
  int input_gap = 0;
  int output_gap = 0;
  Sums sums = Sums::anywhere;
  Multipliers multipliers = Multipliers::any;
  Shifts shifts = Shifts::any;

  std::string text() const {
    static constexpr std::array kSums{"lowest", "highest", "centred", "anywhere"};
    static constexpr std::array kEnds{"smallest", "largest", "any"};
    std::ostringstream text;
    text << " rows=" << rows << " inner=" << inner << " columns=" << columns << " gaps=" << input_gap << ","
         << output_gap << " output=" << kTargetNames[static_cast<std::size_t>(target)]
         << " sums=" << kSums[static_cast<std::size_t>(sums)]
         << " multipliers=" << kEnds[static_cast<std::size_t>(multipliers)]
         << " shifts=" << kEnds[static_cast<std::size_t>(shifts)];
    return text.str();
  }
};

std::int32_t any_multiplier(Multipliers kind, Random& random) {
  if (kind == Multipliers::smallest) return 1 << 30;
  if (kind == Multipliers::largest) return Limits::max();
  return random.integer(1 << 30, Limits::max());
}

std::int32_t any_shift(Shifts kind, Random& random) {
  if (kind == Shifts::smallest) return 1;
  return kind == Shifts::largest ? 22 : random.integer(1, 22);
}

std::int16_t any_residual(Random& random) {
  const int kind = random.integer(0, 3);
  if (kind == 0) return 32767;
  return kind == 1 ? -32767 : static_cast<std::int16_t>(random.integer(-32767, 32767));
}

/// Operands of one product in guarded memory; what is padded holds what must not count.
class IntegerOperands {
 public:
  IntegerOperands(const KernelTable& kernels, Random& random)
      : random_(random), bytes_(kernels.linear_s8.layout, random) {}

  void prepare(const IntegerShape& shape, Bytes bytes) {
    shape_ = shape;
    bytes_.prepare(shape.rows, shape.inner, shape.columns, shape.input_gap, bytes);
    prepare_start();
    prepare_factors();
    prepare_output();
  }

  std::string text() const { return " left=" + std::to_string(shape_.left); }
  IntegerProduct for_reference() const {
    return product(bytes_.weight(),
                   target(output_u8_.expected(), output_s16_.expected(), output_s32_.expected()));
  }
  IntegerProduct for_subject() const {
    return product(bytes_.packed(), target(output_u8_.actual(), output_s16_.actual(), output_s32_.actual()));
  }
  void verify(const std::string& call) const {
    switch (shape_.target) {
      case Target::residual: return output_s16_.verify(call, "residual");
      case Target::wide: return output_s32_.verify(call, "int32 output");
      default: return output_u8_.verify(call, "u8 output");
    }
  }

 private:
  /// The least and the largest Σ q · w of a column.
  std::pair<std::int64_t, std::int64_t> range(std::size_t column) const {
    std::int64_t least = bytes_.sum(0, column), largest = least;
    for (int row = 1; row < shape_.rows; ++row) {
      const std::int64_t sum = bytes_.sum(row, column);
      least = std::min(least, sum);
      largest = std::max(largest, sum);
    }
    return {least, largest};
  }

  /// Starts with which no sum of a column leaves int32 when shifted by `left`: first > second if there are
  /// none.
  static std::pair<std::int64_t, std::int64_t> starts(std::pair<std::int64_t, std::int64_t> sums, int left) {
    return {std::max<std::int64_t>((Limits::min() >> left) - sums.first, Limits::min()),
            std::min<std::int64_t>((Limits::max() >> left) - sums.second, Limits::max())};
  }

  void prepare_start() {
    const auto columns = static_cast<std::size_t>(shape_.columns);
    std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
    for (std::size_t column = 0; column < columns; ++column) ranges.push_back(range(column));
    left_.resize(bytes_.padded_columns());
    std::fill(left_.begin(), left_.end(), 0x5a5a5a5a);
    start_.resize(bytes_.padded_columns());
    std::fill(start_.begin(), start_.end(), 0x5a5a5a5a);
    for (std::size_t column = 0; column < columns; ++column) {
      left_[column] = random_.chance() ? shape_.left : random_.integer(0, shape_.left);
      while (starts(ranges[column], left_[column]).first > starts(ranges[column], left_[column]).second) {
        --left_[column];
      }
      start_[column] = static_cast<std::int32_t>(choose_start(ranges[column], left_[column]));
    }
  }

  std::int64_t choose_start(const std::pair<std::int64_t, std::int64_t>& sums, int left) {
    const auto [lowest, highest] = starts(sums, left);
    switch (shape_.sums) {
      case Sums::lowest: return lowest;
      case Sums::highest: return highest;
      case Sums::centred: return std::clamp(-(sums.first + sums.second) / 2, lowest, highest);
      case Sums::anywhere: break;
    }
    return random_.integer(static_cast<int>(lowest), static_cast<int>(highest));
  }

  void prepare_factors() {
    const auto columns = static_cast<std::size_t>(shape_.columns);
    multiplier_.resize(bytes_.padded_columns());
    shift_.resize(bytes_.padded_columns());
    std::fill(multiplier_.begin(), multiplier_.end(), 0x5a5a5a5a);
    std::fill(shift_.begin(), shift_.end(), 0x5a5a5a5a);
    for (std::size_t column = 0; column < columns; ++column) {
      multiplier_[column] = any_multiplier(shape_.multipliers, random_);
      shift_[column] = any_shift(shape_.shifts, random_);
    }
  }

  void prepare_output() {
    output_u8_.shape(shape_.rows, shape_.columns, stride());
    output_s16_.shape(shape_.rows, shape_.columns, stride());
    output_s32_.shape(shape_.rows, shape_.columns, stride());
    if (shape_.target != Target::residual) return;
    for (std::size_t row = 0; row < static_cast<std::size_t>(shape_.rows); ++row) {
      for (std::size_t column = 0; column < static_cast<std::size_t>(shape_.columns); ++column) {
        output_s16_.preset(row, column, any_residual(random_));
      }
    }
  }

  std::ptrdiff_t stride() const { return shape_.columns + shape_.output_gap; }

  IntegerTarget target(std::uint8_t* bytes, std::int16_t* residual, std::int32_t* wide) const {
    IntegerTarget made;
    made.stride = stride();
    switch (shape_.target) {
      case Target::bytes_around_128: made.bytes = bytes; break;
      case Target::bytes_relu:
        made.bytes = bytes;
        made.zero_point = 0;
        break;
      case Target::residual: made.residual = residual; break;
      case Target::wide: made.wide = wide; break;
    }
    return made;
  }

  IntegerProduct product(const std::int8_t* weight, const IntegerTarget& target) const {
    return {.input = bytes_.input(),
            .input_stride = bytes_.input_stride(),
            .rows = shape_.rows,
            .inner = shape_.inner,
            .columns = shape_.columns,
            .weight = weight,
            .start = start_.data(),
            .factors = {.multiplier = multiplier_.data(),
                        .shift = shift_.data(),
                        .left = shape_.left == 0 ? nullptr : left_.data()},
            .target = target};
  }

  Random& random_;
  ProductBytes bytes_;
  IntegerShape shape_;
  GuardedArray<std::int32_t> start_;
  GuardedArray<std::int32_t> multiplier_;
  GuardedArray<std::int32_t> shift_;
  GuardedArray<std::int32_t> left_;
  CheckedOutput<std::uint8_t> output_u8_;
  CheckedOutput<std::int16_t> output_s16_;
  CheckedOutput<std::int32_t> output_s32_;
};

template <class Kind>
Kind any_of(Random& random, int last) {
  return static_cast<Kind>(random.integer(0, last));
}

IntegerShape with_random_ending(IntegerShape shape, Random& random) {
  shape.target = any_of<Target>(random, 3);
  shape.left = random.chance() ? random.integer(1, 8) : 0;
  shape.input_gap = random.chance() ? random.integer(1, 9) : 0;
  shape.output_gap = random.chance() ? random.integer(1, 9) : 0;
  shape.sums = any_of<Sums>(random, 3);
  shape.multipliers = any_of<Multipliers>(random, 2);
  shape.shifts = any_of<Shifts>(random, 2);
  return shape;
}

int any_length(Random& random) {
  return lengths()[static_cast<std::size_t>(random.integer(0, static_cast<int>(lengths().size()) - 1))];
}

/// Every target, with and without a shift to the left, at the edges of tiles and vectors, sums at their ends.
void add_every_ending(std::vector<IntegerShape>& shapes, Random& random) {
  for (const Target target : kTargets) {
    for (const int left : {0, 1, 8}) {
      for (const Sums sums : {Sums::lowest, Sums::highest, Sums::centred}) {
        for (const int rows : {1, 5, 6, 7, 13}) {
          for (const int columns : {1, 15, 16, 17, 63, 64, 65}) {
            IntegerShape shape = with_random_ending({.rows = rows, .inner = 6, .columns = columns}, random);
            shape.target = target;
            shape.left = left;
            shape.sums = sums;
            shapes.push_back(shape);
          }
        }
      }
    }
  }
}

std::vector<IntegerShape> integer_shapes(Random& random) {
  std::vector<IntegerShape> shapes;
  for (int rows = 1; rows <= 13; ++rows) {
    for (const int n : lengths()) {
      shapes.push_back(with_random_ending({.rows = rows, .inner = any_length(random), .columns = n}, random));
      shapes.push_back(with_random_ending({.rows = rows, .inner = n, .columns = any_length(random)}, random));
    }
  }
  add_every_ending(shapes, random);
  for (const int rows : {15, 16, 17, 18, 19, 31, 32, 33, 47, 48, 49, 64, 65, 66, 97}) {
    for (const int columns : {1, 32, 33, 130}) {
      shapes.push_back(
          with_random_ending({.rows = rows, .inner = any_length(random), .columns = columns}, random));
    }
  }
  for (int repeat = 0; repeat < 12; ++repeat) {
    shapes.push_back(
        with_random_ending({.rows = 7 + 7 * (repeat % 2), .inner = 65535, .columns = 19}, random));
  }
  return shapes;
}

}  // namespace

int check_integer_s8(const KernelTable& kernels, Random random) {
  IntegerOperands operands(kernels, random);
  int calls = 0;
  for (const IntegerShape& shape : integer_shapes(random)) {
    const Bytes bytes = kBytes[static_cast<std::size_t>(calls++) % kBytes.size()];
    operands.prepare(shape, bytes);
    const std::string call =
        describe("integer_s8", kernels.name, shape.text(), operands.text(), " bytes=", name_of(bytes));
    reference_kernels().linear_s8.integer(operands.for_reference());
    kernels.linear_s8.integer(operands.for_subject());
    operands.verify(call);
  }
  return calls;
}

}  // namespace octavo::testing
