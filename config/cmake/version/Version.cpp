#include "version/Version.h"

#include <array>

#include "belay_version.h"

namespace belay::version {
namespace {

constexpr auto kDependencies = std::to_array<Dependency>({BELAY_DEPENDENCIES});

}  // namespace

std::string_view string() noexcept { return BELAY_VERSION; }

std::span<const Dependency> dependencies() noexcept { return kDependencies; }

}  // namespace belay::version
