#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "checked_output.h"
#include "kernel_checks.h"
#include "kernels/tiers.h"
#include "quantized_target.h"
#include "values.h"

namespace octavo::testing {

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct AttendShape {
  int count;
  int heads;
  int head_dim;
};

/// What is u8; the rest is floats.
struct AttendMode {
  bool keys;
  bool values;
  bool output;
};

std::vector<AttendShape> attend_shapes() {
  std::vector<AttendShape> shapes;
  for (const int head_dim : lengths()) {
    for (const int count : {1, 2, 7, 15, 16, 17, 33}) shapes.push_back({count, 1 + head_dim % 3, head_dim});
  }
  for (int count = 1; count <= 40; ++count) {
    for (const int head_dim : {5, 16, 32, 64, 80, 128}) shapes.push_back({count, 2, head_dim});
  }
  for (const int count : {63, 64, 65, 127, 128, 129, 300}) shapes.push_back({count, 3, 64});
  return shapes;
}

/// Bytes in place of floats of a kind: anything, the ends of the range, or all zero, which is 128.
void fill_u8(std::uint8_t* x, std::size_t count, Values kind, Random& random) {
  const bool ends = kind == Values::wide || kind == Values::special;
  const auto one = static_cast<std::uint8_t>(random.bits());
  std::generate_n(x, count, [&]() -> std::uint8_t {
    if (kind == Values::zeros) return 128;
    if (kind == Values::equal) return one;
    if (ends) return random.chance() ? 255 : 0;
    return static_cast<std::uint8_t>(random.bits());
  });
}

class AttendCheck {
 public:
  AttendCheck(const KernelTable& kernels, Random random) : kernels_(kernels), random_(random) {}

  int run() {
    int calls = 0;
    for (const AttendShape& shape : attend_shapes()) {
      for (unsigned bits = 0; bits < 8; ++bits, ++calls) {
        const auto turn = static_cast<std::size_t>(calls) / 8 + bits;
        compare(shape, {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0},
                kFiniteValues[turn % kFiniteValues.size()]);
      }
    }
    return calls;
  }

 private:
  void compare(const AttendShape& shape, AttendMode mode, Values kind) {
    const int width = shape.heads * shape.head_dim;
    shape_ = shape;
    mode_ = mode;
    scatter_rows(kind);
    prepare_query(kind);
    prepare_scales();
    output_.shape(1, width, width);
    quantized_.prepare(1, width, static_cast<std::size_t>(width), 0, random_);
    const std::string call = describe(
        "attend", kernels_.name, " count=", shape.count, " heads=", shape.heads, " head_dim=", shape.head_dim,
        " keys=", mode.keys ? "u8" : "floats", " kept values=", mode.values ? "u8" : "floats",
        " output=", mode.output ? "u8" : "floats", mode.output ? quantized_.text() : "",
        " value_offset=", value_offset_, " values=", name_of(kind));
    reference::table().attend(job(output_.expected(), quantized_.for_reference()));
    kernels_.attend(job(output_.actual(), quantized_.for_subject()));
    output_.verify(call, "output");
    quantized_.verify(call);
  }

  AttendRow job(float* output, const QuantizedRows& quantized) {
    // Scratch from an earlier call must not count.
    scores_.resize(round_up(static_cast<std::size_t>(shape_.count), 16));
    std::fill(scores_.begin(), scores_.end(), kNan);
    weights_.resize(round_up(static_cast<std::size_t>(shape_.count), 64));
    std::fill(weights_.begin(), weights_.end(), std::uint8_t{0xff});
    return {.query = mode_.keys ? nullptr : query_.data(),
            .query_u8 = mode_.keys ? query_u8_.data() : nullptr,
            .rows = rows_.data(),
            .count = shape_.count,
            .value_offset = value_offset_,
            .heads = shape_.heads,
            .head_dim = shape_.head_dim,
            .keys_u8 = mode_.keys,
            .values_u8 = mode_.values,
            .score_scale = score_scale_.data(),
            .value_scale = mode_.values ? value_scale_.data() : nullptr,
            .scores = scores_.data(),
            .weights = mode_.values ? weights_.data() : nullptr,
            .output = mode_.output ? nullptr : output,
            .quantized = mode_.output ? quantized : QuantizedRows{}};
  }

