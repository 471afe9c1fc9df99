#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "common/base/Text.h"
#include "embedded/Embedded.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

Error unknownCode(const std::string& code) {
  std::vector<std::string_view> known;
  for (const base::ErrorRow& row : base::errorTable()) known.push_back(row.text);
  std::string upper;
  for (const char c : code) upper += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  std::string message = "there is no error code \"" + base::visible(code) + "\"";
  std::vector<std::string> actions{"belay explain"};
  if (const auto near = base::nearest(upper, known)) {
    message += "; did you mean " + *near + "?";
    actions.insert(actions.begin(), "belay explain " + *near);
  }
  return Error{ErrorCode::kNotFound, std::move(message), std::move(actions)};
}

Value rowToJson(const base::ErrorRow& row) {
  Value out;
  out.set("code", row.text).set("summary", row.summary);
  out.set("exit_code", row.exitCode).set("http_status", row.httpStatus);
  return out;
}

Result<api::Envelope> explain(Invocation& invocation) {
  api::Envelope out;
  const auto wanted = invocation.positional(0);
  if (!wanted) {
    json::Array codes;
    for (const base::ErrorRow& row : base::errorTable()) codes.push_back(rowToJson(row));
    out.data.set("codes", std::move(codes));
    return out;
  }
  auto code = base::errorFromText(*wanted);
  if (!code) code = base::errorFromText("BLY-" + *wanted);
  if (!code) return unknownCode(*wanted);
  const base::ErrorRow& row = base::errorRow(*code);
  out.data = rowToJson(row);
  const embedded::File* page = embedded::find("docs/errors/" + std::string(row.text) + ".md");
  out.data.set("page", page ? page->content : std::string_view(row.summary));
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  const Value* codes = data.find("codes");
  if (!codes) return data.text("page") + (data.text("page").ends_with("\n") ? "" : "\n");
  Table table({"CODE", "EXIT", "MEANING"});
  for (const Value& code : codes->asArray()) {
    table.row({code.text("code"), std::to_string(code.integer("exit_code")), code.text("summary")});
  }
  return table.print(invocation.style());
}

}  // namespace

const Command kExplainCommand{
    "explain",
    "[CODE]",
    "explain an error code: what it means, why, and what to do",
    "CODE is BLY-…, in any case, with or without BLY-. Without CODE: all of them.",
    {},
    &explain,
    &print};

}  // namespace belay::cli
