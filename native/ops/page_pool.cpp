#include "ops/page_pool.h"

#include <utility>

namespace octavo {

namespace {

constexpr std::size_t kChunkPages = 16;

}  // namespace

std::byte* PagePool::take() {
  if (free_.empty()) {
    free_.reserve((chunks_.size() + 1) * kChunkPages);
    std::byte* chunk = chunks_.emplace_back().ensure(kChunkPages * page_bytes_);
    for (std::size_t i = kChunkPages; i-- > 0;) free_.push_back(chunk + i * page_bytes_);
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
