#pragma once

#include <span>
#include <variant>

#include "ops/float/linear.h"
#include "ops/integer/linear.h"

namespace octavo {

struct LogitRow {
  float* values;
  float largest;
};

/// Logits of some tokens, a row at a time, so that those of integers become floats where they are read next.
class LogitRows {
 public:
  LogitRows(float* logits, int count, const KernelTable& kernels)
      : floats_(logits), count_(count), kernels_(&kernels) {}
  /// `room` is for one row; an integer logit of 1 stands for `step`.
  LogitRows(const std::int32_t* logits, int count, float step, float* room, const KernelTable& kernels)
      : integers_(logits), floats_(room), count_(count), step_(step), kernels_(&kernels) {}

  /// Valid until the next row is asked for.
  LogitRow row(std::size_t i) const;

 private:
  const std::int32_t* integers_ = nullptr;
  float* floats_;
  int count_;
  float step_ = 1;
  const KernelTable* kernels_;
};

/// The output projection as scoring sees it: decoder states in, float logits out. Where the model is
/// integers, these become floats here and nowhere before.
class OutputProjection {
 public:
  OutputProjection() = default;
  explicit OutputProjection(Linear product) : product_(std::move(product)) {}
  /// An integer logit of 1 stands for `step`.
  OutputProjection(IntegerLinear product, float step) : product_(std::move(product)), step_(step) {}

  int outputs() const;

  /// Logits [states.rows, count] of tokens [first, first + count); `first` is a multiple of kOutputGroup.
  void apply_to(int first, int count, const ProductInput& states, float* logits, Workspace& workspace) const;

  /// The same logits, row by row; valid until the workspace is used again.
  LogitRows rows_of(int first, int count, const ProductInput& states, Workspace& workspace) const;

  /// Makes `selected` the same projection onto these tokens alone, in this order.
  void select(std::span<const std::int32_t> tokens, OutputProjection& selected) const;

 private:
  std::variant<Linear, IntegerLinear> product_;
  float step_ = 1;
};

}  // namespace octavo
