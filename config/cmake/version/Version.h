#pragma once

#include <span>
#include <string_view>

/// What this binary is, and what is linked into it.
///
/// Threads: any; everything is constant.
namespace belay::version {

/// A library that is linked in statically, as built by config/cmake/deps.sh.
struct Dependency {
  std::string_view name;     ///< "mbedtls"
  std::string_view version;  ///< upstream's: "3.6.6"
  std::string_view package;  ///< Debian's: "3.6.6-0.1~deb13u1"
};

/// Returns "0.1.0" for a tagged release, else "0.1.0-dev+<commit>" (".dirty" follows when files had
/// changed).
std::string_view string() noexcept;

/// Returns the dependencies, sorted by name.
std::span<const Dependency> dependencies() noexcept;

}  // namespace belay::version
