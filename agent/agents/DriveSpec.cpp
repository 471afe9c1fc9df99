#include "agent/agents/DriveSpec.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/agents/Members.h"
#include "common/crypto/Digest.h"
#include "common/json/Json.h"

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr std::size_t kRulesMax = 1000;
constexpr std::array<std::string_view, 6> kAdapters = {"claude-code", "codex", "gemini",
                                                       "opencode",    "acp",   "command"};
constexpr std::array<std::string_view, 4> kPromptModes = {"arg", "flag", "stdin", "file"};
constexpr std::array<std::string_view, 2> kFlagStyles = {"space", "equals"};

/// The word's place among `words`; `field` as it is when the member is missing.
template <std::size_t N>
std::size_t choose(Members& members, std::string_view name,
                   const std::array<std::string_view, N>& words, std::size_t field) {
  std::string word;
  members.text(name, word);
  if (word.empty()) return field;
  const auto found = std::find(words.begin(), words.end(), word);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  std::string all;
  for (const std::string_view each : words) all += (all.empty() ? "" : ", ") + std::string(each);
  members.wrong(name, "must be one of " + all);
  return field;
}

void readCounts(Members& members, Usage& out) {
  members.count("input", out.input);
  members.count("output", out.output);
  members.count("cached", out.cached);
  members.count("reasoning", out.reasoning);
}

void readRules(Members& members, std::string_view name, std::vector<Rule>& rules) {
  const Value* list = members.take(name);
  if (!list) return;
  if (!list->isArray()) return members.wrong(name, "must be a list of rules");
  if (list->asArray().size() > kRulesMax) return members.wrong(name, "has more than 1000 rules");
  for (const Value& item : list->asArray()) {
    Rule rule;
    Members each(item, members.pathOf(name) + "[" + std::to_string(rules.size()) + "]");
    each.text("tool", rule.tool);
    each.text("command", rule.command);
    each.text("path", rule.path);
    members.keep(each.finish());
    rules.push_back(std::move(rule));
  }
}

void readPermissions(Members& outer, Permissions& out) {
  constexpr std::array<std::string_view, 2> kDefaults = {"deny", "allow"};
  constexpr std::array<std::string_view, 2> kOnDenied = {"continue", "fail"};
  outer.object("permissions", [&](Members& members) {
    out.defaultAllow = choose(members, "default", kDefaults, out.defaultAllow ? 1 : 0) == 1;
    out.failOnDenied = choose(members, "on_denied", kOnDenied, out.failOnDenied ? 1 : 0) == 1;
    readRules(members, "allow", out.allow);
    readRules(members, "deny", out.deny);
  });
}

void readSession(Members& outer, SessionSpec& out) {
  outer.object("session", [&](Members& members) {
    members.text("id", out.id);
    members.flag("resume", out.resume);
    readUsage(members, "used", out.used);
    if (out.resume && out.id.empty()) members.wrong("id", "is missing, and resume is true");
  });
}

void readBudgets(Members& outer, Budgets& out) {
  outer.object("budgets", [&](Members& members) {
    members.count("first_output_ms", out.firstOutputMs);
    members.count("no_progress_ms", out.noProgressMs);
    members.count("wall_ms", out.wallMs);
    members.count("output_bytes", out.outputBytes);
    members.count("turns", out.turns);
    members.count("tokens", out.tokens);
    members.amount("usd", out.usd);
    members.count("memory_bytes", out.memoryBytes);
  });
}

void readOptionFlags(Members& members, CommandShape& out) {
  const Value* flags = members.take("option_flags");
  if (!flags) return;
  if (!flags->isObject()) return members.wrong("option_flags", "must be a JSON object");
  for (const auto& [flag, given] : flags->asObject()) {
    if (given.isString())
      out.optionFlags.emplace_back(flag, given.asString());
    else if (given.isBool())
      out.optionFlags.emplace_back(flag, given.asBool() ? "true" : "false");
    else if (given.isNumber())
      out.optionFlags.emplace_back(flag, json::print(given));
    else
      members.wrong("option_flags", "has values that are no texts, numbers, true or false");
  }
}

void readCommand(Members& outer, CommandShape& out) {
  outer.object("command", [&](Members& members) {
    out.prompt = static_cast<CommandShape::Prompt>(
        choose(members, "prompt_mode", kPromptModes, static_cast<std::size_t>(out.prompt)));
    members.text("prompt_flag", out.promptFlag);
    members.texts("prefix_args", out.prefixArgs);
    out.flagStyle = static_cast<CommandShape::FlagStyle>(
        choose(members, "flag_style", kFlagStyles, static_cast<std::size_t>(out.flagStyle)));
    readOptionFlags(members, out);
    if (out.prompt == CommandShape::Prompt::kFlag && out.promptFlag.empty())
      members.wrong("prompt_flag", "is missing, and prompt_mode is flag");
  });
}

void requireAbsolute(Members& members, std::string_view name, const std::string& path) {
  if (path.empty() || path.front() != '/') members.wrong(name, "must be an absolute path");
}

