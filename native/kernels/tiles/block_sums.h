#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/lanes16/bare_product.h"
#include "kernels/scratch.h"

// Sums of u8 · s8 on tile registers, over a type Tiles: load<tile>(rows, stride), store<tile>(rows, stride),
// multiply<sums, inputs, weights>(), for eight tiles of 16 rows of 64 bytes. Weights are in panels of 64
// columns in groups of four inputs, as vpdpbusd reads them: 16 columns of 16 groups are a tile.
//
// A block is 2 × 2 tiles of sums. A pair of column tiles stays while all rows are multiplied with it.
// Meanwhile the next pair is fetched, and the sums of the block before are finished: only their stores wait
// for the tiles, and each is followed by the first product of the next block.

namespace octavo::tiles {

inline constexpr int kTileRows = 16;
inline constexpr int kTileBytes = 64;  // of a row: 64 inputs, 16 sums, or 4 weights of 16 columns
inline constexpr int kBlockRows = 2 * kTileRows;
inline constexpr int kBlockColumns = 32;
inline constexpr int kPanelColumns = 64;
inline constexpr int kGroupBytes = 4 * kPanelColumns;  // from one group of inputs to the next in a panel

/// Inputs as tiles read them: [row tiles][steps][16 rows][64 inputs], zeros where there are none. With rows
/// as they come, a power of two apart, the 16 rows of a tile would share a few sets of the cache; and no
/// edge of a row is an edge of a tile any more.
template <class Tiles>
void pack_inputs(const lanes16::BareProduct& product, int steps, std::byte* packed) {
  const int row_tiles = (product.rows + kTileRows - 1) / kTileRows;
  for (int row = 0; row < row_tiles * kTileRows; ++row) {
    std::byte* target =
        packed +
        (static_cast<std::ptrdiff_t>(row / kTileRows) * steps * kTileRows + row % kTileRows) * kTileBytes;
    const std::uint8_t* source = product.input + row * product.input_stride;
    for (int step = 0; step < steps; ++step, target += kTileRows * kTileBytes) {
      const int left = row < product.rows ? product.inner - step * kTileBytes : 0;
      if (left >= kTileBytes) {
        __builtin_memcpy(target, source + step * kTileBytes, kTileBytes);
      } else {
        __builtin_memset(target, 0, kTileBytes);
        for (int k = 0; k < left; ++k) target[k] = static_cast<std::byte>(source[step * kTileBytes + k]);
      }
    }
  }
}

/// Finished blocks go to use(row, rows, column, sums, width), rows of sums `width` apart, a few rows at a
/// time; columns past the last may be among them.
template <class Tiles, class Use>
class BlockSums {
 public:
  BlockSums(const lanes16::BareProduct& product, const Use& use)
      : product_(product), use_(use), steps_((product.inner + kTileBytes - 1) / kTileBytes) {
    const std::ptrdiff_t tile = kTileRows * kTileBytes;
    const int row_tiles = (product.rows + kTileRows - 1) / kTileRows;
    const std::ptrdiff_t inputs = tile * row_tiles * steps_;
    auto* scratch = static_cast<std::byte*>(kernel_scratch(static_cast<std::size_t>(inputs + 2 * tile)));
    pack_inputs<Tiles>(product, steps_, scratch);
    inputs_ = scratch;
    last_weights_ = scratch + inputs;
    const int groups = (product.inner + 3) / 4;
    panel_bytes_ = static_cast<std::ptrdiff_t>(groups) * kGroupBytes;
    groups_left_ = groups - (steps_ - 1) * kTileRows;
    if (groups_left_ < kTileRows) __builtin_memset(last_weights_, 0, static_cast<std::size_t>(2 * tile));
    shares_ = (product.rows + kBlockRows - 1) / kBlockRows;
    pairs_ = (product.columns + kBlockColumns - 1) / kBlockColumns;
  }

  void run() {
    for (int pair = 0; pair < pairs_; ++pair) {
      prepare_last_weights(pair);
      for (int share = 0; share < shares_; ++share) multiply_block(pair, share);
    }
    store_sums<0>();
    store_sums<1>();
    finish(stored_.rows);
  }

 private:
  struct Block {
    int row = 0;
    int rows = 0;
    int column = 0;
  };

  /// Where the weights of a step begin, and the bytes from a group of inputs to the next.
  const std::byte* weights(int pair, int step) const {
    const auto* panel = reinterpret_cast<const std::byte*>(product_.weight) + pair / 2 * panel_bytes_;
    return panel + pair % 2 * (kGroupBytes / 2) + static_cast<std::ptrdiff_t>(step) * kTileRows * kGroupBytes;
  }

  /// The last step of a panel whose groups do not fill a tile, with zeros behind them.
  void prepare_last_weights(int pair) {
    if (groups_left_ == kTileRows) return;
    const std::byte* from = weights(pair, steps_ - 1);
    for (int g = 0; g < groups_left_; ++g) {
      __builtin_memcpy(last_weights_ + g * 2 * kTileBytes, from + g * kGroupBytes, 2 * kTileBytes);
    }
  }

