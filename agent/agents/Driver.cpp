#include "agent/agents/Driver.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>

#include "agent/agents/Classify.h"
#include "agent/agents/Drive.h"
#include "agent/agents/Narrator.h"
#include "agent/jobs/CallMessage.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using base::UniqueFd;

namespace {

constexpr std::size_t kResultBytesMax = 1'000'000;

/// A descriptor that the job has by a variable, and that must not reach the agent, whatever happens
/// to its number later. Errors: kInvalidArgument.
Result<UniqueFd> takeFd(std::map<std::string, std::string>& environment, const char* name) {
  const auto found = environment.find(name);
  const auto number =
      found == environment.end() ? std::nullopt : base::parseUnsigned(found->second);
  if (!number || *number < 3 || *number > 1'000'000) {
    return Error{ErrorCode::kInvalidArgument,
                 std::string(name) + " names no descriptor; belay drive is the command of a job"};
  }
  UniqueFd fd(static_cast<int>(*number));
  if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) {
    static_cast<void>(fd.release());
    return base::errnoError(errno, std::string("the descriptor that ") + name + " names");
  }
  environment.erase(found);
  return fd;
}

/// Hands over the whole text where the result holds only its beginning.
Status attachText(const UniqueFd& calls, const DriveSpec& spec, const DriveResult& result) {
  if (!result.textTruncated || !calls.valid()) return {};
  BELAY_ASSIGN(const UniqueFd text, base::openForReading(spec.rawFolder + "/text.txt"));
  return jobs::callSupervisor(calls.get(), jobs::CallKind::kAttach, "text.txt", text.get());
}

void fitResult(DriveResult& result) {
  if (json::print(result.structured).size() > 256u << 10) {
    result.structured = {};
    result.outcome = Outcome::kProtocol;
    result.detail = "its structured result has more than 256 KiB";
  }
  if (printDriveResult(result).size() <= kResultBytesMax) return;
  result.text = cutText(std::move(result.text), 16u << 10);
  result.textTruncated = true;
  result.denials.resize(std::min<std::size_t>(result.denials.size(), 10));
}

int report(const Error& error) {
  const std::string line = std::string(base::errorText(error.code)) + ": " + error.message + "\n";
  static_cast<void>(base::writeAll(2, line, "standard error"));
  return 2;
}

}  // namespace

int runDriver(const std::string& specFile, const DriverWorld& world) {
  // What runs as the same user must not get at our descriptors, nor at our memory.
  ::prctl(PR_SET_DUMPABLE, 0);
  std::map<std::string, std::string> environment(world.environment.begin(),
                                                 world.environment.end());
  auto resultFd = takeFd(environment, "BELAY_RESULT_FD");
  if (!resultFd) return report(resultFd.error());
  UniqueFd calls;
  if (environment.contains("BELAY_JOB_FD")) {
    auto given = takeFd(environment, "BELAY_JOB_FD");
    if (!given) return report(given.error());
    calls = std::move(*given);
  }
  const auto text = base::readFile(specFile, kDriveSpecBytesMax);
  if (!text) return report(text.error());
  const auto spec = parseDriveSpec(*text);
  if (!spec) return report(Error(spec.error()).in(specFile));

  const Narrator::Write write = [](std::string_view line) {
    static_cast<void>(base::writeAll(1, line, "standard output"));
  };
  Narrator narrator(write);
  Drive drive(*spec, world.clock, std::move(environment), narrator);
  DriveResult result = drive.run();
  fitResult(result);
  narrator.showEnd(result);
  if (const Status attached = attachText(calls, *spec, result); !attached)
    return report(attached.error());
  const Status written = base::writeAll(resultFd->get(), printDriveResult(result), "the result");
  if (!written) return report(written.error());
  return result.outcome == Outcome::kOk ? 0 : 1;
}

}  // namespace belay::agents
