#pragma once

#include <cstdint>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/kernel_table.h"
#include "ops/trace.h"

namespace octavo {

/// The memory one stream computes in, kept from step to step and batch to batch.
struct Workspace {
  explicit Workspace(const KernelTable& table) : kernels(&table) {}

  const KernelTable* kernels;
  Trace* trace = nullptr;  // not null: record every int8 product

  AlignedBuffer<std::uint8_t> quantized;
  AlignedBuffer<float> row_scale;
  AlignedBuffer<float> states;      // [rows, d_model], the residual stream
  AlignedBuffer<float> normalized;  // [rows, d_model]
  AlignedBuffer<float> query;       // [rows, d_model]
  AlignedBuffer<float> key_value;   // [rows, 2 · d_model]
  AlignedBuffer<float> context;     // [rows, d_model]
  AlignedBuffer<float> hidden;      // [rows, ffn_dim]
  AlignedBuffer<float> logits;      // [block of rows, vocabulary]
  AlignedBuffer<float> scores;      // attention scores of one row and head
  std::vector<const float*> key_value_rows;
};

}  // namespace octavo
