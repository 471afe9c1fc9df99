#include "agent/tools/ToolIo.h"

#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <thread>

#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::tools {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::size_t kRequestBytesMax = 16u << 20;

sigset_t handled() {
  sigset_t out;
  ::sigemptyset(&out);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGALRM}) ::sigaddset(&out, number);
  return out;
}

void setTimer(std::chrono::milliseconds time) {
  itimerval value{};
  value.it_value.tv_sec = static_cast<time_t>(time.count() / 1000);
  value.it_value.tv_usec = static_cast<suseconds_t>(time.count() % 1000 * 1000);
  ::setitimer(ITIMER_REAL, &value, nullptr);
}

}  // namespace

std::string printEnd(const ToolEnd& end) {
  json::Value out;
  out.set("ok", !end.error).set("output", end.output);
  if (!end.files.asArray().empty()) out.set("files", end.files);
  if (end.error) {
    json::Value error;
    error.set("code", base::errorText(end.error->code)).set("message", end.error->message);
    if (!end.failureClass.empty()) error.set("class", end.failureClass);
    out.set("error", std::move(error));
    out.set("effect", end.effect == Effect::kNone   ? "none"
                      : end.effect == Effect::kDone ? "done"
                                                    : "unknown");
  }
  return json::print(out);
}

Result<Exit*> Exit::open(const base::EnvironmentLookup& environment) {
  const auto named = base::parseUnsigned(environment("BELAY_RESULT_FD").value_or(""));
  if (!named || *named < 3 || *named > 1'000'000 ||
      ::fcntl(static_cast<int>(*named), F_SETFD, FD_CLOEXEC) != 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "BELAY_RESULT_FD names no descriptor; belay step is the command of a job"};
  }
  const sigset_t wanted = handled();
  ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  // Never freed: its thread, and those of the work, end with the process.
  auto* const out = new Exit(base::UniqueFd(static_cast<int>(*named)));
  std::thread([out] { out->takeSignals(); }).detach();
  return out;
}

void Exit::bound(std::chrono::milliseconds time, std::string what) {
  base::MutexLock lock(mutex_);
  bounded_ = std::move(what);
  setTimer(time);
}

void Exit::act(std::chrono::milliseconds grace) {
  base::MutexLock lock(mutex_);
  acting_ = true;
  grace_ = grace;
  setTimer(std::chrono::milliseconds{0});
}

void Exit::takeSignals() {
  const sigset_t wanted = handled();
  for (;;) {
    siginfo_t info;
    const int number = ::sigwaitinfo(&wanted, &info);
    if (number > 0) take(number);
  }
}

void Exit::take(int signal) {
  ToolEnd end;
  {
    base::MutexLock lock(mutex_);
    if (acting_ && !stopping_) {
      if (signal == SIGALRM) return;  // It was on its way when the work began.
      stopping_ = true;
      stop_.signal();
      setTimer(grace_);
      return;
    }
    if (acting_ && signal != SIGALRM) return;
    end.effect = acting_ ? Effect::kUnknown : Effect::kNone;
    if (signal == SIGALRM && !acting_) {
      end.error = Error{ErrorCode::kConnect, bounded_};
      end.failureClass = "timeout";
    } else {
      end.error = Error{ErrorCode::kCancelled, "it was ended from outside"};
    }
  }
  finish(end);
}

void Exit::finish(const ToolEnd& end) {
  // Whoever comes second waits here until the process is gone.
  mutex_.lock();
  const std::string text = printEnd(end);
  const auto written = base::writeAll(result_.get(), text, "result");
  ::_exit(written.ok() && !end.error ? 0 : 1);
}

Result<json::Value> readRequest(int fd) {
  std::string text;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::errnoError(errno, "read the request");
    if (count == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > kRequestBytesMax)
      return Error{ErrorCode::kLimit, "the request has more than 16 MiB"};
  }
  auto request = json::parse(text);
  if (request && !request->isObject())
    return Error{ErrorCode::kInvalidArgument, "the request is no object"};
  return request;
}

std::vector<std::string> textsOf(const json::Value& object, std::string_view name) {
  std::vector<std::string> out;
  const json::Value* list = object.find(name);
  if (!list || !list->isArray()) return out;
  for (const json::Value& item : list->asArray()) {
    if (item.isString()) out.push_back(item.asString());
  }
  return out;
}

}  // namespace belay::tools
