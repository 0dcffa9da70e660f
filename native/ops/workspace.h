#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/team.h"
#include "kernels/kernel_table.h"
#include "ops/inspection.h"

namespace octavo {

/// The memory one stream computes in, kept from step to step and batch to batch.
struct Workspace {
  explicit Workspace(const KernelTable& table) : kernels(&table) {}

  const KernelTable* kernels;
  Team* team = nullptr;                   // not null: shares the stream's products
  Trace* trace = nullptr;                 // not null: record every int8 or integer weight product
  Observer* observer = nullptr;           // not null: show it every site
  AttentionListener* listener = nullptr;  // not null: hears the weights of its heads

  AlignedBuffer<std::uint8_t> quantized;  // [rows, width of a product's input]
  AlignedBuffer<float> row_scale;
  AlignedBuffer<float> embedding_f32;        // [d_model], a row of a tied embedding
  AlignedBuffer<std::int8_t> embedding_s8;   // the same
  AlignedBuffer<float> states;               // [rows, d_model], the residual stream
  AlignedBuffer<float> normalized;           // [rows, d_model]
  AlignedBuffer<float> query;                // [rows, attention width]
  AlignedBuffer<std::uint8_t> query_u8;      // the same, where scores are int8
  AlignedBuffer<std::byte> keys;             // [rows, attention width], floats or u8
  AlignedBuffer<std::byte> values;           // the same
  AlignedBuffer<float> context;              // [rows, attention width]
  AlignedBuffer<float> candidate;            // [rows, d_model], of an SSRU
  AlignedBuffer<float> forget;               // the same
  std::vector<float*> row_states;            // [rows]
  AlignedBuffer<float> gate;                 // [rows, ffn_dim], of a gated feed-forward layer
  AlignedBuffer<float> score_bias;           // of relative positions
  std::vector<ScoreBias> score_biases;       // of each sentence; empty: none
  AlignedBuffer<float> hidden;               // [rows, ffn_dim]
  AlignedBuffer<std::uint8_t> hidden_u8;     // the same, where its site is static
  AlignedBuffer<float> logits;               // [rows, some of the vocabulary]
  AlignedBuffer<float> scores;               // attention scores of some queries and heads
  AlignedBuffer<std::uint8_t> weights;       // attention weights of the same
  AlignedBuffer<std::uint8_t> head_weights;  // of one head and some queries
  AlignedBuffer<std::byte> pages;            // keys and values of one sentence, where they are not kept
  std::vector<std::byte*> row_pages;         // where each row's key and value are kept: the page
  std::vector<std::uint8_t> row_positions;   // and the position in it
  std::vector<const std::byte*> sentence_pages;
  std::vector<std::int32_t> tokens;  // of a decoder's rows
  std::vector<std::int32_t> positions;

  // Integer precision has these in place of the floats.
  AlignedBuffer<std::int16_t> integer_states;
  AlignedBuffer<std::int32_t> integer_scores;
  AlignedBuffer<std::int32_t> integer_logits;
};

/// Gives a stream its team, as long as this lives.
class TeamAtWork {
 public:
  TeamAtWork(Workspace& workspace, Team& team) : workspace_(workspace) {
    if (team.size() > 1) workspace_.team = &team;
  }
  TeamAtWork(const TeamAtWork&) = delete;
  TeamAtWork& operator=(const TeamAtWork&) = delete;
  ~TeamAtWork() { workspace_.team = nullptr; }

 private:
  Workspace& workspace_;
};

}  // namespace octavo
