#include "paged_pair.h"

#include <algorithm>
#include <limits>

#include "kernels/registry.h"

namespace octavo::testing {

void SeenPositions::choose(const PagedShape& shape, bool ordered, Random& random) {
  ordered_ = ordered;
  const auto queries = static_cast<std::size_t>(shape.queries);
  const auto positions = static_cast<std::size_t>(shape.positions);
  const std::size_t pages = pages_for(shape.positions);
  const auto gap = static_cast<std::size_t>(random.integer(0, 3));
  order_stride_ = static_cast<std::ptrdiff_t>(positions + gap);
  visible_stride_ = static_cast<std::ptrdiff_t>(pages + gap);
  order_.resize((queries - 1) * (positions + gap) + positions);
  visible_.resize((queries - 1) * (pages + gap) + pages);
  counts_.resize(queries);
  std::fill(order_.begin(), order_.end(), std::numeric_limits<std::int32_t>::max());
  std::fill(visible_.begin(), visible_.end(), std::uint16_t{0});
  for (std::size_t query = 0; query < queries; ++query) choose_for(query, shape.positions, random);
}

void SeenPositions::choose_for(std::size_t query, int positions, Random& random) {
  const std::vector<int> places = shuffled(positions, random);
  const int few = random.chance() ? 1 : positions;
  counts_[query] = random.integer(std::min(few, positions), positions);
  for (std::size_t j = 0; j < static_cast<std::size_t>(counts_[query]); ++j) {
    const int place = places[j];
    order_[query * static_cast<std::size_t>(order_stride_) + j] = place;
    std::uint16_t& bits = visible_[query * static_cast<std::size_t>(visible_stride_) +
                                   static_cast<std::size_t>(place / kPagePositions)];
    bits = static_cast<std::uint16_t>(bits | 1u << (place % kPagePositions));
  }
}

bool SeenPositions::contains(int place) const {
  return !ordered_ || std::find(order_.begin(), order_.end(), place) != order_.end();
}

void PagedPair::prepare(const PagedAttention& kernels, const PagedShape& shape, const PagedMode& mode,
                        Random& random) {
  shape_ = shape;
  mode_ = mode;
  expected_.prepare(reference_kernels().attention, shape, mode, random);
  actual_.prepare(kernels, shape, mode, random);
}

void PagedPair::keep_all(Values kind, const SeenPositions& seen, Random& random) {
  std::vector<int> places = shuffled_or_not(shape_.positions, random);
  fill(places.size(), kind, random);
  keys_.fill_with_ones();
  values_.fill_with_ones();
  keep(places, random);
  places = shuffled_or_not(shape_.positions, random);
  places.erase(std::remove_if(places.begin(), places.end(), [&](int place) { return !seen.contains(place); }),
               places.end());
  fill(places.size(), kind, random);
  keep(places, random);
}

void PagedPair::fill(std::size_t rows, Values kind, Random& random) {
  const std::size_t width =
      static_cast<std::size_t>(shape_.heads) * static_cast<std::size_t>(shape_.head_dim);
  keys_.fill(rows, width, mode_.keys, kind, random);
  values_.fill(rows, width, mode_.values, kind, random);
}

void PagedPair::keep(const std::vector<int>& places, Random& random) {
  for (std::size_t first = 0; first < places.size();) {
    const auto rows = static_cast<std::size_t>(random.integer(1, static_cast<int>(places.size() - first)));
    expected_.keep(keys_, values_, places, first, rows);
    actual_.keep(keys_, values_, places, first, rows);
    first += rows;
  }
}

}  // namespace octavo::testing
