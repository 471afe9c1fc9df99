#pragma once

#include <string>
#include <string_view>

#include "agent/flow/Flow.h"
#include "agent/flow/Validate.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::flow {

/// What the code of a flow calls, as a step. Its texts are values, not templates: an expression in
/// them stays the text that it is.
struct CallStep {
  Step step;
  json::Value spec;  ///< Under the family's key, to be rendered as that of any step.
  /// The definition under `compensate`, which is a call too; empty: none. Step::undo is set then.
  std::string undoJson;
};

/// What the definition under `compensate` of a call may have, so that it stands in the journal.
inline constexpr std::size_t kUndoBytesMax = 4096;

/// Checks a call by the tables that steps of files are checked by, and by what code may not have.
/// `name` is an identifier. A text output stands for its text, and a resource among the artifacts
/// of an approval for its reference, as where an expression gives one. Errors: of the area "Flows",
/// with the hint behind the message. kStored: a call that was recorded.
base::Status checkCall(const Flow& flow, std::string_view name, std::string_view definitionJson,
                       Content content = Content::kNew);

/// Whether a key of steps, a family or an option, stands in calls too.
bool isKeyOfCalls(std::string_view key);
/// Text of config/belay.d.ts: the types of code for editors, made from the tables.
std::string codeTypes();

/// Makes the step of a call that was found right.
/// Errors: kJsonSyntax, kFlowNoFamily: then it never was.
base::Result<CallStep> callStep(const Flow& flow, std::string_view name,
                                std::string_view definitionJson);

}  // namespace belay::flow
