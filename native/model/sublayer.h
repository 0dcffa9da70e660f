#pragma once

#include <span>
#include <string>
#include <vector>

#include "model/layer_source.h"
#include "model/sentence_rows.h"
#include "ops/products.h"
#include "ops/workspace.h"

namespace octavo {

/// A part of a layer that reads rows at a site and adds to the residual stream through a target. `Rows` are
/// the floats or the integers that the stream consists of: their Norm, Site and Target, and how the first two
/// load.
template <class Rows>
class Sublayer {
 public:
  /// `name` is its own, in the plan and in its tensors' names; `readers` are those of its products that read
  /// its input.
  Sublayer(const LayerSource& source, const std::string& name, std::vector<std::string> readers)
      : name_(name), norm_(Rows::load_norm(source, name + ".norm")) {
    for (std::string& reader : readers) reader.insert(0, name + ".");
    input_ = Rows::load_site(source, name + ".input", readers);
  }

  const std::string& name() const { return name_; }
  /// Stands before the sublayer or, post-norm, after it.
  const typename Rows::Norm& norm() const { return norm_; }
  const typename Rows::Site& input() const { return input_; }

 private:
  std::string name_;
  typename Rows::Norm norm_;
  typename Rows::Site input_;
};

/// The sublayer that looks at each row alone.
template <class Rows>
class FeedForward : public Sublayer<Rows> {
 public:
  using Sublayer<Rows>::Sublayer;
  virtual ~FeedForward() = default;
  virtual void apply(const ProductInput& input, const typename Rows::Target& add,
                     Workspace& workspace) const = 0;
};

/// The sublayer of a decoder that looks back at the tokens before: self-attention, or what stands in its
/// place.
template <class Rows>
class DecoderMixer : public Sublayer<Rows> {
 public:
  using Sublayer<Rows>::Sublayer;
  virtual ~DecoderMixer() = default;
  /// A step of all rows of the sentences, one after the other.
  virtual void apply(std::span<SentenceRows* const> sentences, const ProductInput& input,
                     const typename Rows::Target& add, Workspace& workspace) const = 0;
};

}  // namespace octavo
