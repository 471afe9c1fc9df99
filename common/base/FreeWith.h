#pragma once

namespace belay::base {

/// Deleter for C handles: `std::unique_ptr<sqlite3_stmt, FreeWith<&sqlite3_finalize>>`.
template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* raw) const noexcept {
    static_cast<void>(Free(raw));
  }
};

}  // namespace belay::base
