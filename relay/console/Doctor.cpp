#include <sys/stat.h>
#include <sys/statvfs.h>

#include <functional>
#include <utility>

#include "common/base/Text.h"
#include "common/base/Units.h"
#include "relay/console/Desk.h"
#include "relay/service/Administration.h"
#include "relay/service/Endpoints.h"
#include "relay/service/Relay.h"

namespace belay::console {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using wire::Envelope;

namespace {

constexpr std::uint64_t kRoomLeast = 256u << 20;

Status checkFolder(const service::Settings& settings) {
  struct stat info {};
  if (::stat(settings.stateFolder.c_str(), &info) != 0) {
    return Error{ErrorCode::kNotInitialised,
                 "there is no folder " + settings.stateFolder,
                 {"belay-relay init"}};
  }
  constexpr unsigned kOthers = 0077;
  if ((info.st_mode & kOthers) == 0) return {};
  return Error{ErrorCode::kStateFolderUnsafe,
               settings.stateFolder + " is open to other users",
               {"chmod 700 " + settings.stateFolder}};
}

Status checkRoom(const service::Settings& settings) {
  struct statvfs info {};
  if (::statvfs(settings.stateFolder.c_str(), &info) != 0) return {};
  const std::uint64_t room = std::uint64_t{info.f_bavail} * info.f_frsize;
  if (room >= kRoomLeast) return {};
  return Error{ErrorCode::kDiskFull,
               "there are " + base::formatBytes(room) + " left for " + settings.stateFolder,
               {"df -h " + settings.stateFolder}};
}

/// Collects findings: each check with what it says.
class Findings {
 public:
  void add(std::string_view check, const Status& status) {
    Value each;
    each.set("check", check).set("ok", status.ok()).set("verdict", status ? "ok" : "fail");
    if (!status) addError(each, status.error());
    list_.push_back(std::move(each));
  }
  Envelope take() {
    Envelope out;
    if (bad_ > 0) {
      out.error = Error{ErrorCode::kDoctor, std::to_string(bad_) + " of " +
                                                std::to_string(list_.size()) + " checks failed"};
    }
    out.data.set("checks", std::move(list_));
    return out;
  }

 private:
  void addError(Value& each, const Error& error) {
    const std::string code(base::errorText(error.code));
    const std::string at = error.place.line ? ":" + std::to_string(error.place.line) + " " : " ";
    each.set("code", code);
    each.set("message", error.place.file.empty() ? error.message
                                                 : error.place.file + at + error.message);
    json::Array actions;
    for (const std::string& action : error.actions) actions.emplace_back(action);
    // What has no command of its own has a page.
    if (actions.empty()) actions.emplace_back("belay explain " + code);
    each.set("actions", std::move(actions));
    ++bad_;
  }

  json::Array list_;
  int bad_ = 0;
};

Result<Envelope> examine(Invocation& invocation) {
  Findings findings;
  const auto settings = readSettings(invocation);
  findings.add("settings", settings ? Status{} : Status{settings.error()});
  if (!settings) return findings.take();
  findings.add("certificate", service::checkCertificate(*settings));
  findings.add("state folder", checkFolder(*settings));
  findings.add("room", checkRoom(*settings));
  const auto store = run(invocation, {"GET", "/v1/hosts", {}, &service::listHosts});
  Status reached;
  if (!store) reached = store.error();
  if (store && store->error) reached = *store->error;
  findings.add("store", reached);
  if (!reached) return findings.take();
  const auto hooks = run(invocation, {"GET", "/v1/hooks", {}, &service::listEndpoints});
  findings.add("hooks", hooks ? service::judgeEndpoints(hooks->data) : Status{hooks.error()});
  return findings.take();
}

std::string print(const Value& data) {
  std::string out;
  for (const Value& each : data.find("checks")->asArray()) {
    out += (each.flag("ok") ? "ok    " : "fail  ") + each.text("check");
    if (!each.flag("ok"))
      out += ": " + base::visible(each.text("message")) + " [" + each.text("code") + "]";
    out += "\n";
    if (const Value* actions = each.find("actions"))
      for (const Value& action : actions->asArray())
        out += "      do: " + base::visible(action.asString()) + "\n";
  }
  return out;
}

}  // namespace

const Command kDoctorCommand{"doctor",
                             "",
                             "look for what keeps this relay from working",
                             "Settings, certificate and key, the state folder, room on its disk, "
                             "the store, through the relay "
                             "that runs or itself, and the endpoints of events.",
                             {},
                             &examine,
                             &print};

}  // namespace belay::console
