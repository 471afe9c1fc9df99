#pragma once

#include <string>

#include "agent/flow/Validate.h"
#include "agent/runtime/Runtime.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::api {

/// A flow file as it came, with the name that its diagnostics show.
struct FlowText {
  std::string text;  ///< Empty: none was given.
  std::string file;
  flow::Format format = flow::Format::kYaml;
};

/// Reads `content` and `file` of a body. Errors: kInvalidArgument.
base::Result<FlowText> readFlowText(const json::Value& body);
/// Parses and validates. Threads: that of `syntax`.
flow::Checked checkFlowText(const FlowText& content, const flow::SyntaxCheck& syntax);
/// The error that stands for all, with its place. There is one (checked).
base::Error firstError(const flow::Checked& checked);
/// {"diagnostics":[{"severity","code","message","hint","file","line","column","pointer"}]}
json::Value diagnosticsToJson(const flow::Checked& checked);
/// Puts a checked flow into the journal and makes it the draft of its slug. Threads: the loop.
base::Status storeFlow(runtime::Runtime& runtime, const flow::Flow& flow, const FlowText& content);

}  // namespace belay::api
