#include "agent/api/Checking.h"

#include <algorithm>

#include "agent/flow/Bundle.h"
#include "common/base/Units.h"

namespace belay::api {

using base::Error;
using base::Result;
using json::Value;

Result<FlowText> readFlowText(const Value& body) {
  FlowText out;
  BELAY_ASSIGN(out.text, textMember(body, "content"));
  BELAY_ASSIGN(out.file, textMember(body, "file"));
  if (out.file.empty()) out.file = "flow.yaml";
  out.format = flow::formatOf(out.file);
  const Value* files = body.find("files");
  if (!files) return out;
  const bool wellFormed =
      files->isObject() &&
      std::all_of(files->asObject().begin(), files->asObject().end(),
                  [](const json::Member& file) { return file.second.isString(); });
  if (!wellFormed) {
    return Error{base::ErrorCode::kInvalidArgument,
                 "\"files\" must be an object of texts, by the names that the flow includes"};
  }
  if (files->asObject().empty()) return out;
  flow::Bundle bundle{out.format, std::move(out.text), {}};
  for (const json::Member& file : files->asObject())
    bundle.files.emplace(file.first, file.second.asString());
  out.text = flow::printBundle(bundle);
  out.format = flow::Format::kBundle;
  return out;
}

Result<runtime::DraftRule> readDraftRule(const Value& body) {
  runtime::DraftRule rule;
  BELAY_ASSIGN(rule.ifDraft, textMember(body, "if_draft"));
  BELAY_ASSIGN(rule.force, flagMember(body, "force"));
  return rule;
}

Result<runtime::Author> readAuthor(const Exchange& exchange, const Value& body) {
  constexpr std::size_t kPathBytesMost = 4096;
  runtime::Author author{exchange.caller().shown(), ""};
  BELAY_ASSIGN(author.origin, textMember(body, "origin"));
  if (author.origin.size() <= kPathBytesMost) return author;
  return Error{base::ErrorCode::kInvalidArgument, "\"origin\" has at most 4096 bytes"};
}

flow::Checked checkFlowText(const FlowText& content, const flow::SyntaxCheck& syntax) {
  return flow::checkFlow(content.text, content.file, content.format, syntax);
}

Error firstError(const flow::Checked& checked) {
  const auto found =
      std::find_if(checked.diagnostics.begin(), checked.diagnostics.end(),
                   [](const flow::Diagnostic& d) { return d.severity == flow::Severity::kError; });
  BELAY_CHECK(found != checked.diagnostics.end());
  Error error{found->code, found->message + (found->hint.empty() ? "" : "; " + found->hint)};
  const auto errors =
      std::count_if(checked.diagnostics.begin(), checked.diagnostics.end(),
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

journal::FlowRow flowRow(runtime::Runtime& runtime, const flow::Flow& flow,
                         const FlowText& content) {
  return journal::FlowRow{flow.digest, flow.slug.str(),
                          std::string(flow::formatName(content.format)), content.text,
                          runtime.clock().wallMs()};
}

Result<runtime::DraftPut> storeFlow(runtime::Runtime& runtime, const flow::Flow& flow,
                                    const FlowText& content, const runtime::DraftRule& rule,
                                    const runtime::Author& author) {
  BELAY_ASSIGN(runtime::DraftPut put,
               runtime::putDraft(runtime.journal(), flowRow(runtime, flow, content), rule, author));
  static_cast<void>(runtime.flows().put(flow));
  return put;
}

void addReplaced(Value& data, const runtime::DraftPut& put) {
  if (put.replaced.empty()) return;
  data.set("replaced_draft", put.replaced);
  if (!put.replacedBy.empty()) data.set("replaced_draft_by", put.replacedBy);
}

Value releaseToJson(const journal::FlowChangeRow& row) {
  Value out;
  out.set("number", row.release).set("digest", row.digest).set("note", row.note);
  out.set("released_at", base::formatInstant(row.atMs)).set("released_by", row.by);
  return out;
}

}  // namespace belay::api
