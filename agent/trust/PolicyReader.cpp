#include "agent/trust/PolicyReader.h"

#include <algorithm>
#include <array>

#include "common/base/Ids.h"
#include "common/base/Text.h"

namespace belay::trust {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::array<std::string_view, 16> kTopKeys{
    "run",     "agent",    "http",      "db",     "search",   "ssh",     "mail", "plugin", "flows",
    "webhook", "callback", "approvals", "starts", "families", "secrets", "hours"};
constexpr std::array<std::string_view, 4> kFlowRuleKeys{"id", "slug", "pin", "channel"};
constexpr std::array<std::string_view, 1> kUnauthenticatedKeys{"unauthenticated"};
constexpr std::array<std::string_view, 3> kRunKeys{"allow", "deny", "profile"};
constexpr std::array<std::string_view, 3> kHttpKeys{"allow", "deny", "addresses"};
constexpr std::array<std::string_view, 7> kRunRuleKeys{"id",    "executable", "argv", "cwd",
                                                       "users", "env",        "flows"};
constexpr std::array<std::string_view, 7> kHttpRuleKeys{
    "id", "hosts", "ports", "schemes", "methods", "connections", "flows"};
constexpr std::array<std::string_view, 4> kElementKeys{"prefix", "operand", "any", "rest"};

/// "/run/allow/0" as people write it.
std::string labelOf(const std::string& pointer) {
  std::string out;
  for (const std::string_view part : base::split(std::string_view(pointer).substr(1), '/')) {
    const bool number = base::parseUnsigned(part).has_value();
    if (number)
      out += "[" + std::string(part) + "]";
    else
      out += (out.empty() ? "" : ".") + std::string(part);
  }
  return out;
}

bool isHostPattern(std::string_view host) {
  if (host == "*") return true;
  if (host.starts_with("*.")) host.remove_prefix(2);
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':' ||
           c == '_';
  });
}

