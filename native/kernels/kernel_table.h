#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/peak_loops.h"

namespace octavo {

// Of integer_kernels.h.
struct EmbedInteger;
struct IntegerProduct;
struct L1Norm;

enum class Activation : std::uint8_t { none, relu, gelu, silu, gelu_tanh };

/// Where and how floats are stored as u8: round(x · inverse) + zero_point, at least `least`, static
/// quantization of docs/numerics.md. `inverse` has one value for each column.
struct QuantizedRows {
  std::uint8_t* values = nullptr;  // null: not wanted
  std::ptrdiff_t stride = 0;       // bytes from row to row
  const float* inverse = nullptr;
  int zero_point = 0;  // 0..255
  int least = 0;       // 1 where the range is narrow, else 0
};

/// What happens to a product's sums while they are in registers: + bias, activation, · factor, + residual,
/// store as floats or as u8.
struct Epilogue {
  const float* bias = nullptr;  // padded to whole panels; null: no bias
  Activation activation = Activation::none;
  const float* factor = nullptr;  // null: none; the gate of a gated feed-forward layer
  std::ptrdiff_t factor_stride = 0;
  const float* residual = nullptr;  // null: none; may be `output` itself
  std::ptrdiff_t residual_stride = 0;
  float* output = nullptr;  // exactly one of output and quantized.values is set
  std::ptrdiff_t output_stride = 0;
  QuantizedRows quantized{};  // `inverse` padded to whole panels

