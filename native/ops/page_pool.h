#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"

namespace octavo {

/// Pages of equal size on cache lines, zero when first taken. Memory grows by chunks and is kept until the
/// pool goes.
class PagePool {
 public:
  explicit PagePool(std::size_t page_bytes) : page_bytes_(page_bytes) {}

  std::size_t page_bytes() const { return page_bytes_; }
  std::byte* take();
  void give_back(std::byte* page) { free_.push_back(page); }

 private:
  std::size_t page_bytes_;
  std::vector<AlignedBuffer<std::byte>> chunks_;
  std::vector<std::byte*> free_;
};

/// Pages that somebody has taken, given back when it goes. The pool must outlive it.
class PageList {
 public:
  explicit PageList(PagePool& pool) : pool_(&pool) {}
  PageList(PageList&& other) noexcept = default;
  PageList& operator=(PageList&& other) noexcept;
  ~PageList() { clear(); }

  std::size_t size() const { return pages_.size(); }
  std::span<std::byte* const> pages() const { return pages_; }
  void extend(std::size_t pages);

 private:
  void clear();

  PagePool* pool_;
  std::vector<std::byte*> pages_;
};

}  // namespace octavo
