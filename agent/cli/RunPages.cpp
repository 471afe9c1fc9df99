#include "agent/cli/RunPages.h"

#include <cstdio>
#include <utility>

#include "common/json/Json.h"

namespace belay::cli {

using json::Value;

namespace {

std::string field(const Style& style, const std::string& name, const std::string& text) {
  constexpr std::size_t kNameWidth = 10;
  const std::size_t pad = name.size() < kNameWidth ? kNameWidth - name.size() : 1;
  return style.dim(name) + std::string(pad, ' ') + text + "\n";
}

std::string errorText(const Value& error) {
  return shown(error.text("message")) + " [" + shown(error.text("code")) + "]";
}

/// "codex: 107 tokens, $0.25"
std::string agentText(const Value& agent) {
  std::string out = agent.text("name") + ": " + std::to_string(agent.integer("tokens")) + " tokens";
  const Value* cost = agent.find("cost_usd");
  if (!cost || !cost->isNumber()) return out;
  char text[32];
  std::snprintf(text, sizeof text, ", $%.2f", cost->asNumber());
  return out + text;
}

/// What the last column says of a visit: the thing to know first.
std::string noteOf(const Value& step) {
  if (const Value* wait = step.find("wait")) {
    const std::string status = wait->text("status");
    if (status == "open") return wait->text("kind") + " " + wait->text("id");
    return status + (wait->text("by").empty() ? "" : " by " + wait->text("by"));
  }
  if (const Value* error = step.find("error")) return error->text("message");
  if (const Value* child = step.find("child"); child && step.text("status") != "backoff") {
    return "run " + child->text("run") + " " + child->text("status");
  }
  if (const Value* attempts = step.find("attempts")) {
    const Value& last = attempts->asArray().back();
    const Value* error = last.find("error");
    if (step.text("status") == "backoff" && error) return error->text("message");
    if (attempts->asArray().size() > 1)
      return std::to_string(attempts->asArray().size()) + " attempts";
  }
  if (!step.text("progress").empty()) return step.text("progress");
  if (!step.text("ambiguous").empty()) return step.text("ambiguous");
  if (const Value* agent = step.find("agent")) return agentText(*agent);
  return step.text("title");
}

Table stepTable(const Value& steps, std::int64_t nowMs) {
  Table table({"STEP", "FAMILY", "STATUS", "STARTED", "TOOK", ""});
  for (const Value& step : steps.asArray()) {
    const std::int64_t visit = step.integer("visit", 1);
    const std::string name = step.text("step") + (visit > 1 ? " #" + std::to_string(visit) : "");
    const std::string status = step.text("status");
    table.row({name,
               step.text("family", "–"),
               {status, Style::toneOf(status)},
               relative(step.text("started_at"), nowMs),
               lasting(step.integer("duration_ms")),
               {noteOf(step), Style::Tone::kDim}});
  }
  return table;
}

std::string pretty(const Value& value) {
  std::string out;
  for (const char c : json::printPretty(value)) {
    out += c;
    if (c == '\n') out += "  ";
  }
  return "  " + out + "\n";
}

/// A text that was cut reads so that nobody takes it for the whole.
std::string valuePage(const Style& style, const std::string& name, const Value& holder) {
  const Value* value = holder.find(name);
  if (value) return style.bold(name) + "\n" + pretty(*value);
  const std::int64_t bytes = holder.integer(name + "_bytes");
  return bytes == 0 ? "" : style.bold(name) + "\n  " + std::to_string(bytes) + " bytes\n";
}

/// The last moments of a list: what was done to the run, or what its code has said (ctx.log).
std::string momentsPage(const Style& style, const Value* moments, std::string_view member,
                        std::int64_t nowMs) {
  constexpr std::size_t kLines = 20;
  if (!moments || !moments->isArray() || moments->asArray().empty()) return "";
  std::size_t left = moments->asArray().size();
  std::string out = "\n";
  if (left > kLines) out += std::to_string(left - kLines) + " more before, see --json\n";
  for (const Value& moment : moments->asArray()) {
    if (left-- > kLines) continue;
    out += style.dim(relative(moment.text("at"), nowMs));
    out += " ";
    out += shown(moment.text(member));
    // Whom the host let begin, nobody did.
    if (const std::string by = moment.text("by"); !by.empty()) out += " by " + shown(by);
    out += "\n";
  }
  return out;
}

}  // namespace

std::string brief(const Value& value, std::size_t columns) {
  return shorten(shown(value.isString() ? value.asString() : json::print(value)), columns);
}

std::string actionsPage(const Style& style, const Value* actions) {
  if (!actions || !actions->isArray() || actions->asArray().empty()) return "";
  std::string out = style.dim("next:") + "\n";
  for (const Value& action : actions->asArray()) {
    if (action.isString()) out += "  " + shown(action.asString()) + "\n";
  }
  return out;
}

std::string runPage(const Style& style, const Value& data, std::int64_t nowMs) {
  const Value* run = data.find("run");
  const Value* steps = data.find("steps");
  if (!run || !steps || !steps->isArray()) return "";
  const std::string status = run->text("status");
  std::string out = style.bold(run->text("id")) + " of " + shown(run->text("flow")) + "  " +
                    style.status(status) + "\n";
  if (!run->text("reason").empty()) out += "  " + shown(run->text("reason")) + "\n";
  out += field(style, "started",
               relative(run->text("created_at"), nowMs) + " by " + shown(run->text("started_by")) +
                   " (" + run->text("created_at") + ")");
  out += field(style, "took", lasting(run->integer("duration_ms")));
  out +=
      field(style, "release", shown(run->text("source")) + " " + run->text("digest").substr(0, 19));
  if (!run->text("parent").empty()) {
    out +=
        field(style, "parent", run->text("parent") + ", step " + shown(run->text("parent_step")));
  }
  if (const Value* input = run->find("input")) out += field(style, "input", brief(*input));
  if (const Value* state = run->find("state"); state && !(*state == Value(json::Object{}))) {
    out += field(style, "state", brief(*state));
  }
  if (const Value* output = run->find("output")) out += field(style, "output", brief(*output, 400));
  if (const Value* error = run->find("error")) {
    out += field(style, "error", style.paint(Style::Tone::kBad, errorText(*error)));
  }
  out += "\n" + stepTable(*steps, nowMs).print(style);
  if (data.flag("truncated"))
    out += style.dim("earlier visits are not shown; `belay run show --json` neither") + "\n";
  out += momentsPage(style, data.find("log"), "text", nowMs);
  out += momentsPage(style, data.find("controls"), "what", nowMs);
  const std::string actions = actionsPage(style, data.find("actions"));
  return actions.empty() ? out : out + "\n" + actions;
}

std::string stepPage(const Style& style, const Value& data, std::int64_t nowMs) {
  const Value* steps = data.find("steps");
  if (!steps || !steps->isArray() || steps->asArray().empty())
    return "the run has not come to this step\n";
  std::string out;
  for (const Value& step : steps->asArray()) {
    if (!out.empty()) out += "\n";
    out += style.bold(shown(step.text("step")) + " #" + std::to_string(step.integer("visit", 1))) +
           "  " + style.status(step.text("status")) + "\n";
    out += field(style, "family",
                 step.text("family", "–") +
                     (step.text("effect").empty() ? "" : " (" + step.text("effect") + ")"));
    out += field(style, "started", relative(step.text("started_at"), nowMs));
    out += field(style, "took", lasting(step.integer("duration_ms")));
    if (const Value* error = step.find("error")) out += field(style, "error", errorText(*error));
    if (!step.text("progress").empty()) out += field(style, "progress", step.text("progress"));
    if (!step.text("idempotency_key").empty())
      out += field(style, "key", step.text("idempotency_key"));
    if (const Value* child = step.find("child")) {
      out += field(style, "child",
                   child->text("run") + " of " + child->text("flow") + "  " +
                       style.status(child->text("status")));
    }
    if (!step.text("output_ref").empty()) out += field(style, "output", step.text("output_ref"));
    out += valuePage(style, "rendered", step) + valuePage(style, "output", step);
    if (step.find("wait")) out += valuePage(style, "wait", step);
    if (step.find("attempts")) out += valuePage(style, "attempts", step);
  }
  return out;
}

std::string runLine(const Style& style, const std::string& verb, const Value& data) {
  const Value* run = data.find("run");
  if (!run) return verb + "\n";
  return verb + " " + style.bold(run->text("id")) + " of " + shown(run->text("flow")) + ", now " +
         style.status(run->text("status")) + "\n";
}

std::string skippedText(const Value& data) {
  const std::string because = data.text("because");
  return "skipped: " + (because.empty() ? "other runs have" : shown(because) + " has") +
         " not ended (on_conflict: skip)";
}

}  // namespace belay::cli