  /// The part of the next pair that this share of the rows fetches at a step; one share alone fetches what
  /// comes two steps further on.
  void fetch(int pair, int share, int step) const {
    constexpr int kAhead = 2;
    int lines = kBlockRows;
    int first = 0;
    if (shares_ > 1) {
      lines = (kBlockRows + shares_ - 1) / shares_;
      first = share * lines;
      pair += 1;
    } else {
      step += kAhead;
      if (step >= steps_) {
        step -= steps_;
        pair += 1;
      }
    }
    if (pair >= pairs_ || step >= steps_) return;
    const int most = 2 * (step + 1 < steps_ ? kTileRows : groups_left_);
    const int end = first + lines < most ? first + lines : most;
    const std::byte* from = weights(pair, step);
    for (int line = first; line < end; ++line) {
      __builtin_prefetch(from + line / 2 * kGroupBytes + line % 2 * kTileBytes, 0, 2);
    }
  }

  void load_weights(int pair, int step) {
    if (step + 1 == steps_ && groups_left_ < kTileRows) {
      tiles_.template load<6>(last_weights_, 2 * kTileBytes);
      tiles_.template load<7>(last_weights_ + kTileBytes, 2 * kTileBytes);
    } else {
      const std::byte* from = weights(pair, step);
      tiles_.template load<6>(from, kGroupBytes);
      tiles_.template load<7>(from + kTileBytes, kGroupBytes);
    }
  }

  /// The sums of row tile I of the block in the tiles to memory, if there are any.
  template <int I>
  void store_sums() {
    if (stored_.rows > I * kTileRows) {
      store_tile<I, 0>();
      store_tile<I, 1>();
    }
  }
  template <int I, int J>
  void store_tile() {
    tiles_.template store<2 * I + J>(sums_ + I * kTileRows * kBlockColumns + 16 * J, kBlockColumns * 4);
  }

  /// One tile's sums leave for memory and the next block's begin: its starts, in every row, and the first
  /// step.
  template <int I, int J>
  void turn_over(const Block& block) {
    if (stored_.rows > I * kTileRows) store_tile<I, J>();
    if (I == 0 || block.rows > kTileRows) {
      tiles_.template load<2 * I + J>(product_.start + block.column + 16 * J, 0);
      tiles_.template multiply<2 * I + J, 4 + I, 6 + J>();
    }
  }

  void multiply_block(int pair, int share) {
    const int row = share * kBlockRows;
    const int left = product_.rows - row;
    const Block block{row, left < kBlockRows ? left : kBlockRows, pair * kBlockColumns};
    const bool two = block.rows > kTileRows;
    const std::ptrdiff_t row_tile = static_cast<std::ptrdiff_t>(steps_) * kTileRows * kTileBytes;
    const std::byte* inputs = inputs_ + row / kTileRows * row_tile;
    const int share_rows = (stored_.rows + steps_ - 1) / steps_;
    for (int step = 0; step < steps_; ++step, inputs += kTileRows * kTileBytes) {
      load_weights(pair, step);
      tiles_.template load<4>(inputs, kTileBytes);
      if (two) tiles_.template load<5>(inputs + row_tile, kTileBytes);
      if (step == 0) {
        turn_over<0, 0>(block);
        turn_over<0, 1>(block);
        turn_over<1, 0>(block);
        turn_over<1, 1>(block);
      } else {
        tiles_.template multiply<0, 4, 6>();
        tiles_.template multiply<1, 4, 7>();
        if (two) {
          tiles_.template multiply<2, 5, 6>();
          tiles_.template multiply<3, 5, 7>();
        }
      }
      fetch(pair, share, step);
      finish(share_rows);
    }
    finish(stored_.rows);
    stored_ = block;
    finished_ = 0;
  }

  /// Hands on `rows` more rows of the stored sums, as far as there are.
  void finish(int rows) {
    const int left = stored_.rows - finished_;
    const int count = rows < left ? rows : left;
    if (count <= 0) return;
    use_(stored_.row + finished_, count, stored_.column, sums_ + finished_ * kBlockColumns, kBlockColumns);
    finished_ += count;
  }

  const lanes16::BareProduct& product_;
  const Use& use_;
  const int steps_;
  int shares_;
  int pairs_;
  int groups_left_;  // of the last step, 1 to 16
  std::ptrdiff_t panel_bytes_;
  const std::byte* inputs_;
  std::byte* last_weights_;
  /// The block before the one being multiplied: in the tiles until its first step, then in sums_.
  Block stored_;
  int finished_ = 0;
  Tiles tiles_;
  alignas(64) std::int32_t sums_[kBlockRows * kBlockColumns];
};

template <class Tiles, class Use>
void for_each_block_of_sums(const lanes16::BareProduct& product, const Use& use) {
  BlockSums<Tiles, Use>(product, use).run();
}

}  // namespace octavo::tiles
