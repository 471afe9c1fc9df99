#include "agent/cli/WaitPages.h"

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <string_view>

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

std::string artifactsOf(const Style& style, const Value& artifacts, const std::string& place) {
  Table table({"ARTIFACT", "SIZE", "TYPE", "LOOK AT IT"});
  for (const Value& artifact : artifacts.asArray()) {
    table.row({artifact.text("name"),
               base::formatBytes(static_cast<std::uint64_t>(artifact.integer("size"))),
               artifact.text("media_type"), "belay " + place + "resource cat " + artifact.text("ref")});
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

/// A text of many lines, each made visible and moved to the right; all of it, because who decides
/// signs all of it.
std::string blockOf(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out += "    " + shown(std::string_view(text).substr(at, end - at)) + "\n";
    at = end + 1;
  }
  return out;
}

/// An argument as it stands between others: quoted where it would not be read as one.
std::string wordOf(const std::string& text) {
  const bool plain = !text.empty() && text.find_first_of(" \t\n\r'\"\\$`") == std::string::npos;
  return plain ? shown(text) : shown(json::print(Value(text)));
}

/// A member that is a secret says its name and version, never a value.
std::string valueOf(const Value& value) {
  if (value.text("secret").empty()) return wordOf(value.text("text"));
  return "secret " + shown(value.text("secret")) + ", version " + shown(value.text("version"));
}

std::string valuesOf(const Style& style, const char* label, const Value* values) {
  std::string out;
  if (!values || !values->isArray()) return out;
  for (const Value& value : values->asArray())
    out += style.dim(label) + shown(value.text("name")) + ": " + valueOf(value) + "\n";
  return out;
}

/// A member by its name, whatever it is, on one line or as a block.
std::string memberOf(const Style& style, const std::string& name, const Value& value) {
  const std::string text = value.isString() ? value.asString() : json::print(value);
  const std::string label = "  " + shown(name);
  if (text.find('\n') != std::string::npos) return style.dim(label) + "\n" + blockOf(text);
  constexpr std::size_t kColumn = 10;
  return style.dim(label + std::string(label.size() < kColumn ? kColumn - label.size() : 1, ' ')) +
         shown(text) + "\n";
}

bool isNothing(const Value& value) {
  return value.isNull() || (value.isString() && value.asString().empty()) ||
         (value.isArray() && value.asArray().empty()) ||
         (value.isObject() && value.asObject().empty());
}

/// All members but those that stand above: what nobody has thought of is shown too.
std::string restOf(const Style& style, const Value& object,
                   std::initializer_list<std::string_view> above) {
  std::string out;
  if (!object.isObject()) return out;
  for (const json::Member& member : object.asObject()) {
    const bool stands = std::find(above.begin(), above.end(), member.first) != above.end();
    if (!stands && !isNothing(member.second)) out += memberOf(style, member.first, member.second);
  }
  return out;
}

std::string runEffect(const Style& style, const Value& run) {
  std::string out = style.dim("  program ") + shown(run.text("executable")) + "\n";
  std::string line;
  std::string script;
  if (const Value* argv = run.find("argv"); argv && argv->isArray()) {
    for (const Value& word : argv->asArray()) {
      // A script stands below, as it was written.
      const bool isScript = &word == &argv->asArray().back() && word.isString() &&
                            word.asString().find('\n') != std::string::npos;
      if (isScript)
        script = word.asString();
      else if (word.isString())
        line += (line.empty() ? "" : " ") + wordOf(word.asString());
    }
  }
  out += style.dim("  command ") + line + "\n" + blockOf(script);
  out += style.dim("  folder  ") + shown(run.text("cwd")) + "\n";
  out += valuesOf(style, "  env     ", run.find("env"));
  return out + restOf(style, run, {"executable", "argv", "cwd", "env"});
}

std::string httpEffect(const Style& style, const Value& http) {
  const Value* hidden = http.find("url");
  const std::string url = hidden && hidden->isObject()
                              ? hidden->text("origin") + " (secret " + hidden->text("secret") +
                                    ", version " + hidden->text("version") + ")"
                              : http.text("url");
  std::string out = style.dim("  request ") + shown(http.text("method")) + " " + shown(url) + "\n";
  if (!http.text("connection").empty())
    out += style.dim("  through ") + "connection " + shown(http.text("connection")) + "\n";
  if (const Value* secrets = http.find("connection_secrets"); secrets && secrets->isArray()) {
    for (const Value& secret : secrets->asArray())
      out += style.dim("  with    ") + valueOf(secret) + "\n";
  }
  out += valuesOf(style, "  header  ", http.find("headers"));
  return out +
         restOf(style, http, {"method", "url", "connection", "connection_secrets", "headers"});
}

/// The step as it was rendered, but for what the effect shows as it comes to on the host: bodies
/// and inputs, of which the effect has digests, and whatever else decides what happens.
std::string renderedOf(const Style& style, const Value& rendered, const Value& effect) {
  if (effect.find("run"))
    return restOf(style, rendered, {"command", "script", "shell", "cwd", "env"});
  if (effect.find("http"))
    return restOf(style, rendered, {"connection", "url", "method", "query", "headers"});
  return restOf(style, rendered, {});
}

}  // namespace

std::string effectPage(const Style& style, const Value& request) {
  const Value* effect = request.find("effect");
  const bool review = request.flag("review") || request.text("kind") == "review";
  if (!review || !effect) return "";
  std::string out = style.bold("what will be done") + " (" + shown(effect->text("family")) + ", " +
                    shown(request.text("effect_class")) + ", attempt " +
                    std::to_string(request.integer("attempt", 1)) + ")\n";
  if (const Value* run = effect->find("run")) out += runEffect(style, *run);
  if (const Value* http = effect->find("http")) out += httpEffect(style, *http);
  out += restOf(style, *effect, {"v", "family", "flow", "step", "run", "http"});
  if (const Value* rendered = request.find("rendered"))
    out += renderedOf(style, *rendered, *effect);
  const std::int64_t timeoutMs = request.integer("timeout_ms");
  if (timeoutMs > 0) {
    out +=
        style.dim("  timeout ") + base::formatDuration(std::chrono::milliseconds{timeoutMs}) + "\n";
  }
  return out;
}

std::string waitPage(const Style& style, const Value& wait, std::int64_t nowMs,
                     const std::string& place) {
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
    if (const std::string effect = effectPage(style, *request); !effect.empty())
      out += "\n" + effect;
    if (const Value* artifacts = request->find("artifacts"); artifacts && artifacts->isArray()) {
      out += artifactsOf(style, *artifacts, place);
    }
    if (const Value* form = request->find("form")) out += formOf(style, *form);
  }
  const std::string actions = actionsPage(style, wait.find("actions"));
  return actions.empty() ? out : out + "\n" + actions;
}

}  // namespace belay::cli
