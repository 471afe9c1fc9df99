#pragma once

#include <string_view>

namespace belay::flow {

/// Whether the code of a flow may use the secret `name`: where it says `secret: "NAME"`, and, since
/// `secret:` may be followed by something that only running it would tell, wherever such code has
/// NAME as a text of its own. What it puts together from pieces is not seen; what stands in a
/// comment counts. Threads: any. Errors: none.
bool codeNamesSecret(std::string_view source, std::string_view name);

}  // namespace belay::flow
