#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace octavo {

// Values of Python as the core has them, and back. Nanobind's own casters of containers and arrays end the
// process where memory is short; these throw std::bad_alloc or Python's MemoryError.

/// How numpy and Python's buffer protocol name a type.
struct ElementType {
  std::string_view format;
  const char* numpy;
};

template <typename T>
constexpr ElementType element_type() {
  if constexpr (std::is_same_v<T, float>) return {"f", "float32"};
  if constexpr (std::is_same_v<T, double>) return {"d", "float64"};
  if constexpr (std::is_same_v<T, std::int8_t>) return {"b", "int8"};
  if constexpr (std::is_same_v<T, std::uint8_t>) return {"B", "uint8"};
  if constexpr (std::is_same_v<T, std::uint16_t>) return {"H", "uint16"};
  if constexpr (std::is_same_v<T, std::int16_t>) return {"h", "int16"};
  if constexpr (std::is_same_v<T, std::int32_t>) return {"i", "int32"};
}

/// The elements of a contiguous array, for as long as this lives.
class ArrayView {
 public:
  explicit ArrayView(nanobind::handle array, int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) {
    if (PyObject_GetBuffer(array.ptr(), &buffer_, flags) != 0) throw nanobind::python_error();
  }
  ArrayView(const ArrayView&) = delete;
  ArrayView& operator=(const ArrayView&) = delete;
  ~ArrayView() { PyBuffer_Release(&buffer_); }

  std::size_t size() const { return static_cast<std::size_t>(buffer_.len / buffer_.itemsize); }
  int dimensions() const { return buffer_.ndim; }
  std::size_t extent(int dimension) const { return static_cast<std::size_t>(buffer_.shape[dimension]); }
  void* bytes() const { return buffer_.buf; }

  /// Null where they are of another type.
  template <typename T>
  const T* elements() const {
    return element_type<T>().format == buffer_.format ? static_cast<const T*>(buffer_.buf) : nullptr;
  }

  /// Throws TypeError where they are of another type or shape.
  template <typename T>
  const T* elements(int dimensions) const {
    const T* found = elements<T>();
    if (found == nullptr || buffer_.ndim != dimensions)
      throw nanobind::type_error("an array of another type or shape is needed");
    return found;
  }

 private:
  Py_buffer buffer_;
};

/// A numpy array of these values, of a shape that holds as many.
template <typename T, typename... Extents>
nanobind::object to_numpy(const std::vector<T>& values, Extents... shape) {
  nanobind::object array = nanobind::module_::import_("numpy").attr("empty")(nanobind::make_tuple(shape...),
                                                                             element_type<T>().numpy);
  if (!values.empty()) {
    const ArrayView view(array, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE);
    std::memcpy(view.bytes(), values.data(), values.size() * sizeof(T));
  }
  return array;
}

template <typename T>
nanobind::object to_numpy(const std::vector<T>& values) {
  return to_numpy(values, values.size());
}

/// Throws TypeError where the value is no number, or none that T can be.
template <typename T>
T number(nanobind::handle value) {
  T found{};
  if (!nanobind::try_cast<T>(value, found)) throw nanobind::type_error("a number of another kind is needed");
  return found;
}

inline std::string text(nanobind::handle value) {
  Py_ssize_t size = 0;
  const char* letters = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (letters == nullptr) throw nanobind::python_error();
  return {letters, static_cast<std::size_t>(size)};
}

/// What `convert` makes of each item of something that can be iterated over.
template <class Convert>
auto each(nanobind::handle items, Convert convert) {
  std::vector<decltype(convert(nanobind::handle()))> found;
  for (const nanobind::handle item : items) found.push_back(convert(item));
  return found;
}

template <typename T>
std::vector<T> numbers(nanobind::handle items) {
  return each(items, number<T>);
}

/// The token ids of an int32 array.
inline std::vector<std::int32_t> token_ids(nanobind::handle array) {
  const ArrayView view(array);
  const auto* ids = view.elements<std::int32_t>(1);
  return {ids, ids + view.size()};
}

}  // namespace octavo
