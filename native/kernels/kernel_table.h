#pragma once

#include <cstddef>
#include <cstdint>

namespace octavo {

enum class Activation : std::uint8_t { none, relu, gelu, silu };

/// What happens to a product's sums while they are in registers: + bias, activation, + residual, store.
struct Epilogue {
  const float* bias = nullptr;  // padded to whole panels; null: no bias
  Activation activation = Activation::none;
  const float* residual = nullptr;  // null: none; may be `output` itself
  std::ptrdiff_t residual_stride = 0;
  float* output = nullptr;
  std::ptrdiff_t output_stride = 0;
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

/// The same in u8 · s8 → s32. `input` holds value + 128; rows are readable up to a multiple of
/// `group` bytes. `correction` (-128 · Σ weights) and `weight_scale` are padded to whole panels. Sums cannot
/// leave int32 while inner < 2^17.
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
};

/// One query row against `count` >= 1 key-value rows: keys at `rows[j]`, values `value_offset` further on.
/// `scores` is scratch for `count` floats rounded up to 16.
struct AttendRow {
  const float* query = nullptr;
  const float* const* rows = nullptr;
  int count = 0;
  std::ptrdiff_t value_offset = 0;
  int heads = 0;
  int head_dim = 0;
  float scale = 0;
  float* scores = nullptr;
  float* output = nullptr;
};

struct ScoredToken {
  float logit;
  std::int32_t token;
};

/// Every kernel of one ISA tier. docs/numerics.md defines each; `reference` is its plain transcription.
struct KernelTable {
  const char* name;
  LinearF32 linear_f32;
  LinearS8 linear_s8;
  /// x[rows, n] → value + 128 per element and one scale per row. Output rows are `output_stride` bytes apart.
  void (*quantize_rows)(const float* x, std::ptrdiff_t stride, int rows, int n, std::uint8_t* output,
                        std::ptrdiff_t output_stride, float* row_scale);
  /// x[rows, n] → output[rows, n], which may be x.
  void (*layer_norm)(const float* x, int rows, int n, const float* weight, const float* bias, float epsilon,
                     float* output);
  void (*embed_f32)(const float* row, const float* position, int n, float scale, float* output);
  void (*embed_s8)(const std::int8_t* row, float row_scale, const float* position, int n, float scale,
                   float* output);
  void (*attend)(const AttendRow&);
  /// n >= 1.
  float (*log_sum_exp)(const float* x, int n);
  /// The best `k` >= 1 in order: larger logit, then lower token. Never picks -inf or NaN. Returns how many.
  int (*top_k)(const float* x, int n, int k, ScoredToken* best);
};

/// Tables in order of preference, best last. Only those compiled in; `reference` is always first.
struct KernelTier {
  const KernelTable* table;
  bool available;
};

}  // namespace octavo
