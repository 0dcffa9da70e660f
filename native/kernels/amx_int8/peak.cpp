#include "kernels/amx_int8/peak.h"

#include "kernels/amx_int8/tiles.h"

namespace octavo::OCTAVO_TIER {

void peak_s8() {
  alignas(64) unsigned char zeros[16][64] = {};
  Tiles tiles;
  tiles.load<4>(zeros, 64);
  tiles.load<5>(zeros, 64);
  tiles.load<6>(zeros, 64);
  tiles.load<7>(zeros, 64);
  tiles.load<0>(zeros, 64);
  tiles.load<1>(zeros, 64);
  tiles.load<2>(zeros, 64);
  tiles.load<3>(zeros, 64);
  for (int i = 0; i < 1000; ++i) {
    tiles.multiply<0, 4, 6>();
    tiles.multiply<1, 4, 7>();
    tiles.multiply<2, 5, 6>();
    tiles.multiply<3, 5, 7>();
  }
}

}  // namespace octavo::OCTAVO_TIER
