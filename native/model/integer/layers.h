#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/number_system.h"
#include "ops/integer/linear.h"
#include "ops/integer/norm.h"

// The sublayers of an Integer Transformer in integers: docs/numerics.md, "Integer precision".

namespace octavo {

/// Multi-head polynomial attention: projections, the norm of its sublayer, and how queries, keys and values
/// are kept, all u8 around 128.
class PolynomialAttention {
 public:
  /// Self-attention, whose keys and values are made from its own input.
  static PolynomialAttention load_self(const LayerSource& source, const std::string& name);
  /// Attention to rows at site `memory`.
  static PolynomialAttention load_cross(const LayerSource& source, const std::string& name,
                                        const IntegerSite& memory);

  const std::string& name() const { return name_; }
  const IntegerNorm& norm() const { return norm_; }
  const IntegerSite& input() const { return rows_; }

  const PageLayout& layout() const { return layout_; }
  /// Makes a key and a value of every row of the input and keeps them: row r at positions[r] of pages[r].
  void keep_keys_values(const ProductInput& input, std::byte* const* pages, const std::uint8_t* positions,
                        Workspace& workspace) const;
  /// Makes every row's query, in the workspace, and room for its context.
  void project_queries(const ProductInput& input, Workspace& workspace) const;
  /// Queries [first, first + job.queries) attend to the pages of `job`, which says what they see.
  void attend(int first, AttendPolynomial job, Workspace& workspace) const;
  /// The weights that one head of the same queries gives all positions, in the workspace.
  HeadWeights weigh(int first, AttendPolynomial job, int head, Workspace& workspace) const;
  /// The output projection of all contexts.
  void project_output(int rows, const IntegerTarget& target, Workspace& workspace) const;

 private:
  void load_polynomials(TensorSource& source);
  void prepare(int first, AttendPolynomial& job, Workspace& workspace) const;

  std::string name_;
  int degree_ = 3;
  int head_dim_ = 0;
  IntegerSite rows_;  // of its input, and of the contexts
  std::vector<HeadPolynomial> heads_;
  PageLayout layout_;
  IntegerLinear query_;
  IntegerLinear key_;
  IntegerLinear value_;
  IntegerLinear output_;
  IntegerNorm norm_;
};

/// The feed-forward sublayer.
class IntegerFeedForward {
 public:
  static IntegerFeedForward load(const LayerSource& source, const std::string& name);

  const std::string& name() const { return name_; }
  const IntegerNorm& norm() const { return norm_; }
  const IntegerSite& input() const { return input_; }

  void apply(const ProductInput& input, const IntegerTarget& add, Workspace& workspace) const;

 private:
  std::string name_;
  IntegerSite input_;
  IntegerSite hidden_;
  IntegerLinear inner_;
  IntegerLinear outer_;
  IntegerNorm norm_;
};

/// The residual stream x[rows, d_model] on its way through the sublayers of a stack: x = x +
/// sublayer(norm(x)).
class IntegerResidualStream {
 public:
  IntegerResidualStream(const TransformerConfig& config, std::int16_t* x, int rows, Workspace& workspace)
      : width_(config.d_model), x_(x), rows_(rows), workspace_(&workspace) {}

  /// What the next sublayer's products read, at `site`; `norm` belongs to that sublayer.
  ProductInput enter(const IntegerNorm& norm, const IntegerSite& site) {
    return norm.apply(x_, rows_, site, *workspace_);
  }

  /// A sublayer ends in a product that writes through this.
  IntegerTarget add() const { return {.residual = x_, .stride = width_}; }

  /// After a sublayer there is nothing to do.
  void leave(const std::string&, const IntegerNorm&, const IntegerSite&) {}

 private:
  int width_;
  std::int16_t* x_;
  int rows_;
  Workspace* workspace_;
};

}  // namespace octavo
