#include <algorithm>
#include <set>

#include "agent/script/TextOutput.h"
#include "agent/steps/Fields.h"
#include "agent/steps/ToolPlans.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using runtime::Attempt;
using vault::Connection;
using vault::ConnectionStore;
using vault::ToolConnection;

namespace {

constexpr std::string_view kSelf = "/proc/self/exe";
constexpr std::int64_t kConnectMs = 20'000;
constexpr int kJumpsMax = 4;

bool isVariable(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::optional<unsigned> octal(std::string_view text) {
  unsigned out = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    out = out * 8 + static_cast<unsigned>(c - '0');
  }
  if (text.size() < 3 || text.size() > 4) return std::nullopt;
  return out;
}

/// Reads one rendered step.
class SshReader {
 public:
  SshReader(const Attempt& attempt, const Value& values, const ConnectionStore& connections,
            const settings::JobSettings& settings)
      : attempt_(attempt),
        values_(values),
        fields_(values, attempt.key.path),
        connections_(connections),
        settings_(settings) {}

  Result<ToolPlan> read() {
    plan_.command = {std::string(kSelf), "step", "ssh"};
    plan_.ours = true;
    plan_.effect.section = "ssh";
    BELAY_TRY(readConnection());
    plan_.effect.facts = {{"hosts", hosts_}, {"users", users_}, {"put", {}}, {"get", {}}};
    // Of an operator who tries the connection; no flow can say it.
    BELAY_ASSIGN(const std::string probe, fields_.text("probe"));
    if (!probe.empty()) {
      plan_.request.set("probe", probe);
      return std::move(plan_);
    }
    BELAY_TRY(readCommand());
    BELAY_TRY(readPuts());
    BELAY_TRY(readGets());
    BELAY_ASSIGN(plan_.logBytesMax, fields_.bytes("max_output", settings_.logBytesMax));
    plan_.logBytesMax = std::min(plan_.logBytesMax, settings_.logBytesMax);
    plan_.streams = true;
    if (!plan_.request.find("exec") && puts_.empty() && gets_.empty())
      return fields_.wrong("command", "is missing, and so are script, put and get");
    plan_.effect.facts[2].second = puts_;
    plan_.effect.facts[3].second = gets_;
    plan_.effect.inputDigest = crypto::sha256(json::print(input_)).hex();
    return std::move(plan_);
  }

 private:
  Status readConnection() {
    BELAY_ASSIGN(const std::string name, fields_.text("connection"));
    BELAY_ASSIGN(const vault::ConnectionPtr connection,
                 toolConnection(connections_, attempt_, name, "ssh"));
    useConnection(*connection, plan_);
    Value* innermost = &plan_.connection;
    for (int jumps = 0; innermost->find("jump"); ++jumps) {
      const std::string next = innermost->text("jump");
      if (jumps == kJumpsMax)
        return Error{ErrorCode::kConnectionInvalid, "connection " + name + " jumps more than " +
                                                        std::to_string(kJumpsMax) + " times"};
      BELAY_ASSIGN(const vault::ConnectionPtr found, connections_.find(next));
      const auto* tool = std::get_if<ToolConnection>(&found->kind);
      if (!tool || tool->type != "ssh")
        return Error{ErrorCode::kConnectionInvalid,
                     "jump of connection " + name + ": " + next + " is not of type ssh"};
      Value fields = tool->fields;
      innermost->set("jump", fields.set("name", next));
      innermost = innermost->find("jump");
      for (std::string& secret : found->secretNames())
        plan_.effect.connectionSecrets.push_back({std::move(secret), 0});
      plan_.effect.connectionVersion += "+" + found->version;
    }
    const auto& fields = std::get<ToolConnection>(connection->kind).fields;
    hosts_ = {base::toLower(fields.text("host"))};
    users_ = {fields.text("user")};
    BELAY_ASSIGN(const std::string timeout,
                 fields_.text("connect_timeout", fields.text("connect_timeout")));
    std::int64_t bound = kConnectMs;
    if (!timeout.empty()) {
      const auto parsed = base::parseDuration(timeout);
      if (!parsed || parsed->count() <= 0) return fields_.wrong("connect_timeout", "is no duration");
      bound = parsed->count();
    }
    plan_.request.set("connect_timeout_ms", bound);
    return {};
  }