  /// The same for the columns from `column` on.
  Epilogue from_column(std::ptrdiff_t column) const {
    Epilogue rest = *this;
    if (rest.bias != nullptr) rest.bias += column;
    if (rest.factor != nullptr) rest.factor += column;
    if (rest.residual != nullptr) rest.residual += column;
    if (rest.output != nullptr) rest.output += column;
    if (rest.quantized.values != nullptr) {
      rest.quantized.values += column;
      rest.quantized.inverse += column;
    }
    return rest;
  }
};

/// output[rows, columns] = epilogue(input[rows, inner] · weightᵀ), weights packed in panels that begin on a
/// cache line.
struct ProductF32 {
  const float* input = nullptr;
  std::ptrdiff_t input_stride = 0;
  int rows = 0;
  int inner = 0;
  int columns = 0;
  const float* weight = nullptr;
  Epilogue epilogue;
};

/// The same in u8 · s8 → s32. `input` holds value + zero point; rows are readable up to a multiple of
/// `group` bytes. `correction` (-zero point · Σ weights) and `weight_scale` are padded to whole panels. A sum
/// is multiplied by row_scale · weight_scale or, where `row_scale` is null, by weight_scale. Sums cannot
/// leave int32 while inner < 2^16.
struct ProductS8 {
  const std::uint8_t* input = nullptr;
  std::ptrdiff_t input_stride = 0;
  const float* row_scale = nullptr;
  int rows = 0;
  int inner = 0;
  int columns = 0;
  const std::int8_t* weight = nullptr;
  const std::int32_t* correction = nullptr;
  const float* weight_scale = nullptr;
  Epilogue epilogue;
};

/// Where weights lie: panels of `columns` output channels; within a panel, groups of `group`
/// consecutive inputs; within a group, channel by channel. Both tails are zero.
struct PanelLayout {
  int columns;
  int group;
};

/// A layout and the only products that can read it: one value, so that they cannot be mixed.
struct LinearF32 {
  PanelLayout layout;
  void (*product)(const ProductF32&);
};

struct LinearS8 {
  PanelLayout layout;
  void (*product)(const ProductS8&);
  /// The bare sums Σ q · w, [rows, columns]; for tracing and tests.
  void (*accumulate)(const ProductS8&, std::int32_t* sums);
  void (*integer)(const IntegerProduct&);
};

/// Keys and values of this many positions make a page.
inline constexpr int kPagePositions = 16;

/// Where things lie in a page, in bytes: keys first; where they are u8, `key_sums` behind them; then values.
/// Keys and values each are floats [heads, kPagePositions, head_dim], or bytes in the order the tier likes,
/// for which heads begin on cache lines.
struct PageLayout {
  int heads = 0;
  int head_dim = 0;
  bool keys_u8 = false;
  bool values_u8 = false;
  std::size_t key_sums = 0;
  std::size_t values = 0;
  std::size_t bytes = 0;  // a multiple of a cache line
};

/// Rows of keys and values [rows, heads · head_dim], each floats or u8 around 128, that are to be kept.
struct KeepRows {
  const PageLayout* layout = nullptr;
  int rows = 0;
  const std::byte* keys = nullptr;
  const std::byte* values = nullptr;
  std::ptrdiff_t key_stride = 0;  // bytes from row to row
  std::ptrdiff_t value_stride = 0;
  std::byte* const* pages = nullptr;        // [rows]: the page of each, on a cache line
  const std::uint8_t* positions = nullptr;  // [rows]: its place in it
};

/// What is added to the scaled score of a query, a head and a position: values[head · head_stride + query ·
/// query_stride + position], readable for whole pages. A query_stride of -1 is a bias of position - query.
struct ScoreBias {
  const float* values = nullptr;  // null: nothing is added
  std::ptrdiff_t head_stride = 0;
  std::ptrdiff_t query_stride = 0;
};

/// Queries that see positions of the same pages: position s is place s mod kPagePositions of page s /
/// kPagePositions. Unseen positions may hold anything that was kept there once, or zeros.
struct Attend {
  const PageLayout* layout = nullptr;
  int queries = 0;
  const std::byte* query = nullptr;  // [queries, heads · head_dim]: u8 around 128 where keys are, else floats
  std::ptrdiff_t query_stride = 0;   // bytes from row to row
  const std::byte* const* pages = nullptr;
  int positions = 0;  // all in use lie below; sums cannot leave int32 while a query sees fewer than 2^16
  /// The positions each query sees, in order of its keys: order[q · order_stride + j], j < counts[q],
  /// counts[q] >= 1; and the same as bits, visible[q · visible_stride + page]. Null, all three: each query
  /// sees all, in order.
  const std::int32_t* order = nullptr;
  std::ptrdiff_t order_stride = 0;
  const std::int32_t* counts = nullptr;
  const std::uint16_t* visible = nullptr;
  std::ptrdiff_t visible_stride = 0;
  const float* score_scale = nullptr;  // [heads]: what a sum of query times key is multiplied by
  ScoreBias bias{};
  const float* value_scale = nullptr;  // [heads], where values are u8
  /// Scratch. Where keys and values are floats and there is one query, the weights of the last head are left
  /// in it.
  float* scores = nullptr;          // kAttendScratchRows times `positions` rounded up to 64
  std::uint8_t* weights = nullptr;  // scratch: the same number
  float* output = nullptr;  // [queries, heads · head_dim]; exactly one of it and quantized.values is set
  std::ptrdiff_t output_stride = 0;  // floats
  QuantizedRows quantized{};
};

/// How many rows of `positions` the scratch of attention has room for.
inline constexpr int kAttendScratchRows = 16;

struct AttendPolynomial;

/// Where the attention weights of one head go: a row of bytes for each query.
struct HeadWeights {
  int head = 0;
  std::uint8_t* weights = nullptr;  // [queries, stride]; behind the positions, anything
  std::ptrdiff_t stride = 0;        // `positions` rounded up to 64
};

/// A page's byte order and the only kernels that know it: one value, so that they cannot be mixed.
struct PagedAttention {
  PageLayout (*layout)(int heads, int head_dim, bool keys_u8, bool values_u8);
  void (*keep)(const KeepRows&);
  void (*attend)(const Attend&);
  void (*attend_polynomial)(const AttendPolynomial&);
  /// The weights alone, of one head of queries that see all positions: what attention to values in u8 would
  /// weigh them with.
  void (*weigh)(const Attend&, const HeadWeights&);
  void (*weigh_polynomial)(const AttendPolynomial&, const HeadWeights&);
};

struct ScoredToken {
  float logit;
  std::int32_t token;
};

/// A step of an SSRU: docs/numerics.md. Rows of products [rows, width]; `states` and x are changed in place.
struct SsruStep {
  int rows = 0;
  int width = 0;
  const float* candidate = nullptr;
  const float* forget = nullptr;   // without the sigmoid
  float* const* states = nullptr;  // [rows]: where the state of each lies
  float* x = nullptr;              // to which relu(state) is added
  std::ptrdiff_t x_stride = 0;
};

/// Every kernel of one tier. docs/numerics.md defines each; `reference` is its plain transcription. A tier
/// may begin with the table of another and put its own kernels in place of some.
struct KernelTable {
  const char* name = nullptr;  // of the tier's row in registry.cpp
  LinearF32 linear_f32;
  LinearS8 linear_s8;
  /// x[rows, n] → value + 128 per element and one scale per row. Output rows are `output_stride` bytes apart.
  void (*quantize_rows)(const float* x, std::ptrdiff_t stride, int rows, int n, std::uint8_t* output,
                        std::ptrdiff_t output_stride, float* row_scale);
  /// x[rows, n] → u8, by one scale known beforehand.
  void (*quantize_static)(const float* x, std::ptrdiff_t stride, int rows, int n,
                          const QuantizedRows& output);
  /// x[rows, n] → output[rows, n], which may be x, or null; and u8, unless `quantized.values` is null.
  void (*layer_norm)(const float* x, int rows, int n, const float* weight, const float* bias, float epsilon,
                     float* output, const QuantizedRows& quantized);
  /// The same without mean and bias.
  void (*rms_norm)(const float* x, int rows, int n, const float* weight, float epsilon, float* output,
                   const QuantizedRows& quantized);
  void (*ssru)(const SsruStep&);
  void (*embed_f32)(const float* row, const float* position, int n, float scale, float* output);
  void (*embed_s8)(const std::int8_t* row, float row_scale, const float* position, int n, float scale,
                   float* output);
  /// Rows of integer precision.
  void (*l1_norm)(const L1Norm&);
  void (*embed_integer)(const EmbedInteger&);
  /// float(x) · inverse: integers as scores of the search. n >= 1. Returns the largest, as below.
  float (*dequantize)(const std::int32_t* x, int n, float inverse, float* output);
  PagedAttention attention;
  /// max x, n >= 1. NaN only where x[0] is; a zero has either sign.
  float (*largest)(const float* x, int n);
  /// n >= 1; `largest` is max x.
  float (*log_sum_exp)(const float* x, int n, float largest);
  /// The best `k` >= 1 in order: larger logit, then lower token. Never picks -inf or NaN. `best` holds
  /// `found` of earlier tokens; x[i] is the logit of token first + i. Returns how many it holds then.
  int (*top_k)(const float* x, int n, int first, int k, int found, ScoredToken* best);
  PeakLoops peak;
  /// Decoder rows that fill a stream: with fewer its products idle, more only fill the caches.
  std::size_t stream_rows = 64;
};

}  // namespace octavo
