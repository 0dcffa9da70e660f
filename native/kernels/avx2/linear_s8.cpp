#include "kernels/avx2/linear_s8.h"

#include "kernels/avx2/vector.h"
#include "kernels/lanes16/functions.h"
#include "kernels/lanes16/panels.h"

namespace octavo::avx2 {

namespace {

constexpr int kTileRows = 5;

/// What becomes of 16 sums of a row: the fused epilogue, or the bare sums.
template <bool HasRowScale>
struct Finish {
  const ProductS8& product;
  void operator()(int row, int column, __m256i low, __m256i high) const {
    F32x16 scale = F32x16::load(product.weight_scale + column);
    if constexpr (HasRowScale) scale = F32x16::all(product.row_scale[row]) * scale;
    const F32x16 bias =
        product.epilogue.bias != nullptr ? F32x16::load(product.epilogue.bias + column) : F32x16::all(0.0f);
    const F32x16 value = F32x16::fma(F32x16::from_s32(low, high), scale, bias);
    lanes16::finish(product.epilogue, row, column, product.columns - column, value);
  }
};

struct StoreSums {
  const ProductS8& product;
  std::int32_t* sums;
  void operator()(int row, int column, __m256i low, __m256i high) const {
    std::int32_t* target = sums + static_cast<std::ptrdiff_t>(row) * product.columns + column;
    const int count = product.columns - column;
    _mm256_maskstore_epi32(target, F32x16::first_lanes(count, 0), low);
    _mm256_maskstore_epi32(target + 8, F32x16::first_lanes(count, 8), high);
  }
};

/// Two bytes of a row as a pair of int16 in every lane. The bytes are widened, not multiplied as they are:
/// vpmaddubsw saturates at int16, vpmaddwd is exact.
inline __m256i broadcast_pair(const std::uint8_t* bytes) {
  std::int16_t pair;
  __builtin_memcpy(&pair, bytes, sizeof pair);
  return _mm256_cvtepu8_epi16(_mm_set1_epi16(pair));
}

template <int Rows, class Use>
void tile(const ProductS8& product, int row, int panel, const Use& use) {
  const int pairs = (product.inner + 1) / 2;
  const std::int8_t* weight = product.weight + static_cast<std::ptrdiff_t>(panel) * 32 * pairs;
  const std::uint8_t* input = product.input + row * product.input_stride;
  const std::ptrdiff_t stride = product.input_stride;
  const int column = panel * 16;
  const auto* correction = reinterpret_cast<const __m256i*>(product.correction + column);
  __m256i low[Rows];
  __m256i high[Rows];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    low[r] = _mm256_loadu_si256(correction);
    high[r] = _mm256_loadu_si256(correction + 1);
  }
  for (int p = 0; p < pairs; ++p, weight += 32) {
    const __m256i packed = _mm256_load_si256(reinterpret_cast<const __m256i*>(weight));
    const __m256i w_low = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(packed));
    const __m256i w_high = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(packed, 1));
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const __m256i x = broadcast_pair(input + r * stride + 2 * p);
      low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(x, w_low));
      high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(x, w_high));
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) use(row + r, column, low[r], high[r]);
}

template <class Use>
void for_each_sum(const ProductS8& product, const Use& use) {
  constexpr void (*kTiles[kTileRows])(const ProductS8&, int, int, const Use&) = {
      tile<1, Use>, tile<2, Use>, tile<3, Use>, tile<4, Use>, tile<5, Use>};
  lanes16::for_each_tile(product.rows, product.columns, kTileRows, kLayoutS8.columns,
                         [&](int row, int rows, int panel) { kTiles[rows - 1](product, row, panel, use); });
}

}  // namespace

void product_s8(const ProductS8& product) {
  if (product.row_scale != nullptr) {
    for_each_sum(product, Finish<true>{product});
  } else {
    for_each_sum(product, Finish<false>{product});
  }
}

void accumulate_s8(const ProductS8& product, std::int32_t* sums) {
  for_each_sum(product, StoreSums{product, sums});
}

}  // namespace octavo::avx2
