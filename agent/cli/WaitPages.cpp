#include "agent/cli/WaitPages.h"

#include "agent/cli/RunPages.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::cli {

using json::Value;

namespace {

std::string listOf(const Value& texts) {
  std::string out;
  for (const Value& text : texts.asArray()) {
    if (text.isString()) out += (out.empty() ? "" : ", ") + shown(text.asString());
  }
  return out;
}

std::string artifactsOf(const Style& style, const Value& artifacts) {
  Table table({"ARTIFACT", "SIZE", "TYPE", "LOOK AT IT"});
  for (const Value& artifact : artifacts.asArray()) {
    table.row({artifact.text("name"),
               base::formatBytes(static_cast<std::uint64_t>(artifact.integer("size"))),
               artifact.text("media_type"), "belay resource cat " + artifact.text("ref")});
  }
  return table.empty() ? "" : "\n" + table.print(Style(style.color(), 0));
}

std::string formOf(const Style& style, const Value& form) {
  const Value* properties = form.find("properties");
  if (!properties || !properties->isObject()) return "";
  Table table({"FIELD", "TYPE", "ABOUT"});
  for (const json::Member& property : properties->asObject()) {
    table.row({property.first, property.second.text("type"), property.second.text("description")});
  }
  return table.empty() ? "" : "\n" + table.print(style);
}

}  // namespace

std::string waitPage(const Style& style, const Value& wait, std::int64_t nowMs) {
  std::string out = style.bold(wait.text("id")) + "  " + wait.text("kind") + "  " +
                    style.status(wait.text("status")) + "\n";
  if (!wait.text("summary").empty()) out += "  " + shown(wait.text("summary")) + "\n";
  out += style.dim("run       ") + wait.text("run") + " of " + shown(wait.text("flow")) +
         ", step " + shown(wait.text("step")) + "\n";
  out += style.dim("opened    ") + relative(wait.text("opened_at"), nowMs) + "\n";
  if (!wait.text("expires_at").empty()) {
    out += style.dim("expires   ") + relative(wait.text("expires_at"), nowMs) + " (" +
           wait.text("expires_at") + ")\n";
  }
  if (!wait.text("event").empty())
    out += style.dim("event     ") + shown(wait.text("event")) + "\n";
  if (!wait.text("request_digest").empty()) {
    out += style.dim("digest    ") + wait.text("request_digest") + "\n";
  }
  if (const Value* request = wait.find("request")) {
    if (const Value* schema = request->find("schema"))
      out += style.dim("schema    ") + brief(*schema) + "\n";
    if (const Value* approvers = request->find("approvers"); approvers && approvers->isArray()) {
      out += style.dim("approvers ") + listOf(*approvers) + "\n";
    }
    if (const Value* artifacts = request->find("artifacts"); artifacts && artifacts->isArray()) {
      out += artifactsOf(style, *artifacts);
    }
    if (const Value* form = request->find("form")) out += formOf(style, *form);
  }
  const std::string actions = actionsPage(style, wait.find("actions"));
  return actions.empty() ? out : out + "\n" + actions;
}

}  // namespace belay::cli