  void prepare_query(Values kind) {
    query_.resize(width());
    fill({query_.data(), query_.size()}, kind, random_);
    query_u8_.resize(width());
    fill_u8(query_u8_.data(), query_u8_.size(), kind, random_);
  }

  /// Scales that spread the weights of several keys; now and then 0, huge or tiny ones.
  void prepare_scales() {
    const auto heads = static_cast<std::size_t>(shape_.heads);
    const float factor = 1.0f / std::sqrt(static_cast<float>(shape_.head_dim));
    score_scale_.resize(heads);
    value_scale_.resize(heads);
    for (std::size_t head = 0; head < heads; ++head) {
      score_scale_[head] = factor * (mode_.keys ? (1.5f + random_.unit()) * 2e-4f : 1.0f);
      value_scale_[head] = (1.5f + random_.unit()) / 64.0f;
    }
    if (random_.integer(0, 15) == 0) score_scale_[0] = random_.chance() ? 0.0f : random_.any_finite();
    if (random_.integer(0, 15) == 0) value_scale_[0] = random_.chance() ? 0.0f : random_.any_finite();
  }

  /// Keys and values in a shuffled order and with NaN between; the last in memory, key or value, ends at the
  /// guard. Floats are aligned, bytes anywhere.
  void scatter_rows(Values kind) {
    const auto count = static_cast<std::size_t>(shape_.count);
    const std::size_t key_bytes = width() * (mode_.keys ? 1 : sizeof(float));
    const std::size_t value_bytes = width() * (mode_.values ? 1 : sizeof(float));
    const std::size_t unit = mode_.keys && mode_.values ? 1 : sizeof(float);
    const bool values_first = random_.chance();
    const std::size_t gap = unit * static_cast<std::size_t>(random_.chance() ? random_.integer(1, 7) : 0);
    const std::size_t second = round_up(values_first ? value_bytes : key_bytes, unit) + gap;
    const std::size_t used = round_up(second + (values_first ? key_bytes : value_bytes), unit);
    const std::size_t stride = used + 3 * unit;
    value_offset_ = values_first ? -static_cast<std::ptrdiff_t>(second) : static_cast<std::ptrdiff_t>(second);
    pool_.resize((count - 1) * stride + used);
    std::fill(pool_.begin(), pool_.end(), std::byte{0xff});
    rows_.resize(count);
    for (std::size_t j = 0; j < count; ++j) {
      std::byte* key = pool_.data() + j * stride + (values_first ? second : 0);
      fill_part(key, mode_.keys, kind);
      fill_part(key + value_offset_, mode_.values, kind);
      rows_[j] = key;
    }
    for (std::size_t j = count; j > 1; --j) {
      std::swap(rows_[j - 1], rows_[static_cast<std::size_t>(random_.integer(0, static_cast<int>(j) - 1))]);
    }
  }

  void fill_part(std::byte* part, bool u8, Values kind) {
    if (u8) {
      fill_u8(reinterpret_cast<std::uint8_t*>(part), width(), kind, random_);
    } else {
      fill({reinterpret_cast<float*>(part), width()}, kind, random_);
    }
  }

  std::size_t width() const {
    return static_cast<std::size_t>(shape_.heads) * static_cast<std::size_t>(shape_.head_dim);
  }

  const KernelTable& kernels_;
  Random random_;
  AttendShape shape_{};
  AttendMode mode_{};
  std::ptrdiff_t value_offset_ = 0;
  GuardedArray<std::byte> pool_;
  GuardedArray<const std::byte*> rows_;
  GuardedArray<float> query_;
  GuardedArray<std::uint8_t> query_u8_;
  GuardedArray<float> score_scale_;
  GuardedArray<float> value_scale_;
  GuardedArray<float> scores_;
  GuardedArray<std::uint8_t> weights_;
  CheckedOutput<float> output_;
  QuantizedTarget quantized_;
};

}  // namespace

int check_attend(const KernelTable& kernels, Random random) { return AttendCheck(kernels, random).run(); }

}  // namespace octavo::testing