Value rulesValue(const std::vector<Rule>& rules) {
  Value out{json::Array{}};
  for (const Rule& rule : rules) {
    Value each{json::Object{}};
    if (!rule.tool.empty()) each.set("tool", rule.tool);
    if (!rule.command.empty()) each.set("command", rule.command);
    if (!rule.path.empty()) each.set("path", rule.path);
    out.push(std::move(each));
  }
  return out;
}

Value textsValue(const std::vector<std::string>& texts) {
  Value out{json::Array{}};
  for (const std::string& text : texts) out.push(text);
  return out;
}

Value commandValue(const CommandShape& shape) {
  Value flags{json::Object{}};
  for (const auto& [flag, value] : shape.optionFlags) flags.set(flag, value);
  Value out;
  out.set("prompt_mode", kPromptModes[static_cast<std::size_t>(shape.prompt)])
      .set("prompt_flag", shape.promptFlag)
      .set("prefix_args", textsValue(shape.prefixArgs))
      .set("flag_style", kFlagStyles[static_cast<std::size_t>(shape.flagStyle)])
      .set("option_flags", std::move(flags));
  return out;
}

Value budgetsValue(const Budgets& budgets) {
  Value out;
  out.set("first_output_ms", budgets.firstOutputMs)
      .set("no_progress_ms", budgets.noProgressMs)
      .set("wall_ms", budgets.wallMs)
      .set("output_bytes", budgets.outputBytes)
      .set("turns", budgets.turns)
      .set("tokens", budgets.tokens)
      .set("usd", budgets.usd)
      .set("memory_bytes", budgets.memoryBytes);
  return out;
}

}  // namespace

Result<Usage> parseUsage(const Value& value, const std::string& where) {
  Usage usage;
  Members members(value, where);
  readCounts(members, usage);
  BELAY_TRY(members.finish());
  return usage;
}

void readUsage(Members& outer, std::string_view name, Usage& out) {
  outer.object(name, [&](Members& members) { readCounts(members, out); });
}

Value usageValue(const Usage& usage) {
  Value out;
  out.set("input", usage.input)
      .set("output", usage.output)
      .set("cached", usage.cached)
      .set("reasoning", usage.reasoning);
  return out;
}

Result<DriveSpec> parseDriveSpec(std::string_view text) {
  BELAY_ASSIGN(const Value value,
               json::parse(text, {.bytesMax = kDriveSpecBytesMax, .depthMax = 64}));
  DriveSpec spec;
  Members members(value, "");
  spec.adapter = kAdapters[choose(members, "adapter", kAdapters, 0)];
  if (value.text("adapter").empty()) members.wrong("adapter", "is missing");
  members.text("binary", spec.binary);
  members.text("digest", spec.digest);
  members.texts("args", spec.args);
  members.text("model", spec.model);
  members.text("prompt", spec.prompt);
  members.text("append_system", spec.appendSystem);
  if (const Value* schema = members.take("output_schema")) spec.outputSchema = *schema;
  members.text("cwd", spec.cwd);
  readSession(members, spec.session);
  readPermissions(members, spec.permissions);
  readBudgets(members, spec.budgets);
  readCommand(members, spec.command);
  members.text("raw_folder", spec.rawFolder);
  members.texts("secret_variables", spec.secretVariables);
  members.count("grace_ms", spec.graceMs);
  requireAbsolute(members, "binary", spec.binary);
  requireAbsolute(members, "cwd", spec.cwd);
  requireAbsolute(members, "raw_folder", spec.rawFolder);
  if (spec.prompt.empty()) members.wrong("prompt", "is missing");
  if (!spec.digest.empty() && !crypto::Digest::fromHex(spec.digest)) {
    members.wrong("digest", "must be 64 lower-case hexadecimal digits");
  }
  if (!spec.outputSchema.isNull() && !spec.outputSchema.isObject()) {
    members.wrong("output_schema", "must be a JSON object");
  }
  BELAY_TRY(members.finish());
  return spec;
}

std::string printDriveSpec(const DriveSpec& spec) {
  Value session;
  session.set("id", spec.session.id)
      .set("resume", spec.session.resume)
      .set("used", usageValue(spec.session.used));
  Value permissions;
  permissions.set("default", spec.permissions.defaultAllow ? "allow" : "deny")
      .set("on_denied", spec.permissions.failOnDenied ? "fail" : "continue")
      .set("allow", rulesValue(spec.permissions.allow))
      .set("deny", rulesValue(spec.permissions.deny));
  Value out;
  out.set("adapter", spec.adapter).set("binary", spec.binary).set("digest", spec.digest);
  out.set("args", textsValue(spec.args)).set("model", spec.model).set("prompt", spec.prompt);
  out.set("append_system", spec.appendSystem).set("output_schema", spec.outputSchema);
  out.set("cwd", spec.cwd).set("session", std::move(session));
  out.set("permissions", std::move(permissions)).set("budgets", budgetsValue(spec.budgets));
  out.set("command", commandValue(spec.command));
  out.set("raw_folder", spec.rawFolder).set("grace_ms", spec.graceMs);
  out.set("secret_variables", textsValue(spec.secretVariables));
  return json::print(out);
}

}  // namespace belay::agents
