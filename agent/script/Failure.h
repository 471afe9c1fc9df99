#pragma once

#include <string>
#include <string_view>

#include "agent/script/Realm.h"
#include "common/base/Result.h"

namespace belay::script {

/// What an exception says of itself. Its members may be the flow's own getters: they run within the
/// bounds of the call, and one that throws says nothing.
struct Thrown {
  std::string name;
  std::string message;
  std::string stack;
  int line = 0;
  int column = 0;
};
/// Reads a value that was thrown. Must be called within a call of the realm.
Thrown readThrown(Realm& realm, JSValueConst value);
/// "TypeError: not a function", fit to be shown.
std::string describe(const Thrown& thrown);
/// A member of an object as text; empty where there is none.
std::string textMember(Realm& realm, JSValueConst object, const char* name);
/// That an exception says that calls were nested too deeply.
bool isStackOverflow(const Thrown& thrown);

/// Takes the exception that is pending in the realm and says it as an Error: which bound was hit,
/// or what was thrown, where in `source`, and a part of the source.
base::Error takeFailure(Realm& realm, std::string_view source);

/// The same for a source that did not compile: kFlowExpressionSyntax, unless a bound was hit.
base::Error takeSyntaxFailure(Realm& realm, std::string_view source);

/// " for N bytes of stack (…)": the bound of calls that were nested too deeply.
std::string stackBound(const Realm& realm);

/// The error of a bound that was hit although the code went on; ok() if none was.
base::Status checkBounds(const Realm& realm, std::string_view source);

/// A part of a source that fits into a message, on one line and without what a terminal would obey.
std::string excerpt(std::string_view source);

}  // namespace belay::script
