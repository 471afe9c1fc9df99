#include <memory>

#include "agent/tools/Confine.h"
#include "agent/tools/RemoteCommand.h"
#include "agent/tools/SshExec.h"
#include "agent/tools/SshFiles.h"
#include "agent/tools/Tool.h"
#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::tools {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::int64_t kConnectMs = 20'000;
constexpr std::int64_t kGraceMs = 5'000;

/// File names of the request are those of its folder.
std::string pathIn(const json::Value& request, const std::string& file) {
  return file.empty() ? file : request.text("folder") + "/" + file;
}

SshCommand commandOf(const json::Value& request, const json::Value& exec) {
  RemoteCommand remote;
  remote.argv = textsOf(exec, "argv");
  remote.folder = exec.text("cwd");
  remote.terminal = exec.flag("pty");
  remote.detach = exec.flag("detach");
  if (const json::Value* env = exec.find("env"); env && env->isObject()) {
    for (const auto& [name, value] : env->asObject()) {
      if (value.isString()) remote.environment.emplace_back(name, value.asString());
    }
  }
  RemoteLine line = remoteLine(remote);
  SshCommand out;
  out.line = std::move(line.line);
  out.input = std::move(line.prelude) + exec.text("stdin");
  out.inputFile = pathIn(request, exec.text("stdin_file"));
  out.terminal = remote.terminal;
  out.detach = remote.detach;
  const std::string key = request.text("idempotency_key");
  if (!key.empty()) out.mark = "BELAY_IDEMPOTENCY_KEY=" + key;
  return out;
}

/// What one step does over its session, in this order: put, command, get.
class SshWork {
 public:
  SshWork(const json::Value& request, ssh_session session, int stopFd)
      : request_(request), session_(session), stopFd_(stopFd) {}

  ToolEnd run() {
    const Status done = all();
    if (!done.ok()) end_.error = done.error();
    end_.effect = effect_;
    return std::move(end_);
  }

 private:
  Status all() {
    BELAY_TRY(put());
    BELAY_TRY(exec());
    return failedThere_ ? Status() : get();
  }

  const json::Array& listOf(std::string_view name) const {
    static const json::Array kNone;
    const json::Value* list = request_.find(name);
    return list && list->isArray() ? list->asArray() : kNone;
  }

  Result<SshFiles*> files() {
    if (!files_) {
      BELAY_ASSIGN(SshFiles opened, SshFiles::open(session_));
      files_ = std::make_unique<SshFiles>(std::move(opened));
    }
    return files_.get();
  }

  Status put() {
    for (const json::Value& each : listOf("put")) {
      BELAY_ASSIGN(SshFiles* const files, this->files());
      effect_ = Effect::kUnknown;
      const auto mode = static_cast<unsigned>(each.integer("mode", 0644));
      const Status done =
          files->put(pathIn(request_, each.text("file")), each.text("to"), mode,
                     request_.text("mark"));
      // What the server refuses has not happened; what was put before it stays.
      if (done.ok() || done.error().code != ErrorCode::kConnect) effect_ = Effect::kDone;
      BELAY_TRY(done);
    }
    return {};
  }

  Status exec() {
    const json::Value* exec = request_.find("exec");
    if (!exec) return {};
    const SshCommand command = commandOf(request_, *exec);
    const Effect before = effect_;
    const auto exit = execSsh(session_, command, stopFd_, effect_);
    if (!exit) {
      if (effect_ == Effect::kNone) effect_ = before;
      return exit.error();
    }
    if (exit->code) end_.output.set("exit_code", *exit->code);
    if (!exit->signal.empty()) end_.output.set("signal", exit->signal);
    if (command.detach) {
      const auto pid = base::parseUnsigned(base::trim(exit->output));
      if (pid) end_.output.set("pid", static_cast<std::int64_t>(*pid));
    }
    bool fine = false;
    for (const json::Value& code : exec->find("ok_exit_codes")->asArray())
      fine = fine || (exit->code && code.asInteger() == *exit->code);
    failedThere_ = !fine;
    return {};
  }

  Status get() {
    const json::Array& wanted = listOf("get");
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      BELAY_ASSIGN(SshFiles* const files, this->files());
      const std::string file = "got-" + std::to_string(i);
      const json::Value& each = wanted[i];
      BELAY_ASSIGN(const std::uint64_t size,
                   files->get(each.text("from"), pathIn(request_, file),
                              static_cast<std::uint64_t>(each.integer("max"))));
      json::Value got;
      got.set("file", file).set("name", each.text("name")).set("size", size);
      end_.files.push(std::move(got));
    }
    return {};
  }

  const json::Value& request_;
  const ssh_session session_;
  const int stopFd_;
  std::unique_ptr<SshFiles> files_;
  ToolEnd end_;
  Effect effect_ = Effect::kNone;
  bool failedThere_ = false;
};

ToolEnd failed(const Error& error) {
  ToolEnd end;
  end.error = error;
  end.effect = Effect::kNone;
  return end;
}

ToolEnd learn(SshEndpoint& endpoint) {
  const auto keys = learnHostKeys(endpoint);
  if (!keys) return failed(keys.error());
  ToolEnd end;
  json::Value list{json::Array{}};
  for (const std::string& key : *keys) list.push(key);
  end.output.set("host_keys", std::move(list));
  return end;
}

ToolEnd proved(const SshEndpoint& endpoint) {
  std::string way;
  for (const SshEndpoint* jump = endpoint.jump.get(); jump; jump = jump->jump.get())
    way += (way.empty() ? " through " : ", ") + jump->name;
  ToolEnd end;
  end.output.set("detail", endpoint.host + ":" + std::to_string(endpoint.port) + way +
                               " shows a pinned key and accepts " + endpoint.user);
  return end;
}

}  // namespace

void runSsh(const json::Value& request, Exit& exit, const base::EnvironmentLookup&) {
  SshEndpoint endpoint =
      readEndpoint(request.find("connection") ? *request.find("connection") : json::Value());
  const std::chrono::milliseconds bound{request.integer("connect_timeout_ms", kConnectMs)};
  exit.bound(bound, "connect to " + endpoint.host + ": the server did not accept " +
                        endpoint.user + " within " + base::formatDuration(bound));
  const std::string probe = request.text("probe");
  SshEndpoint* first = &endpoint;
  while (first->jump) first = first->jump.get();
  first->confine = [folder = request.text("folder")] { return confine(folder); };
  if (probe == "learn") exit.finish(learn(endpoint));
  auto session = connectSsh(endpoint);
  if (!session) exit.finish(failed(session.error()));
  if (probe == "test") exit.finish(proved(endpoint));
  exit.act(std::chrono::milliseconds{request.integer("grace_ms", kGraceMs)});
  exit.finish(SshWork(request, session->get(), exit.stopFd()).run());
}

}  // namespace belay::tools
