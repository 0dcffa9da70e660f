#include "kernels/registry.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "base/cpu_features.h"
#include "base/errors.h"
#include "kernels/tiers.h"

namespace octavo {

namespace {

/// All that is known of a tier before its table is made.
struct TierRow {
  const char* name;
  KernelTable (*table)();
  /// A row further up whose table this one's begins as: what that one needs, this one needs.
  const char* inherits = nullptr;
  std::vector<const char*> needs{};  // CPU features
  /// Asks the operating system for what is not there unasked: 0 or why not, an errno. Null: nothing to ask.
  int (*acquire)() = nullptr;
  bool is_stand_in = false;
};

/// In order of preference, the best last.
std::vector<TierRow> tier_rows() {
  return {
      {.name = "reference", .table = reference::table},
#if defined(OCTAVO_X86_64)
      {.name = "avx2", .table = avx2::table, .needs = {"avx2", "fma"}},
      {.name = "avx_vnni", .table = avx_vnni::table, .inherits = "avx2", .needs = {"avx_vnni"}},
      {.name = "avx512_vnni",
       .table = avx512_vnni::table,
       .needs = {"avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"}},
      {.name = "amx_int8",
       .table = amx_int8::table,
       .inherits = "avx512_vnni",
       .needs = {"amx_tile", "amx_int8"},
       .acquire = request_tile_registers},
#if defined(OCTAVO_STAND_INS)
      {.name = "avx_vnni_by_avx512",
       .table = avx_vnni_by_avx512::table,
       .inherits = "avx512_vnni",
       .is_stand_in = true},
      {.name = "amx_int8_in_software",
       .table = amx_int8_in_software::table,
       .inherits = "avx512_vnni",
       .is_stand_in = true},
#endif
#endif
#if defined(OCTAVO_AARCH64)
      {.name = "neon", .table = neon::table, .needs = {"asimd"}},
      {.name = "neon_dotprod", .table = neon_dotprod::table, .inherits = "neon", .needs = {"asimddp"}},
      {.name = "neon_i8mm", .table = neon_i8mm::table, .inherits = "neon_dotprod", .needs = {"i8mm"}},
#endif
  };
}

/// Why a tier cannot run here; empty: it can.
std::string refusal(const TierRow& row, const std::vector<KernelTier>& above) {
  if (row.inherits != nullptr) {
    const auto parent = std::find_if(above.begin(), above.end(),
                                     [&](const KernelTier& tier) { return tier.name == row.inherits; });
    if (parent == above.end()) throw std::logic_error(std::string("no tier above is ") + row.inherits);
    if (!parent->available()) return parent->reason;
  }
  std::string missing;
  for (const char* feature : row.needs) {
    if (!has_cpu_feature(feature)) missing += (missing.empty() ? "" : ", ") + std::string(feature);
  }
  if (!missing.empty()) return "the CPU lacks " + missing;
  const int error = row.acquire == nullptr ? 0 : row.acquire();
  return error == 0 ? "" : std::string("the operating system does not allow it: ") + std::strerror(error);
}

std::vector<KernelTier> make_tiers() {
  std::vector<KernelTier> tiers;
  for (const TierRow& row : tier_rows()) {
    KernelTier tier{
        .name = row.name, .table = nullptr, .reason = refusal(row, tiers), .is_stand_in = row.is_stand_in};
    if (tier.reason.empty()) {
      auto table = std::make_unique<KernelTable>(row.table());
      table->name = row.name;
      tier.table = std::move(table);
    }
    tiers.push_back(std::move(tier));
  }
  return tiers;
}

}  // namespace

std::span<const KernelTier> kernel_tiers() {
  static const std::vector<KernelTier> tiers = make_tiers();
  return tiers;
}

const KernelTable& reference_kernels() { return *kernel_tiers().front().table; }

const KernelTable& kernels_named(const std::string& name) { return kernels_named(name, kernel_tiers()); }

const KernelTable& kernels_named(const std::string& name, std::span<const KernelTier> tiers) {
  std::string known;
  for (const KernelTier& tier : tiers) {
    if (name == tier.name) {
      if (tier.available()) return *tier.table;
      throw Error("instruction set '" + name + "' is not available here: " + tier.reason +
                  "; `octavo doctor` lists those that are");
    }
    known += (known.empty() ? "" : ", ") + tier.name;
  }
  throw Error("unknown instruction set '" + name + "'; known here: " + known);
}

const KernelTable& active_kernels() {
  static const KernelTable& chosen = []() -> const KernelTable& {
    if (const char* forced = std::getenv("OCTAVO_ISA"); forced != nullptr && *forced != '\0') {
      std::string name(forced);
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
      try {
        return kernels_named(name);
      } catch (const Error& error) {
        throw Error("the environment variable OCTAVO_ISA: " + std::string(error.what()));
      }
    }
    const KernelTable* best = nullptr;
    for (const KernelTier& tier : kernel_tiers()) {
      if (tier.available() && !tier.is_stand_in) best = tier.table.get();
    }
    return *best;
  }();
  return chosen;
}

}  // namespace octavo
