#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/layer_source.h"
#include "ops/integer/linear.h"

namespace octavo {

/// Multi-head polynomial attention: projections, and how queries, keys and values are kept, all u8
/// around 128.
class PolynomialAttention {
 public:
  using Job = AttendPolynomial;

  /// Queries are made of rows at site `input`, keys and values of rows at site `memory`.
  PolynomialAttention(const LayerSource& source, const std::string& name, const IntegerSite& input,
                      const IntegerSite& memory);

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
  IntegerSite context_;
  std::vector<HeadPolynomial> heads_;
  PageLayout layout_;
  IntegerLinear query_;
  IntegerLinear key_;
  IntegerLinear value_;
  IntegerLinear output_;
};

}  // namespace octavo
