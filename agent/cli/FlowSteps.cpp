#include <algorithm>

#include "agent/authoring/StepDocs.h"
#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

Result<const flow::FamilyRow*> findFamily(const std::string& name) {
  if (const flow::FamilyRow* row = flow::findFamily(name)) return row;
  std::vector<std::string_view> known;
  for (const flow::FamilyRow& row : flow::familyTable()) known.push_back(row.key.name);
  std::string message = "there is no family of steps \"" + base::visible(name) + "\"";
  if (const auto near = base::nearest(name, known)) message += "; did you mean \"" + *near + "\"?";
  return Error{ErrorCode::kNotFound, std::move(message), {"belay flow steps docs"}};
}

Result<api::Envelope> docs(Invocation& invocation) {
  api::Envelope out;
  if (const auto name = invocation.positional(0)) {
    BELAY_ASSIGN(const flow::FamilyRow* row, findFamily(*name));
    out.data.set("step", authoring::describeFamily(*row));
    return out;
  }
  json::Array families;
  for (const flow::FamilyRow& row : flow::familyTable()) {
    Value family;
    family.set("family", row.key.name).set("help", row.key.help);
    family.set("effect", flow::effectClassName(row.effect));
    families.push_back(std::move(family));
  }
  out.data.set("families", std::move(families));
  return out;
}

/// "1 to 200 characters"
std::string boundsOf(const Value& key) {
  const Value* least = key.find("least");
  const Value* most = key.find("most");
  const std::string measure = key.text("measure").empty() ? "" : " " + key.text("measure");
  if (most) return (least ? json::print(*least) : "0") + " to " + json::print(*most) + measure;
  return least ? "at least " + json::print(*least) + measure : "";
}

std::string joined(const Value& list, std::string_view separator) {
  std::string out;
  for (const Value& item : list.asArray()) {
    if (!out.empty()) out += separator;
    out += item.asString();
  }
  return out;
}

/// "list of texts, 1 to 1000 items, required, default [0], with expressions"
std::string kindOf(const Value& key) {
  std::string out = key.text("kind");
  if (const Value* choices = key.find("choices")) out += ": " + joined(*choices, " | ");
  if (const std::string bounds = boundsOf(key); !bounds.empty()) out += ", " + bounds;
  if (key.flag("required")) out += ", required";
  if (const Value* fallback = key.find("default")) out += ", default " + json::print(*fallback);
  if (key.flag("template")) out += ", with expressions";
  if (key.flag("secrets")) out += ", or {secret: NAME}";
  return out;
}

void addKeys(const Invocation& invocation, const Value& keys, const std::string& indent,
             std::string& out) {
  for (const Value& key : keys.asArray()) {
    out += indent + invocation.style().bold(key.text("key")) + "  " +
           invocation.style().dim(kindOf(key)) + "\n" + indent + "    " + key.text("help") + "\n";
    if (const Value* one = key.find("exactly_one"))
      out += indent + "    exactly one of " + joined(*one, ", ") + "\n";
    if (const Value* inner = key.find("keys")) addKeys(invocation, *inner, indent + "    ", out);
  }
}

std::string printDocs(const Invocation& invocation, const Value& data) {
  if (const Value* families = data.find("families")) {
    Table table({"FAMILY", "EFFECT", "WHAT IT DOES"});
    for (const Value& family : families->asArray())
      table.row({family.text("family"), family.text("effect"), family.text("help")});
    invocation.note("read one: belay flow steps docs FAMILY; see it: flow steps examples FAMILY");
    return table.print(invocation.style());
  }
  const Value& step = *data.find("step");
  const Style& style = invocation.style();
  std::string out = style.bold(step.text("family")) + ": " + step.text("help") + "\n";
  out += "  " + kindOf(step) + "; effect " + step.text("effect") +
         (step.text("timeout").empty() ? "" : "; timeout " + step.text("timeout")) + "\n";
  if (const Value* one = step.find("exactly_one"))
    out += "  exactly one of " + joined(*one, ", ") + "\n";
  if (!step.find("keys")->asArray().empty()) {
    out += "\nUnder " + step.text("family") + ":\n";
    addKeys(invocation, *step.find("keys"), "  ", out);
  }
  out += "\nBeside " + step.text("family") + ":\n";
  addKeys(invocation, *step.find("options"), "  ", out);
  return out;
}

Result<api::Envelope> examples(Invocation& invocation) {
  BELAY_ASSIGN(const flow::FamilyRow* row, findFamily(invocation.argument(0)));
  json::Array list;
  for (const authoring::Example& example : authoring::examplesOf(row->key.name)) {
    Value out;
    out.set("title", example.title).set("content", example.text);
    list.push_back(std::move(out));
  }
  api::Envelope out;
  out.data.set("family", row->key.name).set("examples", std::move(list));
  return out;
}

std::string printExamples(const Invocation&, const Value& data) {
  std::string out;
  for (const Value& example : data.find("examples")->asArray())
    out += (out.empty() ? "" : "---\n") + example.text("content");
  return out;
}

}  // namespace

const Command kFlowStepsDocsCommand{
    "flow steps docs",
    "[FAMILY]",
    "what a family of steps takes: keys, bounds, defaults",
    "Made from the tables by which flows are checked. Without FAMILY all families, one line each.",
    {},
    &docs,
    &printDocs};

const Command kFlowStepsExamplesCommand{"flow steps examples",
                                        "FAMILY",
                                        "small flows that show a family of steps",
                                        "Each example is a whole flow, separated by ---.",
                                        {},
                                        &examples,
                                        &printExamples};

}  // namespace belay::cli
