#pragma once

#include <string_view>

#include "agent/script/Realm.h"
#include "common/base/Result.h"

namespace belay::script {

/// Takes the exception that is pending in the realm and says it as an Error: which bound was hit,
/// or what was thrown, where in `source`, and a part of the source.
base::Error takeFailure(Realm& realm, std::string_view source);

/// The same for a source that did not compile: kFlowExpressionSyntax, unless a bound was hit.
base::Error takeSyntaxFailure(Realm& realm, std::string_view source);

/// The error of a bound that was hit although the code went on; ok() if none was.
base::Status checkBounds(const Realm& realm, std::string_view source);

/// A part of a source that fits into a message, on one line and without what a terminal would obey.
std::string excerpt(std::string_view source);

}  // namespace belay::script
