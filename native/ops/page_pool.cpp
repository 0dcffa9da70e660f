#include "ops/page_pool.h"

#include <algorithm>
#include <utility>

namespace octavo {

namespace {

constexpr std::size_t kMostChunkPages = 16;
constexpr std::size_t kMostChunkBytes = std::size_t{1} << 20;  // unless a page is larger

/// Pages that are allocated together: many small ones, or one that is large by itself.
std::size_t chunk_pages(std::size_t page_bytes) {
  return std::clamp(kMostChunkBytes / std::max<std::size_t>(page_bytes, 1), std::size_t{1}, kMostChunkPages);
}

}  // namespace

std::byte* PagePool::take() {
  if (free_.empty()) {
    const std::size_t pages = chunk_pages(page_bytes_);
    free_.reserve((chunks_.size() + 1) * pages);
    std::byte* chunk = chunks_.emplace_back().ensure(pages * page_bytes_);
    for (std::size_t i = pages; i-- > 0;) free_.push_back(chunk + i * page_bytes_);
  }
  std::byte* page = free_.back();
  free_.pop_back();
  return page;
}

PageList& PageList::operator=(PageList&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(pages_, other.pages_);
  return *this;
}

void PageList::extend(std::size_t pages) {
  pages_.reserve(pages);
  while (pages_.size() < pages) pages_.push_back(pool_->take());
}

void PageList::clear() {
  for (std::byte* page : pages_) pool_->give_back(page);
  pages_.clear();
}

}  // namespace octavo
