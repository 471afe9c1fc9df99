#include "agent/agents/Probe.h"
#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/steps/ToolPlans.h"
#include "common/base/Files.h"
#include "common/base/Ids.h"
#include "common/base/Text.h"
#include "common/base/Utf8.h"
#include "common/json/Json.h"
#include "embedded/Embedded.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr std::string_view kPrefix = "belay-step-";
constexpr std::string_view kTemplate = "config/templates/plugins/step.py";
/// As a job runs it: its request on standard input to the end, descriptor 3 for its result.
constexpr const char* kAsk = "printf %s \"$1\" | \"$0\" 3>&1 1>&2; true";

Result<std::string> folderOf(Invocation& invocation) {
  BELAY_ASSIGN(const Installation* where, invocation.installation());
  return where->settings.jobs.pluginFolder;
}

Error invalid(const std::string& path, const std::string& why) {
  return Error{ErrorCode::kPluginInvalid, path + ": " + why};
}

std::string shown(const Value& value) {
  return std::string(base::wholeCharacters(json::print(value), 500));
}

/// Asks the plugin; what it gives must be one JSON object.
Result<Value> ask(Invocation& invocation, const std::string& path, const agents::Question& question,
                  const char* what) {
  const auto answer = agents::askProgram(question, invocation.world().clock);
  if (!answer) return invalid(path, std::string(what) + ": " + answer.error().message);
  auto parsed = json::parse(*answer);
  if (parsed && parsed->isObject()) return parsed;
  return Error{ErrorCode::kPluginProtocol,
               path + ": " + what + ": it gave no JSON object" +
                   (parsed ? std::string() : ": " + parsed.error().message)};
}

agents::Question questionOf(Invocation& invocation, const std::string& path) {
  agents::Question out;
  out.program = path;
  const auto where = invocation.installation();
  out.environment = {"PATH=" + (where ? (*where)->settings.jobs.path : std::string("/usr/bin:/bin")),
                     "LANG=C.UTF-8", "BELAY_RESULT_FD=3"};
  return out;
}

Result<Value> describe(Invocation& invocation, const std::string& path, const std::string& name) {
  agents::Question question = questionOf(invocation, path);
  question.arguments = {"--describe"};
  BELAY_ASSIGN(Value told, ask(invocation, path, question, "--describe"));
  if (told.integer("v") != 1)
    return invalid(path, "it speaks version " + std::to_string(told.integer("v")) +
                             " of the protocol, and this host speaks 1");
  if (told.text("name") != name)
    return invalid(path, "it describes itself as \"" + base::visible(told.text("name")) + "\"");
  return told;
}

