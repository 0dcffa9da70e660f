#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/kernel_table.h"

namespace octavo {

/// Sees the floats of a float32 model's sites (octavo.model) while it runs.
class Observer {
 public:
  virtual ~Observer() = default;
  /// x[rows, width], rows `stride` floats apart, valid during the call.
  virtual void observe(const std::string& site, const float* x, int rows, int width,
                       std::ptrdiff_t stride) = 0;
};

/// One int8 or integer weight product as it ran: its quantized input and its int32 sums, offset already
/// removed, in integer precision with the bias.
struct ProductTrace {
  std::string name;
  int rows = 0;
  int inner = 0;
  int columns = 0;
  std::vector<std::uint8_t> input;  // [rows, inner], value + zero point
  std::vector<float> row_scale;     // [rows]; a static one, repeated; integer: none
  std::vector<std::int32_t> sums;   // [rows, columns]
};

/// Collects every int8 or integer weight product in order of execution.
using Trace = std::vector<ProductTrace>;

/// A head of a decoder layer's cross-attention.
struct AttentionHead {
  int layer = 0;
  int head = 0;
};

/// Sees the weights of some heads of the cross-attention; docs/numerics.md, "Alignments".
class AttentionListener {
 public:
  virtual ~AttentionListener() = default;
  const std::vector<AttentionHead>& heads() const { return heads_; }
  /// Whether it listens to the rows from `first_row` on, which are one sentence's.
  virtual bool listens_to(int first_row) const {
    static_cast<void>(first_row);
    return true;
  }
  /// In a step, for each of the heads() as the layers come, where it listens to the sentence: the weights of
  /// decoder rows [first_row, first_row
  /// + rows), which are one sentence's, over its `positions`; the sentences in order.
  virtual void listen(std::size_t head, int first_row, int rows, int positions, const HeadWeights& found) = 0;

 protected:
  explicit AttentionListener(std::vector<AttentionHead> heads) : heads_(std::move(heads)) {}

 private:
  std::vector<AttentionHead> heads_;
};

/// Adds a product, computed once more. `row_scale` is the trace's.
void record(const std::string& name, const ProductS8& product, std::vector<float> row_scale,
            const LinearS8& kernels, Trace& trace);

}  // namespace octavo
