#pragma once

#include <nanobind/ndarray.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

namespace octavo {

using Tokens =
    nanobind::ndarray<const std::int32_t, nanobind::ndim<1>, nanobind::c_contig, nanobind::device::cpu>;

/// A numpy array of these values.
template <typename T>
nanobind::object to_numpy(const std::vector<T>& values, std::initializer_list<std::size_t> shape) {
  auto copy = std::make_unique<T[]>(values.empty() ? 1 : values.size());
  std::copy(values.begin(), values.end(), copy.get());
  nanobind::capsule owner(copy.get(), [](void* p) noexcept { delete[] static_cast<T*>(p); });
  T* data = copy.release();
  return nanobind::cast(nanobind::ndarray<nanobind::numpy, T>(data, shape, owner));
}

inline std::vector<std::int32_t> to_vector(const Tokens& tokens) {
  return {tokens.data(), tokens.data() + tokens.size()};
}

}  // namespace octavo