/// One example of its own: what it gives must be what it says that it gives.
Status tryExample(Invocation& invocation, const std::string& path, const Value& example) {
  Value request;
  request.set("v", 1).set("flow", "check").set("run", "check").set("step", "check");
  request.set("attempt", 1).set("idempotency_key", "check").set("timeout_ms", 10'000);
  for (const char* key : {"input", "connection"}) {
    if (const Value* given = example.find(key)) request.set(key, *given);
  }
  agents::Question question = questionOf(invocation, path);
  question.program = "/bin/sh";
  question.arguments = {"-c", kAsk, path, json::print(request)};
  BELAY_ASSIGN(const Value told, ask(invocation, path, question, "an example"));
  const Value* ok = told.find("ok");
  if (!ok || !ok->isBool())
    return Error{ErrorCode::kPluginProtocol, path + ": the result of an example has no \"ok\""};
  const Value* output = told.find("output");
  const Value* wanted = example.find("output");
  if (wanted && (!ok->asBool() || !output || !(*output == *wanted)))
    return invalid(path, "an example gave " + shown(told) + " instead of " + shown(*wanted));
  const std::string code = example.find("error") ? example.find("error")->text("code") : "";
  const std::string got = told.find("error") ? told.find("error")->text("code") : "";
  if (!wanted && ok->asBool() != code.empty())
    return invalid(path, "an example gave " + shown(told));
  if (!code.empty() && got != code)
    return invalid(path, "an example gave the error \"" + base::visible(got) + "\" instead of " + code);
  return {};
}

Result<api::Envelope> list(Invocation& invocation) {
  BELAY_ASSIGN(const std::string folder, folderOf(invocation));
  json::Array found;
  const auto files = base::listFolder(folder);
  if (!files && files.error().code != ErrorCode::kNotFound) return files.error();
  for (const std::string& file : files ? *files : std::vector<std::string>()) {
    if (!file.starts_with(kPrefix)) continue;
    const std::string name = file.substr(kPrefix.size());
    const auto path = steps::findPlugin(folder, name);
    Value one;
    one.set("name", name).set("path", folder + "/" + file).set("usable", path.ok());
    if (!path) one.set("problem", path.error().message);
    found.push_back(std::move(one));
  }
  api::Envelope out;
  out.data.set("folder", folder).set("plugins", std::move(found));
  return out;
}

std::string showList(const Invocation& invocation, const Value& data) {
  std::string out;
  for (const Value& one : data.find("plugins")->asArray()) {
    out += invocation.style().status(one.flag("usable") ? "ok" : "failed") + " " +
           base::visible(one.text("name")) + "  " +
           base::visible(one.flag("usable") ? one.text("path") : one.text("problem")) + "\n";
  }
  return out.empty() ? "no plugin in " + data.text("folder") + "\n" : out;
}

Result<api::Envelope> check(Invocation& invocation) {
  const std::string& name = invocation.argument(0);
  if (!base::isIdentifier(name))
    return Error{ErrorCode::kUsage, "NAME must match [a-z0-9][a-z0-9_-]{0,63}"};
  std::string folder = invocation.flag("folder");
  if (folder.empty()) {
    BELAY_ASSIGN(folder, folderOf(invocation));
  }
  BELAY_ASSIGN(const std::string path, steps::findPlugin(folder, name));
  BELAY_ASSIGN(const Value told, describe(invocation, path, name));
  const Value* examples = told.find("examples");
  std::int64_t count = 0;
  if (examples && examples->isArray()) {
    for (const Value& example : examples->asArray()) {
      BELAY_TRY(tryExample(invocation, path, example));
      ++count;
    }
  }
  api::Envelope out;
  out.data.set("name", name).set("path", path).set("examples", count).set("describes", told);
  return out;
}

std::string showCheck(const Invocation&, const Value& data) {
  const Value& told = *data.find("describes");
  std::string out = base::visible(data.text("name")) + " " + base::visible(told.text("version")) + ", " +
                    base::visible(data.text("path")) + "\n  " + base::visible(told.text("summary")) + "\n";
  for (const char* part : {"input", "connection"}) {
    if (const Value* schema = told.find(part))
      out += std::string("  ") + part + ": " + base::visible(json::print(*schema)) + "\n";
  }
  return out + "  " + std::to_string(data.integer("examples")) + " examples passed\n";
}

Result<api::Envelope> create(Invocation& invocation) {
  const std::string& name = invocation.argument(0);
  if (!base::isIdentifier(name))
    return Error{ErrorCode::kUsage, "NAME must match [a-z0-9][a-z0-9_-]{0,63}"};
  const std::string path = std::string(kPrefix) + name;
  const embedded::File* const file = embedded::find(std::string(kTemplate));
  if (file == nullptr) return Error{ErrorCode::kNotFound, "this program has no template of a plugin"};
  BELAY_TRY(invocation.mayWrite(path));
  std::string text(file->content);
  for (std::size_t at = text.find("PLUGIN_NAME"); at != std::string::npos; at = text.find("PLUGIN_NAME"))
    text.replace(at, 11, name);
  BELAY_TRY(base::writeFileDurably(path, text, 0755));
  api::Envelope out;
  out.data.set("name", name).set("file", path);
  return out;
}

std::string showCreated(const Invocation&, const Value& data) {
  return "wrote " + data.text("file") + "; try it: belay plugin check " + data.text("name") +
         " --folder .\n";
}

constexpr Flag kCheckFlags[] = {
    {"folder", 0, "FOLDER", "look for it there instead of in jobs.plugin_folder"}};
constexpr Flag kNewFlags[] = {{"force", 0, "", "write over a file that is there"}};

}  // namespace

const Command kPluginListCommand{
    "plugin list", "", "list the step plugins of this host",
    "Looks for files belay-step-NAME in jobs.plugin_folder, and says which of them steps can use.",
    {}, &list, &showList};

const Command kPluginCheckCommand{
    "plugin check", "NAME", "run a plugin's own examples, and say what it takes",
    "Asks the plugin to describe itself, gives it each of its examples as a step would, and "
    "compares what comes back. Runs with your own rights.",
    kCheckFlags, &check, &showCheck};

const Command kPluginNewCommand{
    "plugin new", "NAME", "write the beginning of a plugin into this folder",
    "A program in Python that speaks the protocol of docs/plugins.md, with one example.",
    kNewFlags, &create, &showCreated};

}  // namespace belay::cli
