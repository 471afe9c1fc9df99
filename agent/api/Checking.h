#pragma once

#include <string>

#include "agent/api/Exchange.h"
#include "agent/flow/Validate.h"
#include "agent/runtime/FlowLifecycle.h"
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

/// Reads `content`, `file` and the included `files` of a body. Errors: kInvalidArgument.
base::Result<FlowText> readFlowText(const json::Value& body);
/// Reads `if_draft` and `force` of a body. Errors: kInvalidArgument.
base::Result<runtime::DraftRule> readDraftRule(const json::Value& body);
/// The caller, with the `origin` of a body. Errors: kInvalidArgument.
base::Result<runtime::Author> readAuthor(const Exchange& exchange, const json::Value& body);
/// Parses and validates. Threads: that of `syntax`.
flow::Checked checkFlowText(const FlowText& content, const flow::SyntaxCheck& syntax);
/// The error that stands for all, with its place. There is one (checked).
base::Error firstError(const flow::Checked& checked);
/// {"diagnostics":[{"severity","code","message","hint","file","line","column","pointer"}]}
json::Value diagnosticsToJson(const flow::Checked& checked);
/// A checked flow as the journal keeps it. Threads: the loop.
journal::FlowRow flowRow(runtime::Runtime& runtime, const flow::Flow& flow,
                         const FlowText& content);
/// Puts a checked flow into the journal and makes it the draft of its slug. Threads: the loop.
base::Result<runtime::DraftPut> storeFlow(runtime::Runtime& runtime, const flow::Flow& flow,
                                          const FlowText& content, const runtime::DraftRule& rule,
                                          const runtime::Author& author);
/// {"replaced_draft","replaced_draft_by"}: what a new draft took the place of, where it did.
void addReplaced(json::Value& data, const runtime::DraftPut& put);
/// {"number","digest","note","released_at","released_by"}
json::Value releaseToJson(const journal::FlowChangeRow& row);

}  // namespace belay::api