  Status readArgv(std::vector<std::string>& argv) {
    BELAY_ASSIGN(argv, fields_.texts("command"));
    BELAY_ASSIGN(const std::string script, fields_.text("script"));
    if (!script.empty()) {
      argv = {"/bin/sh", "-e"};
      const Value* shell = values_.find("shell");
      if (shell && shell->isString()) argv = {shell->asString()};
      if (shell && shell->isArray()) {
        BELAY_ASSIGN(argv, fields_.texts("shell"));
      }
      argv.insert(argv.end(), {"-c", script});
    }
    for (const std::string& word : argv) BELAY_TRY(refuseNul(attempt_, "command", word));
    return {};
  }

  Status readCommand() {
    std::vector<std::string> argv;
    BELAY_TRY(readArgv(argv));
    if (argv.empty()) return {};
    BELAY_ASSIGN(const std::string folder, fields_.text("cwd"));
    BELAY_TRY(refuseNul(attempt_, "cwd", folder));
    if (!folder.empty() && folder.front() != '/')
      return fields_.wrong("cwd", "must be an absolute path");
    BELAY_ASSIGN(const bool terminal, fields_.flag("pty", false));
    BELAY_ASSIGN(const bool detach, fields_.flag("detach", false));
    Value exec;
    Value words{json::Array{}};
    for (const std::string& word : argv) words.push(word);
    exec.set("argv", std::move(words)).set("cwd", folder).set("pty", terminal);
    exec.set("detach", detach);
    BELAY_TRY(readEnvironment(terminal));
    BELAY_TRY(readInput(exec));
    BELAY_TRY(readCodes(exec));
    plan_.request.set("exec", std::move(exec));
    plan_.effect.argv = std::move(argv);
    input_.set("cwd", folder).set("pty", terminal).set("detach", detach);
    return {};
  }

  Status readEnvironment(bool terminal) {
    BELAY_ASSIGN(plan_.env, fields_.valuesOf("env"));
    plan_.jobVariables = true;
    for (const auto& [name, value] : plan_.env) {
      if (!isVariable(name)) return fields_.wrong("env", "has a name that no variable can have");
      const auto* text = std::get_if<std::string>(&value);
      if (text) BELAY_TRY(refuseNul(attempt_, "env", *text));
      if (!text && terminal)
        return fields_.wrong("env", "must have no secret with pty: a terminal shows it");
    }
    BELAY_ASSIGN(const std::string callback, fields_.text("callback"));
    if (!callback.empty() && terminal)
      return fields_.wrong("callback", "cannot stand with pty: a terminal shows its token");
    return {};
  }

  Status readInput(Value& exec) {
    const Value* given = values_.find("stdin");
    if (!given || given->isNull()) return {};
    BELAY_ASSIGN(const std::string content, contentOf(*given, "stdin"));
    if (content.starts_with("res://"))
      exec.set("stdin_file", fileOf(content));
    else
      exec.set("stdin", content);
    input_.set("stdin", digestOf(content));
    return {};
  }

  Status readCodes(Value& exec) {
    BELAY_ASSIGN(const std::vector<std::int64_t> codes, fields_.integers("ok_exit_codes"));
    for (const std::int64_t code : codes) plan_.okExitCodes.push_back(static_cast<int>(code));
    if (plan_.okExitCodes.empty()) plan_.okExitCodes = {0};
    Value list{json::Array{}};
    for (const int code : plan_.okExitCodes) list.push(code);
    exec.set("ok_exit_codes", std::move(list));
    return {};
  }

  /// A text, or the reference of the resource that holds it.
  Result<std::string> contentOf(const Value& value, std::string_view what) const {
    const std::string ref = value.text("ref");
    if (ref.starts_with("res://")) return ref;
    if (value.flag("truncated"))
      return fields_.wrong(what,
                           "is an output that was cut and not kept; set persist: auto or always "
                           "on the step that made it");
    if (auto text = asText(value)) {
      // What only looks like a reference is text, and a text that begins so cannot be told from it.
      if (text->starts_with("res://")) return fields_.wrong(what, "must not begin with res://");
      return std::move(*text);
    }
    return json::print(value);
  }

  std::string fileOf(std::string content) {
    plan_.files.push_back(std::move(content));
    return "put-" + std::to_string(plan_.files.size() - 1);
  }

  static std::string digestOf(const std::string& content) {
    return content.starts_with("res://") ? content.substr(content.rfind('/') + 1)
                                         : crypto::sha256(content).hex();
  }

