#pragma once

#include <quickjs/quickjs.h>

namespace belay::script {

/// Puts the object `belay` on a new realm's global object: encodings, digests and times for
/// expressions and functions (docs/flows.md). They count as work of the call.
void addHelpers(JSContext* context, JSValueConst global);

}  // namespace belay::script