bool isMethod(std::string_view method) {
  return !method.empty() &&
         std::all_of(method.begin(), method.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

Error PolicyReader::invalid(const std::string& pointer, const std::string& why) const {
  base::SourcePlace place;
  place.file = source_;
  place.pointer = pointer;
  const std::string where = pointer.empty() ? source_ : source_ + " at " + labelOf(pointer);
  return Error{ErrorCode::kSettingsInvalid, "policy " + where + ": " + why}.at(std::move(place));
}

Status PolicyReader::onlyKeys(const json::Value& object, const std::string& pointer,
                              std::span<const std::string_view> known) const {
  if (!object.isObject()) return invalid(pointer, "it must be an object");
  for (const auto& [key, value] : object.asObject()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string why = "\"" + base::visible(key) + "\" is not known";
    if (const auto meant = base::nearest(key, known)) why += "; did you mean " + *meant + "?";
    return invalid(pointer + "/" + json::pointerToken(key), why);
  }
  return {};
}

Result<std::vector<std::string>> PolicyReader::texts(const json::Value& object,
                                                     std::string_view key,
                                                     const std::string& pointer) const {
  std::vector<std::string> out;
  const json::Value* list = object.find(key);
  if (!list) return out;
  const std::string here = pointer + "/" + std::string(key);
  if (!list->isArray() || list->asArray().empty()) {
    return invalid(here, "it must be a list of at least one text");
  }
  for (const json::Value& item : list->asArray()) {
    if (!item.isString() || item.asString().empty()) {
      return invalid(here + "/" + std::to_string(out.size()), "it must be a text");
    }
    out.push_back(item.asString());
  }
  return out;
}

Result<std::string> PolicyReader::label(const json::Value& rule, const std::string& pointer) const {
  const json::Value* id = rule.find("id");
  if (!id) return labelOf(pointer);
  if (!id->isString() || !base::isIdentifier(id->asString())) {
    return invalid(pointer + "/id", "it must match [a-z0-9][a-z0-9_-]{0,63}");
  }
  return labelOf(pointer) + " (" + id->asString() + ")";
}

Result<ArgvElement> PolicyReader::argvElement(const json::Value& value,
                                              const std::string& pointer) const {
  if (value.isString()) return ArgvElement{ArgvElement::Kind::kLiteral, value.asString()};
  BELAY_TRY(onlyKeys(value, pointer, kElementKeys));
  const std::string prefix = value.text("prefix");
  if (value.asObject().size() == 1) {
    if (!prefix.empty()) return ArgvElement{ArgvElement::Kind::kPrefix, prefix};
    if (value.flag("operand")) return ArgvElement{ArgvElement::Kind::kOperand, {}};
    if (value.flag("any")) return ArgvElement{ArgvElement::Kind::kAny, {}};
  }
  return invalid(pointer,
                 "write a text, {prefix: TEXT}, {operand: true}, {any: true}, or as the "
                 "last one {rest: operand} or {rest: any}");
}

Status PolicyReader::readArgv(const json::Value& rule, const std::string& pointer,
                              RunRule& out) const {
  const json::Value* argv = rule.find("argv");
  if (!argv) return {};
  const std::string here = pointer + "/argv";
  if (!argv->isArray() || argv->asArray().empty()) {
    return invalid(here, "it must be a list that begins with the command's name");
  }
  out.argv.emplace();
  const json::Array& elements = argv->asArray();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const std::string place = here + "/" + std::to_string(i);
    const std::string rest = elements[i].text("rest");
    const bool last = i + 1 == elements.size();
    if (last && i > 0 && elements[i].isObject() && elements[i].asObject().size() == 1 &&
        (rest == "operand" || rest == "any")) {
      out.rest =
          ArgvElement{rest == "any" ? ArgvElement::Kind::kAny : ArgvElement::Kind::kOperand, {}};
      return {};
    }
    BELAY_ASSIGN(ArgvElement element, argvElement(elements[i], place));
    out.argv->push_back(std::move(element));
  }
  return {};
}

Status PolicyReader::checkRunAllow(const RunRule& rule, const std::string& written,
                                   const std::string& pointer) const {
  if (!rule.executable) return invalid(pointer, "executable is missing");
  if (!rule.argv) return invalid(pointer, "argv is missing");
  if (!isInterpreter(written) && !isInterpreter(*rule.executable)) return {};
  const bool exact = !rule.rest && std::all_of(rule.argv->begin(), rule.argv->end(),
                                               [](const ArgvElement& element) {
                                                 return element.kind == ArgvElement::Kind::kLiteral;
                                               });
  if (exact) return {};
  return invalid(pointer + "/argv",
                 written + " runs what its arguments say; each must be written out exactly");
}

Result<RunRule> PolicyReader::runRule(const json::Value& rule, const std::string& pointer,
                                      bool allow) const {
  BELAY_TRY(onlyKeys(rule, pointer, kRunRuleKeys));
  RunRule out;
  BELAY_ASSIGN(out.label, label(rule, pointer));
  std::string written;
  if (const json::Value* executable = rule.find("executable")) {
    if (!executable->isString() || !executable->asString().starts_with('/')) {
      return invalid(pointer + "/executable", "it must be an absolute path");
    }
    written = executable->asString();
    out.executable = resolvePath_(written);
  }
  BELAY_TRY(readArgv(rule, pointer, out));
  BELAY_ASSIGN(out.cwd, texts(rule, "cwd", pointer));
  for (std::string& folder : out.cwd) {
    if (!folder.starts_with('/')) return invalid(pointer + "/cwd", "each must be an absolute path");
    folder = resolvePath_(folder);
  }
  BELAY_ASSIGN(out.users, texts(rule, "users", pointer));
  BELAY_ASSIGN(out.env, texts(rule, "env", pointer));
  BELAY_ASSIGN(out.flows, texts(rule, "flows", pointer));
  if (allow) BELAY_TRY(checkRunAllow(out, written, pointer));
  return out;
}

Status PolicyReader::readPorts(const json::Value& rule, const std::string& pointer,
                               HttpRule& out) const {
  const json::Value* ports = rule.find("ports");
  if (!ports) return {};
  const std::string here = pointer + "/ports";
  if (!ports->isArray() || ports->asArray().empty()) {
    return invalid(here, "it must be a list of at least one port");
  }
  for (const json::Value& port : ports->asArray()) {
    if (!port.isInteger() || port.asInteger() < 1 || port.asInteger() > 65535) {
      return invalid(here + "/" + std::to_string(out.ports.size()), "it must be from 1 to 65535");
    }
    out.ports.push_back(static_cast<std::uint16_t>(port.asInteger()));
  }
  return {};
}

Result<HttpRule> PolicyReader::httpRule(const json::Value& rule, const std::string& pointer,
                                        bool allow) const {
  BELAY_TRY(onlyKeys(rule, pointer, kHttpRuleKeys));
  HttpRule out;
  BELAY_ASSIGN(out.label, label(rule, pointer));
  BELAY_ASSIGN(out.hosts, texts(rule, "hosts", pointer));
  if (allow && out.hosts.empty()) return invalid(pointer, "hosts is missing");
  for (std::string& host : out.hosts) {
    host = base::toLower(host);
    if (!isHostPattern(host)) {
      return invalid(
          pointer + "/hosts",
          "\"" + base::visible(host) + "\" is no host; write a name, *.name, an address or *");
    }
  }
  BELAY_TRY(readPorts(rule, pointer, out));
  BELAY_ASSIGN(out.schemes, texts(rule, "schemes", pointer));
  for (const std::string& scheme : out.schemes) {
    if (scheme != "http" && scheme != "https") {
      return invalid(pointer + "/schemes", "each must be http or https");
    }
  }
  BELAY_ASSIGN(out.methods, texts(rule, "methods", pointer));
  if (!std::all_of(out.methods.begin(), out.methods.end(), isMethod)) {
    return invalid(pointer + "/methods", "each must be in capital letters, as GET");
  }
  if (allow && out.schemes.empty()) out.schemes = {"https"};
  if (allow && out.methods.empty()) out.methods = {"GET", "HEAD"};
  BELAY_ASSIGN(out.connections, texts(rule, "connections", pointer));
  BELAY_ASSIGN(out.flows, texts(rule, "flows", pointer));
  return out;
}

Status PolicyReader::readRun(const json::Value& section, PolicyRules& out) const {
  BELAY_TRY(onlyKeys(section, "/run", kRunKeys));
  if (const json::Value* least = section.find("profile")) {
    const std::string name = least->isString() ? least->asString() : std::string();
    if (name != "bare" && name != "user" && name != "strong")
      return invalid("/run/profile", "must be bare, user or strong");
    out.runProfile = name;
  }
  const auto reader = [&](bool allow, std::vector<RunRule>& into) {
    return [&, allow](const json::Value& rule, const std::string& pointer) -> Status {
      BELAY_ASSIGN(RunRule read, runRule(rule, pointer, allow));
      into.push_back(std::move(read));
      return {};
    };
  };
  BELAY_TRY(forRules(section, "allow", "/run", reader(true, out.runAllow)));
  return forRules(section, "deny", "/run", reader(false, out.runDeny));
}

Status PolicyReader::readHttp(const json::Value& section, PolicyRules& out) const {
  BELAY_TRY(onlyKeys(section, "/http", kHttpKeys));
  const auto reader = [&](bool allow, std::vector<HttpRule>& into) {
    return [&, allow](const json::Value& rule, const std::string& pointer) -> Status {
      BELAY_ASSIGN(HttpRule read, httpRule(rule, pointer, allow));
      into.push_back(std::move(read));
      return {};
    };
  };
  BELAY_TRY(forRules(section, "allow", "/http", reader(true, out.httpAllow)));
  BELAY_TRY(forRules(section, "deny", "/http", reader(false, out.httpDeny)));
  BELAY_ASSIGN(const std::vector<std::string> blocks, texts(section, "addresses", "/http"));
  for (const std::string& text : blocks) {
    const auto block = AddressBlock::parse(text);
    if (!block) {
      return invalid("/http/addresses/" + std::to_string(out.addresses.size()),
                     "\"" + base::visible(text) + "\" is no block; write 127.0.0.1 or 10.0.0.0/8");
    }
    out.addresses.push_back(*block);
  }
  return {};
}

Result<PinRule> PolicyReader::pinRule(const json::Value& rule, const std::string& pointer) const {
  BELAY_TRY(onlyKeys(rule, pointer, kFlowRuleKeys));
  PinRule out;
  BELAY_ASSIGN(out.label, label(rule, pointer));
  out.slug = rule.text("slug");
  if (out.slug != "*" && !base::isIdentifier(out.slug)) {
    return invalid(pointer + "/slug", "it must be the slug of a flow, or \"*\" for every flow");
  }
  const std::string pin = rule.text("pin");
  if (pin != "required" && pin != "optional") {
    return invalid(pointer + "/pin", "it must be required or optional");
  }
  out.required = pin == "required";
  out.channel = rule.find("channel") ? rule.text("channel") : "stable";
  if (base::isIdentifier(out.channel)) return out;
  return invalid(pointer + "/channel", "it must match [a-z0-9][a-z0-9_-]{0,63}");
}

Status PolicyReader::readUnauthenticated(const json::Value& rules, const std::string& section,
                                         std::vector<std::string>& out) const {
  const json::Value* const found = rules.find(section);
  if (!found) return {};
  BELAY_TRY(onlyKeys(*found, "/" + section, kUnauthenticatedKeys));
  BELAY_ASSIGN(out, texts(*found, "unauthenticated", "/" + section));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto parts = base::split(out[i], '/');
    const bool fits =
        parts.size() == 2 && base::isIdentifier(parts[0]) && base::isIdentifier(parts[1]);
    if (fits) continue;
    return invalid("/" + section + "/unauthenticated/" + std::to_string(i),
                   "\"" + base::visible(out[i]) + "\" must be FLOW/" +
                       (section == "webhook" ? "WEBHOOK" : "STEP") + ", each named");
  }
  return {};
}

