#pragma once

#include <string>
#include <string_view>

namespace belay::base {

/// Text as it stands between tags and in attributes with double quotes, of HTML and XML.
/// `apostrophe`: what stands for one, of which the two have different names ("&#39;" both know).
std::string escapeMarkup(std::string_view text, std::string_view apostrophe);

}  // namespace belay::base
