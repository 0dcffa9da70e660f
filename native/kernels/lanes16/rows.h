#pragma once

#include <cstdint>

#include "kernels/lanes16/for_each_vector.h"
#include "kernels/lanes16/functions.h"
#include "kernels/lanes16/several.h"
#include "kernels/logarithm.h"

namespace octavo::lanes16 {

constexpr int kSideBySide = 4;  // vectors of logits

template <class V>
void quantize_rows(const float* x, std::ptrdiff_t stride, int rows, int n, std::uint8_t* output,
                   std::ptrdiff_t output_stride, float* row_scale) {
  for (int row = 0; row < rows; ++row, x += stride, output += output_stride) {
    V magnitude = V::all(0.0f);
    for_each_vector<V>(
        n, [&](int i, int count) { magnitude = V::max(V::abs(load<V>(x + i, count)), magnitude); });
    const float largest = magnitude.largest();
    const bool tiny = largest < 1e-30f;
    row_scale[row] = tiny ? 0.0f : largest / 127.0f;
    const V inverse = V::all(tiny ? 0.0f : 127.0f / largest);
    for_each_vector<V>(n, [&](int i, int count) {
      const V scaled = V::max(load<V>(x + i, count) * inverse, V::all(-127.0f));
      V::min(scaled, V::all(127.0f)).store_u8(output + i, count, 128);
    });
  }
}

template <class V>
void quantize_static(const float* x, std::ptrdiff_t stride, int rows, int n, const QuantizedRows& output) {
  for (std::ptrdiff_t row = 0; row < rows; ++row) {
    const float* values = x + row * stride;
    for_each_vector<V>(n, [&](int i, int count) {
      store_quantized(load<V>(values + i, count), load<V>(output.inverse + i, count), output, row, i, count);
    });
  }
}

/// Columns [i, i + count) of a row of n that a norm has made: as floats, as u8, or as both.
template <class V>
inline void store_normed(V value, std::ptrdiff_t row, int n, int i, int count, float* output,
                         const QuantizedRows& quantized) {
  if (output != nullptr) store(value, output + row * n + i, count);
  if (quantized.values != nullptr) {
    store_quantized(value, load<V>(quantized.inverse + i, count), quantized, row, i, count);
  }
}

template <class V>
void layer_norm(const float* x, int rows, int n, const float* weight, const float* bias, float epsilon,
                float* output, const QuantizedRows& quantized) {
  const float length = static_cast<float>(n);
  for (std::ptrdiff_t row = 0; row < rows; ++row, x += n) {
    V sum = V::all(0.0f);
    for_each_vector<V>(n, [&](int i, int count) { sum = sum + load<V>(x + i, count); });
    const V mean = V::all(sum.sum_tree() / length);
    V squares = V::all(0.0f);
    for_each_vector<V>(n, [&](int i, int count) {
      const V centred = V::first(load<V>(x + i, count) - mean, count);
      squares = V::fma(centred, centred, squares);
    });
    const V inverse = V::all(V::inverse_square_root(squares.sum_tree() / length + epsilon));
    for_each_vector<V>(n, [&](int i, int count) {
      const V centred = (load<V>(x + i, count) - mean) * inverse;
      const V value = V::fma(centred, load<V>(weight + i, count), load<V>(bias + i, count));
      store_normed(value, row, n, i, count, output, quantized);
    });
  }
}

template <class V>
void rms_norm(const float* x, int rows, int n, const float* weight, float epsilon, float* output,
              const QuantizedRows& quantized) {
  const float length = static_cast<float>(n);
  for (std::ptrdiff_t row = 0; row < rows; ++row, x += n) {
    V squares = V::all(0.0f);
    for_each_vector<V>(n, [&](int i, int count) {
      const V value = load<V>(x + i, count);
      squares = V::fma(value, value, squares);
    });
    const V inverse = V::all(V::inverse_square_root(squares.sum_tree() / length + epsilon));
    for_each_vector<V>(n, [&](int i, int count) {
      const V value = (load<V>(x + i, count) * inverse) * load<V>(weight + i, count);
      store_normed(value, row, n, i, count, output, quantized);
    });
  }
}

template <class V>
void ssru(const SsruStep& step) {
  const V one = V::all(1.0f);
  for (std::ptrdiff_t row = 0; row < step.rows; ++row) {
    const float* candidate = step.candidate + row * step.width;
    const float* forget = step.forget + row * step.width;
    float* state = step.states[row];
    float* x = step.x + row * step.x_stride;
    for_each_vector<V>(step.width, [&](int i, int count) {
      const V f = one / (one + exponential(V::negate(load<V>(forget + i, count))));
      const V next = V::fma(f, load<V>(state + i, count), (one - f) * load<V>(candidate + i, count));
      store(next, state + i, count);
      store(load<V>(x + i, count) + V::max(next, V::all(0.0f)), x + i, count);
    });
  }
}

template <class V>
void embed_f32(const float* row, const float* position, int n, float scale, float* output) {
  for_each_vector<V>(n, [&](int i, int count) {
    store(V::fma(load<V>(row + i, count), V::all(scale), load<V>(position + i, count)), output + i, count);
  });
}

template <class V>
void embed_s8(const std::int8_t* row, float row_scale, const float* position, int n, float scale,
              float* output) {
  for_each_vector<V>(n, [&](int i, int count) {
    const V value = V::load_s8(row + i, count) * V::all(row_scale);
    store(V::fma(value, V::all(scale), load<V>(position + i, count)), output + i, count);
  });
}

template <class V>
float dequantize(const std::int32_t* x, int n, float inverse, float* output) {
  const float first = static_cast<float>(x[0]) * inverse;
  V found = V::all(first);
  for_each_vector<V>(n, [&](int i, int count) {
    const V value = V::load_s32(x + i, count) * V::all(inverse);
    store(value, output + i, count);
    found = V::max(count == V::kLanes ? value : V::where((1u << count) - 1u, value, first), found);
  });
  return found.largest();
}

template <class V>
float largest(const float* x, int n) {
  using Block = Several<V, kSideBySide>;
  Block block = Block::all(x[0]);
  int i = 0;
  for (; i + Block::kLanes <= n; i += Block::kLanes) block = Block::max(Block::load(x + i), block);
  V found = block.part[0];
  for (const V& part : block.part) found = V::max(part, found);
  for_each_vector<V>(n - i, [&](int j, int count) {
    // A short vector repeats the first element rather than offer the zeros of its missing lanes.
    const float* values = x + i + j;
    found = V::max(count == V::kLanes ? V::load(values) : V::load_first_or(values, count, x[0]), found);
  });
  return found.largest();
}

template <class V>
float log_sum_exp(const float* x, int n, float largest) {
  using Block = Several<V, kSideBySide>;
  V sum = V::all(0.0f);
  int i = 0;
  for (; i + Block::kLanes <= n; i += Block::kLanes) {
    const Block terms = exponential(Block::load(x + i) - Block::all(largest));
    for (const V& part : terms.part) sum = sum + part;
  }
  for_each_vector<V>(n - i, [&](int j, int count) {
    sum = sum + V::first(exponential(load<V>(x + i + j, count) - V::all(largest)), count);
  });
  return largest + logarithm(sum.sum_tree());
}

template <class V>
int top_k(const float* x, int n, int first, int k, int found, ScoredToken* best) {
  float bar = found == k ? best[k - 1].logit : V::kLowest;  // a candidate must be larger
  const auto offer = [&](int index) {
    const float logit = x[index];
    if (!(logit > bar)) return;
    int place = found;
    while (place > 0 && logit > best[place - 1].logit) --place;
    found += found < k ? 1 : 0;
    for (int i = found - 1; i > place; --i) best[i] = best[i - 1];
    best[place] = {logit, first + index};
    if (found == k) bar = best[k - 1].logit;
  };
  for_each_vector<V>(n, [&](int i, int count) {
    const V value = count == V::kLanes ? V::load(x + i) : V::load_first_or(x + i, count, V::kLowest);
    for (unsigned above = V::lanes_above(value, V::all(bar)); above != 0; above &= above - 1) {
      offer(i + __builtin_ctz(above));
    }
  });
  return found;
}

}  // namespace octavo::lanes16
