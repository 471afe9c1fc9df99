#pragma once

#include <cstdint>
#include <string_view>

#include "agent/script/Realm.h"
#include "common/base/Result.h"

namespace belay::script {

/// How a source becomes a function of the realm.
enum class SourceForm : std::uint8_t {
  kExpression,       ///< One expression; the function takes nothing and gives its value.
  kInputExpression,  ///< The same, with the parameter `input`.
  kInputBody,        ///< The body of a function with the parameter `input`.
};

/// Compiles a source in strict mode. The function keeps nothing between calls: what the source
/// makes, it makes anew each time.
///
/// The source stands within brackets of ours. It is compiled twice, within different brackets, so
/// that one which closes them itself is refused instead of running outside.
///
/// `label` names it in stack traces, as `<expression>`. Must be called within a call of the realm.
/// Errors: kFlowExpressionSyntax with the place in `source`; kLimit when it is longer than
/// Limits::sourceBytes; kExpressionMemory, kExpressionStack.
base::Result<JsValue> compile(Realm& realm, std::string_view source, SourceForm form,
                              const char* label);

}  // namespace belay::script
