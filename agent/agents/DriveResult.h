#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/agents/DriveSpec.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::agents {

/// How a run of an agent ended. Each but kOk is an error code of its own.
enum class Outcome {
  kOk,           ///< Exit status, terminal event and error flag agree on success.
  kFailed,       ///< It says that it failed, or ended without saying anything of its success.
  kDenied,       ///< It was denied something, and `failOnDenied` is set.
  kAuth,         ///< Its provider does not accept its credentials, or it has none.
  kQuota,        ///< Its provider's quota is used up: money, plan or day.
  kRateLimited,  ///< Its provider takes no more requests for now.
  kNoOutput,     ///< budgets.first_output_ms.
  kStalled,      ///< budgets.no_progress_ms.
  kTimeout,      ///< budgets.wall_ms.
  kOverBudget,   ///< Another budget: `budget` says which.
  kKilled,       ///< Ended from outside: a signal to the driver, or to the agent.
  kProtocol,     ///< It said what its adapter does not understand, or a line over the bound.
  kNotFound,     ///< Its program is not there, or may not be executed; nothing ran.
  kDrifted,      ///< Its program is not the locked one; nothing ran.
  kSession,      ///< The session to go on with is not there.
};

std::string_view outcomeName(Outcome outcome);
/// Requires an outcome other than kOk (checked).
base::ErrorCode outcomeCode(Outcome outcome);

/// Something that the agent wanted and did not get.
struct Denial {
  std::string tool;
  std::string what;    ///< The command, the path, or the input as JSON; cut at 1 KiB.
  std::string reason;  ///< The rule, or what the agent says of it.
};

/// What one run of an agent came to: docs/format/agent-drive.md.
struct DriveResult {
  Outcome outcome = Outcome::kFailed;
  std::string detail;  ///< One sentence for people; empty with kOk.
  std::string budget;  ///< The member of `budgets` that was hit; empty: none.

  std::string text;            ///< The last message, at most kTextBytesMax of it.
  bool textTruncated = false;  ///< raw_folder/text.txt has all of it.
  json::Value structured;      ///< What meets output_schema, where the agent gives it; else null.
  std::string sessionId;

  Usage usage;                    ///< Of this run.
  Usage cumulative;               ///< Of the session: give it as session.used to the next run.
  std::optional<double> costUsd;  ///< Nothing where the agent does not say.
  std::int64_t turns = 0;
  std::vector<Denial> denials;    ///< The first kDenialsMax.
  std::int64_t retryAfterMs = 0;  ///< With kRateLimited and kQuota; 0: not known.
  std::int64_t durationMs = 0;    ///< From the agent's start to its end.
  std::uint64_t outputBytes = 0;  ///< Of both streams.
  std::int64_t linesSkipped = 0;  ///< Of its stdout: no JSON, or over the bound of a line.
  std::optional<int> exitCode;    ///< Neither: nothing ran.
  std::optional<int> exitSignal;

  std::string agentName;  ///< As it calls itself, or its adapter.
  std::string agentVersion;
  std::string binary;
  std::string digest;  ///< Of the binary that ran; empty when nothing was locked.
};

inline constexpr std::size_t kTextBytesMax = 128u << 10;
inline constexpr std::size_t kDenialsMax = 100;

/// Errors: kJsonSyntax, kInvalidArgument with the member's path.
base::Result<DriveResult> parseDriveResult(std::string_view text);
base::Result<DriveResult> readDriveResult(const json::Value& value);
/// One line of JSON without its end, below 1 MiB.
std::string printDriveResult(const DriveResult& result);

/// The result as a verdict on its step: the error of its outcome, or success.
base::Status judge(const DriveResult& result);

}  // namespace belay::agents
