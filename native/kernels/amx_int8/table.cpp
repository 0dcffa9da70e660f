#include "kernels/amx_int8/linear_s8.h"
#include "kernels/amx_int8/peak.h"
#include "kernels/tiers.h"

namespace octavo::OCTAVO_TIER {

namespace {

LinearS8 inherited;  // set once, before this tier's table is known to anyone

}  // namespace

const LinearS8& few_rows() { return inherited; }

KernelTable table() {
  KernelTable table = avx512_vnni::table();
  inherited = table.linear_s8;
  table.linear_s8.product = product_s8;
  table.linear_s8.accumulate = accumulate_s8;
  table.linear_s8.integer = product_integer;
  table.peak.s8 = peak_s8;
  table.peak.s8_macs = kPeakMacs;
  table.stream_rows = 128;  // chosen from a prototype: weights from the last cache wait less for more rows
  return table;
}

}  // namespace octavo::OCTAVO_TIER