Result<PolicyRules> PolicyReader::read(const json::Value& rules) const {
  PolicyRules out;
  out.source = source_;
  if (rules.isNull()) return out;  // An empty file allows nothing.
  BELAY_TRY(onlyKeys(rules, "", kTopKeys));
  if (const json::Value* run = rules.find("run")) BELAY_TRY(readRun(*run, out));
  if (const json::Value* http = rules.find("http")) BELAY_TRY(readHttp(*http, out));
  if (const json::Value* agent = rules.find("agent")) BELAY_TRY(readAgent(*agent, out));
  if (const json::Value* db = rules.find("db")) BELAY_TRY(readDb(*db, out));
  if (const json::Value* search = rules.find("search")) BELAY_TRY(readSearch(*search, out));
  BELAY_TRY(readReach(rules, out));
  BELAY_TRY(forRules(rules, "flows", "",
                     [&](const json::Value& rule, const std::string& pointer) -> Status {
                       BELAY_ASSIGN(PinRule read, pinRule(rule, pointer));
                       out.pins.push_back(std::move(read));
                       return {};
                     }));
  BELAY_TRY(readUnauthenticated(rules, "webhook", out.unauthenticatedWebhooks));
  BELAY_TRY(readUnauthenticated(rules, "callback", out.unauthenticatedCallbacks));
  BELAY_TRY(readBounds(rules, out.bounds));
  if (const json::Value* approvals = rules.find("approvals"))
    BELAY_TRY(readApprovals(*approvals, out.approvals));
  if (const json::Value* starts = rules.find("starts")) BELAY_TRY(readStarts(*starts, out.starts));
  return out;
}

}  // namespace belay::trust
