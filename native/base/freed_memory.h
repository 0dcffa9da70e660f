#pragma once

namespace octavo {

/// Gives memory that has been freed back to the system, where the C library would keep it: tensors that come
/// and go while a model loads leave holes, and what a stream's thread has freed stays in that thread's arena.
void return_freed_memory() noexcept;

}  // namespace octavo
