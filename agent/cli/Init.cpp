#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "agent/api/Accounts.h"
#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/vault/HostKeys.h"
#include "common/base/Files.h"
#include "common/json/Json.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr const char* kServiceUser = "belay";

constexpr Flag kFlags[] = {
    {"state-folder", 0, "DIR", "state folder to write into new settings"},
};

/// Makes what is missing and remembers what it made.
class Making {
 public:
  explicit Making(const World& world) : world_(world) {}

  /// A folder of `mode`, if it is not there.
  Status folder(const std::string& path, mode_t mode) {
    if (base::fileExists(path)) return note(path, false);
    BELAY_TRY(base::makeFolders(path));
    if (::chmod(path.c_str(), mode) != 0) return base::errnoError(errno, "chmod " + path);
    return note(path, true);
  }
  Status file(const std::string& path, const std::string& text, unsigned mode) {
    if (base::fileExists(path)) return note(path, false);
    BELAY_TRY(base::writeFileDurably(path, text, mode));
    return note(path, true);
  }
  Status keys(const std::string& path) {
    const bool there =
        base::fileExists(path + "/vault.key") && base::fileExists(path + "/local.key");
    BELAY_TRY(vault::HostKeys({path, ""}).create(world_.random));
    return note(path, !there);
  }
  Status give(const std::string& path, uid_t uid, gid_t gid) {
    if (::lchown(path.c_str(), uid, gid) != 0) return base::errnoError(errno, "chown " + path);
    return {};
  }
  Value take() { return Value(std::move(entries_)); }

 private:
  Status note(const std::string& path, bool made) {
    Value entry;
    entry.set("path", path).set("made", made);
    entries_.push_back(std::move(entry));
    return {};
  }
  const World& world_;
  json::Array entries_;
};

/// Root acts as the user of the service while it makes what that user must own.
class ActingAs {
 public:
  ~ActingAs() {
    if (!active_) return;
    // Failing to be root again leaves less power, never more.
    [[maybe_unused]] const int user = ::seteuid(0);
    [[maybe_unused]] const int group = ::setegid(0);
  }
  ActingAs() = default;
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;
  Status begin(uid_t uid, gid_t gid) {
    if (::setegid(gid) != 0) return base::errnoError(errno, "act as group " + std::to_string(gid));
    active_ = true;
    if (::seteuid(uid) != 0) return base::errnoError(errno, "act as user " + std::to_string(uid));
    return {};
  }

 private:
  bool active_ = false;
};

std::string parentOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

/// The shipped settings, with what the command line says filled in.
std::string settingsText(const std::string& stateFolder, const std::string& socket) {
  std::string text = settings::defaultSettingsText();
  const auto fill = [&text](const std::string& name, const std::string& value) {
    if (value.empty()) return;
    const std::string line = "  # " + name + ": \"\"\n";
    const std::size_t at = text.find(line);
    BELAY_CHECK(at != std::string::npos);
    text.replace(at, line.size(), "  " + name + ": " + json::print(Value(value)) + "\n");
  };
  fill("folder", stateFolder);
  fill("socket", socket);
  return text;
}

std::string absolute(const Invocation& invocation, const std::string& path) {
  if (path.empty() || path.starts_with("/")) return path;
  return invocation.world().folder + "/" + path;
}

/// Gives what starts the daemon that the folder is for.
Result<std::string> makeState(const Invocation& invocation, const Installation& where,
                              Making& making) {
  const std::string& folder = where.paths.stateFolder;
  api::AccountFiles files;
  const api::Accounts& accounts = files.current();
  const auto service = accounts.uidOf(kServiceUser);
  const auto group = accounts.gidOf(kServiceUser);
  // The packaged unit runs the daemon as a user of its own: the folder of the system is that
  // user's.
  const bool isService =
      invocation.world().uid == 0 && service && group && folder == "/var/lib/belay";
  BELAY_TRY(making.folder(folder, 0700));
  if (!isService) {
    BELAY_TRY(making.keys(where.layout().keys()));
    return std::string();
  }
  BELAY_TRY(making.give(folder, *service, *group));
  ActingAs acting;
  BELAY_TRY(acting.begin(*service, *group));
  BELAY_TRY(making.keys(where.layout().keys()));
  return std::string("systemctl enable --now belay");
}

Result<api::Envelope> init(Invocation& invocation) {
  const World& world = invocation.world();
  BELAY_ASSIGN(settings::Paths paths, findMode(world, invocation.arguments()));
  const std::string config = absolute(invocation, invocation.flag("config"));
  std::string stateFolder = absolute(invocation, invocation.flag("state-folder"));
  std::string socket = absolute(invocation, invocation.flag("socket"));
  if (!config.empty() && config != paths.configFile) {
    paths.configFile = config;
    // A daemon apart shares nothing with the one of this mode.
    const bool apart = !base::fileExists(config);
    if (apart && stateFolder.empty()) stateFolder = parentOf(config) + "/state";
    if (apart && socket.empty()) socket = stateFolder + "/belay.sock";
  }
  Making making(world);
  BELAY_TRY(making.folder(parentOf(paths.configFile), paths.system ? 0755 : 0700));
  if (base::fileExists(paths.configFile) && !stateFolder.empty()) {
    return Error{ErrorCode::kConflict,
                 paths.configFile + " is there: change state.folder in it instead"};
  }
  // Others must be able to read where the socket is; credentials are in the vault, not here.
  BELAY_TRY(
      making.file(paths.configFile, settingsText(stateFolder, socket), paths.system ? 0644 : 0600));
  BELAY_ASSIGN(const Installation where, findInstallation(world, invocation.arguments()));
  BELAY_ASSIGN(std::string start, makeState(invocation, where, making));
  const bool others = !where.settings.api.operators.empty() || !where.settings.api.readers.empty();
  const std::string run = parentOf(where.paths.socket);
  BELAY_TRY(api::makeSocketFolder(parentOf(run), others));
  BELAY_TRY(making.folder(run, where.paths.system ? 0755 : others ? 0711 : 0700));

  api::Envelope out;
  out.data.set("mode", where.paths.system ? "system" : "user")
      .set("config", where.paths.configFile);
  out.data.set("state", where.paths.stateFolder).set("socket", where.paths.socket);
  out.data.set("entries", making.take());
  json::Array next{"belay daemon", "belay doctor", "belay flow run FILE --wait"};
  if (!start.empty()) next.front() = std::move(start);
  out.data.set("actions", std::move(next));
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  std::string out;
  for (const Value& entry : data.find("entries")->asArray()) {
    out += (entry.flag("made") ? invocation.style().paint(Style::Tone::kGood, "made ")
                               : invocation.style().dim("there")) +
           " " + shown(entry.text("path")) + "\n";
  }
  out += invocation.style().dim("next:") + "\n";
  for (const Value& action : data.find("actions")->asArray())
    out += "  " + shown(action.asString()) + "\n";
  return out;
}

}  // namespace

const Command kInitCommand{
    "init",
    "",
    "make settings, state folder and keys where they are missing",
    "Root prepares the system's daemon (/etc/belay, /var/lib/belay, /run/belay), everybody else "
    "their own. --config makes a daemon apart from both, with its state in state/ beside it and "
    "its "
    "socket in there, unless --state-folder and --socket say otherwise. "
    "Changes nothing that is there, so it can be repeated.",
    kFlags,
    &init,
    &print};

}  // namespace belay::cli
