#include "agent/authoring/Templates.h"
#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "common/base/Files.h"
#include "common/base/Ids.h"
#include "common/base/Text.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"template", 't', "NAME", "what to begin with; --list names them"},
    {"list", 0, "", "list the templates"},
    {"output", 'o', "FILE", "write it to a file instead of standard output"},
    {"force", 0, "", "write over a file that is there"},
};

api::Envelope listTemplates() {
  json::Array list;
  for (const authoring::Template& one : authoring::allTemplates()) {
    Value entry;
    entry.set("name", one.name).set("summary", one.summary).set("ending", one.ending);
    list.push_back(std::move(entry));
  }
  api::Envelope out;
  out.data.set("templates", std::move(list));
  return out;
}

Error unknownTemplate(const std::string& name) {
  std::vector<std::string_view> known;
  for (const authoring::Template& one : authoring::allTemplates()) known.push_back(one.name);
  std::string message = "there is no template \"" + base::visible(name) + "\"";
  if (const auto near = base::nearest(name, known)) message += "; did you mean \"" + *near + "\"?";
  return Error{ErrorCode::kNotFound, std::move(message), {"belay flow new --list"}};
}

/// The ending of a file's name says what is in it.
base::Status checkEnding(const authoring::Template& from, const std::string& file) {
  const bool code = from.ending.ends_with(".js");
  const bool fits =
      code ? file.ends_with(".js") : file.ends_with(".yaml") || file.ends_with(".yml");
  if (fits) return {};
  const std::string name(from.name), ending(from.ending);
  return Error{ErrorCode::kUsage, "template " + name + " is " + (code ? "JavaScript" : "YAML") +
                                      "; give --output a name that ends in " + ending + ", not " +
                                      shown(file)};
}

Result<api::Envelope> newFlow(Invocation& invocation) {
  if (invocation.has("list")) return listTemplates();
  const auto word = invocation.positional(0);
  if (!word || !invocation.has("template")) {
    return Error{ErrorCode::kUsage,
                 "a new flow needs a slug and a template",
                 {"belay flow new SLUG --template NAME", "belay flow new --list"}};
  }
  BELAY_ASSIGN(const base::Slug slug, base::Slug::parse(*word));
  const std::string name = invocation.flag("template");
  const auto from = authoring::findTemplate(name);
  if (!from) return unknownTemplate(name);
  const std::string content = authoring::withSlug(*from, slug.str());
  const std::string file = invocation.flag("output");
  if (!file.empty()) BELAY_TRY(checkEnding(*from, file));
  api::Envelope out;
  out.data.set("flow", slug.str()).set("template", name).set("content", content);
  if (file.empty()) return out;
  BELAY_TRY(invocation.mayWrite(file));
  BELAY_TRY(base::writeFileDurably(file, content, 0644));
  out.data.set("file", file);
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  if (const Value* templates = data.find("templates")) {
    Table table({"TEMPLATE", "WHAT IT IS"});
    for (const Value& one : templates->asArray())
      table.row({one.text("name"), one.text("summary")});
    invocation.note("begin with one: belay flow new SLUG --template NAME --output SLUG.flow.yaml");
    return table.print(invocation.style());
  }
  const std::string file = data.text("file");
  if (file.empty()) return data.text("content");
  invocation.note("check it: belay flow validate " + shown(file));
  return "wrote " + shown(file) + "\n";
}

}  // namespace

const Command kFlowNewCommand{
    "flow new",
    "[SLUG]",
    "begin a flow with a template",
    "Prints the flow, or writes it with --output. Every template is a whole flow that validates as "
    "it is.",
    kFlags,
    &newFlow,
    &print};

}  // namespace belay::cli
