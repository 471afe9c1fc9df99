#pragma once

#include <string>
#include <string_view>

#include "agent/cli/Style.h"

namespace belay::cli {

/// How a content is shown to people.
enum class Viewer { kText, kJson, kTable, kDiff };

/// By its media type and name; text for what is none of the others.
Viewer viewerFor(std::string_view mediaType, std::string_view name);
/// The content as lines for a terminal: nothing in it moves the cursor. What is not what it should
/// be is shown as text.
std::string view(std::string_view content, Viewer viewer, const Style& style);

}  // namespace belay::cli
