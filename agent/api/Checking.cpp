#include "agent/api/Checking.h"

#include <algorithm>

#include "agent/api/Exchange.h"

namespace belay::api {

using base::Error;
using base::Result;
using base::Status;
using json::Value;

Result<FlowText> readFlowText(const Value& body) {
  FlowText out;
  BELAY_ASSIGN(out.text, textMember(body, "content"));
  BELAY_ASSIGN(out.file, textMember(body, "file"));
  if (out.file.empty()) out.file = "flow.yaml";
  out.format = flow::formatOf(out.file);
  return out;
}

flow::Checked checkFlowText(const FlowText& content, const flow::SyntaxCheck& syntax) {
  return flow::checkFlow(content.text, content.file, content.format, syntax);
}

Error firstError(const flow::Checked& checked) {
  const auto found = std::find_if(
      checked.diagnostics.begin(), checked.diagnostics.end(),
      [](const flow::Diagnostic& d) { return d.severity == flow::Severity::kError; });
  BELAY_CHECK(found != checked.diagnostics.end());
  Error error{found->code, found->message + (found->hint.empty() ? "" : "; " + found->hint)};
  const auto errors = std::count_if(
      checked.diagnostics.begin(), checked.diagnostics.end(),
      [](const flow::Diagnostic& d) { return d.severity == flow::Severity::kError; });
  if (errors > 1) error.message += " (and " + std::to_string(errors - 1) + " more)";
  error.actions = {"belay flow validate " + found->place.file,
                   "belay explain " + std::string(base::errorText(found->code))};
  return std::move(error).at(found->place);
}

Value diagnosticsToJson(const flow::Checked& checked) {
  json::Array list;
  for (const flow::Diagnostic& diagnostic : checked.diagnostics) {
    Value out;
    out.set("severity", diagnostic.severity == flow::Severity::kError ? "error" : "warning");
    out.set("code", base::errorText(diagnostic.code)).set("message", diagnostic.message);
    if (!diagnostic.hint.empty()) out.set("hint", diagnostic.hint);
    out.set("file", diagnostic.place.file).set("line", diagnostic.place.line);
    out.set("column", diagnostic.place.column).set("pointer", diagnostic.place.pointer);
    list.push_back(std::move(out));
  }
  Value data;
  data.set("diagnostics", std::move(list));
  return data;
}

Status storeFlow(runtime::Runtime& runtime, const flow::Flow& flow, const FlowText& content) {
  const std::int64_t nowMs = runtime.clock().wallMs();
  const std::string format = content.format == flow::Format::kJson ? "json" : "yaml";
  BELAY_TRY(runtime.journal().putFlow(
      journal::FlowRow{flow.digest, flow.slug.str(), format, content.text, nowMs}));
  BELAY_TRY(runtime.journal().setDraft(flow.slug.str(), flow.digest, nowMs));
  static_cast<void>(runtime.flows().put(flow));
  return {};
}

}  // namespace belay::api