  Result<std::string> pathOf(const Value& item, std::string_view list, std::string_view key) const {
    const std::string path = item.text(key);
    BELAY_TRY(refuseNul(attempt_, list, path));
    if (!path.starts_with('/'))
      return fields_.wrong(std::string(list) + "." + std::string(key), "must be an absolute path");
    for (const std::string_view part : base::split(path, '/')) {
      if (part == "..")
        return fields_.wrong(std::string(list) + "." + std::string(key), "must not have ..");
    }
    return path;
  }

  Result<const json::Array*> listOf(std::string_view name) const {
    static const json::Array kNone;
    const Value* list = values_.find(name);
    if (!list || list->isNull()) return &kNone;
    if (!list->isArray()) return fields_.wrong(name, "must be a list");
    return &list->asArray();
  }

  Status readPuts() {
    BELAY_ASSIGN(const json::Array* const items, listOf("put"));
    if (items->empty()) return {};
    Value list{json::Array{}};
    Value shown{json::Array{}};
    for (const Value& item : *items) {
      BELAY_ASSIGN(const std::string to, pathOf(item, "put", "to"));
      const auto mode = octal(item.text("mode", "0644"));
      if (!mode) return fields_.wrong("put.mode", "must be three or four octal digits");
      const Value* given = item.find("content");
      if (!given) return fields_.wrong("put.content", "is missing");
      BELAY_ASSIGN(std::string content, contentOf(*given, "put.content"));
      shown.push(to + " " + std::to_string(*mode) + " " + digestOf(content));
      Value each;
      each.set("file", fileOf(std::move(content))).set("to", to);
      list.push(std::move(each.set("mode", static_cast<std::int64_t>(*mode))));
      puts_.push_back(to);
    }
    plan_.request.set("put", std::move(list));
    input_.set("put", std::move(shown));
    return {};
  }

  Status readGets() {
    BELAY_ASSIGN(const json::Array* const items, listOf("get"));
    if (items->empty()) return {};
    plan_.needsFolder = true;
    Value list{json::Array{}};
    std::set<std::string> names;
    for (const Value& item : *items) {
      BELAY_ASSIGN(const std::string from, pathOf(item, "get", "from"));
      const std::string name = item.text("name", from.substr(from.rfind('/') + 1));
      if (name.empty() || !names.insert(name).second)
        return fields_.wrong("get", "has two files of the name \"" + name + "\"; give them names");
      BELAY_ASSIGN(const std::uint64_t most,
                   Fields(item, attempt_.key.path).bytes("max", 64u << 20));
      Value each;
      each.set("from", from).set("name", name).set("max", most);
      list.push(std::move(each));
      gets_.push_back(from);
    }
    plan_.request.set("get", std::move(list));
    return {};
  }

  const Attempt& attempt_;
  const Value& values_;
  const Fields fields_;
  const ConnectionStore& connections_;
  const settings::JobSettings& settings_;
  ToolPlan plan_;
  Value input_{json::Object{}};  ///< What is approved besides: by digest.
  std::vector<std::string> hosts_, users_, puts_, gets_;
};

}  // namespace

Result<vault::ConnectionPtr> toolConnection(const ConnectionStore& store, const Attempt& attempt,
                                         std::string_view name, std::string_view type) {
  BELAY_ASSIGN(vault::ConnectionPtr found, connectionOf(store, attempt, std::string(name), nullptr));
  if (found->type() == type) return found;
  return Error{ErrorCode::kInvalidArgument, "step " + attempt.key.path + ": connection \"" + found->name +
                                                "\" is not of type " + std::string(type)};
}

void useConnection(const Connection& connection, ToolPlan& plan) {
  plan.connection = std::get<ToolConnection>(connection.kind).fields;
  plan.connection.set("name", connection.name);
  plan.effect.connection = connection.name;
  plan.effect.connectionVersion = connection.version;
  for (std::string& secret : connection.secretNames())
    plan.effect.connectionSecrets.push_back({std::move(secret), 0});
}

Status refuseNul(const Attempt& attempt, std::string_view what, std::string_view text) {
  if (text.find('\0') == std::string_view::npos) return {};
  return Error{ErrorCode::kInvalidArgument,
               "step " + attempt.key.path + ": " + std::string(what) + " has a NUL"};
}

Result<ToolPlan> planSsh(const Attempt& attempt, const ConnectionStore& connections,
                         const settings::JobSettings& settings) {
  BELAY_ASSIGN(const Value values, json::parse(attempt.renderedJson));
  return SshReader(attempt, values, connections, settings).read();
}

}  // namespace belay::steps
