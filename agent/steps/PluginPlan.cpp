#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/steps/Fields.h"
#include "agent/steps/ToolPlans.h"
#include "common/base/Files.h"
#include "common/base/Ids.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr std::string_view kPrefix = "belay-step-";
constexpr std::size_t kInputBytesMax = 8u << 20;

/// Whoever can write it decides what the steps of all flows do.
Status checkOwner(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return Error{ErrorCode::kPluginInvalid, path + ": " + std::strerror(errno)};
  const bool ours = info.st_uid == 0 || info.st_uid == ::geteuid();
  if (ours && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  return Error{ErrorCode::kPluginInvalid,
               path + " can be written by others than root and the user of the daemon",
               {"chown root " + path + " && chmod go-w " + path}};
}

}  // namespace

Result<std::string> findPlugin(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + std::string(kPrefix) + name;
  if (!base::fileExists(path)) {
    std::vector<std::string> names;
    if (const auto files = base::listFolder(folder)) {
      for (const std::string& file : *files) {
        if (file.starts_with(kPrefix)) names.push_back(file.substr(kPrefix.size()));
      }
    }
    std::string message = "there is no plugin " + name + " in " + folder;
    const std::vector<std::string_view> known(names.begin(), names.end());
    if (const auto meant = base::nearest(name, known)) message += "; did you mean " + *meant + "?";
    return Error{ErrorCode::kPluginNotFound, std::move(message), {"belay plugin list"}};
  }
  if (!base::isExecutable(path))
    return Error{ErrorCode::kPluginInvalid, path + " is no file that may be executed"};
  BELAY_TRY(checkOwner(folder));
  BELAY_TRY(checkOwner(path));
  return base::resolvePath(path);
}

Result<ToolPlan> planPlugin(const runtime::Attempt& attempt,
                            const vault::ConnectionStore& connections,
                            const settings::JobSettings& settings) {
  BELAY_ASSIGN(const Value values, json::parse(attempt.renderedJson));
  const Fields fields(values, attempt.key.path);
  BELAY_ASSIGN(const std::string name, fields.text("use"));
  if (!base::isIdentifier(name)) return fields.wrong("use", "must match [a-z0-9][a-z0-9_-]{0,63}");
  ToolPlan plan;
  BELAY_ASSIGN(std::string program, findPlugin(settings.pluginFolder, name));
  plan.command = {std::move(program)};
  plan.effect.section = "plugin";
  plan.effect.facts = {{"plugins", {name}}, {"executable", plan.command}};
  BELAY_ASSIGN(const std::string connection, fields.text("connection"));
  if (!connection.empty()) {
    BELAY_ASSIGN(const vault::ConnectionPtr found,
                 toolConnection(connections, attempt, connection, "plugin"));
    useConnection(*found, plan);
    const std::string made = plan.connection.text("plugin");
    if (made != name) return fields.wrong("connection", "is made for the plugin " + made);
    const Value* with = plan.connection.find("with");
    Value members = with ? *with : Value(json::Object{});
    plan.connection = std::move(members);
  }
  const Value* input = values.find("with");
  plan.request.set("plugin", name).set("input", input ? *input : Value(json::Object{}));
  const std::string text = json::print(*plan.request.find("input"));
  if (text.size() > kInputBytesMax) return fields.wrong("with", "has more than 8 MiB");
  plan.effect.inputDigest = crypto::sha256(text).hex();
  return plan;
}

}  // namespace belay::steps
