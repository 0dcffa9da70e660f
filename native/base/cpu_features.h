#pragma once

#include <span>
#include <string_view>

namespace octavo {

/// Something that a kernel tier may need, by its name in Linux's /proc/cpuinfo. Present: the CPU has it and
/// the operating system has enabled it.
struct CpuFeature {
  const char* name;
  bool present;
};

/// Every feature that a tier can name, read once.
std::span<const CpuFeature> cpu_features();

/// Throws std::invalid_argument for a name that is not in the list.
bool has_cpu_feature(std::string_view name);

/// Asks the operating system for this process's use of AMX's tile registers, which it gives only to those
/// who ask. 0, or why not, an errno.
int request_tile_registers();

}  // namespace octavo
