#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/engine/Event.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::rehearsal {

/// What the world answers one attempt of a step, or one wait.
struct Given {
  enum class Kind : std::uint8_t {
    kOutput,   ///< The attempt succeeds with `json`.
    kFailure,  ///< It fails.
    kApprove,
    kReject,
    kBody,     ///< Of a callback or event.
    kNothing,  ///< Nobody answers the wait: its time runs out.
    kUnknown,  ///< It is not known whether the attempt took effect.
    kCount
  };
  Kind kind = Kind::kOutput;
  std::string json;         ///< Output, body, or the form of an approval; empty: undefined.
  std::string comment;      ///< Of a decision.
  engine::Failure failure;  ///< Of kFailure.
  base::RunId child;        ///< Of a step that started a run: the one that was recorded.
  std::chrono::milliseconds takes{0};  ///< Simulated time until then.
};

/// What an operator does while a run is under way.
struct Action {
  enum class Verb : std::uint8_t { kPause, kResume, kStop, kCancel, kResolve, kCount };
  std::chrono::milliseconds after{0};  ///< Since the start.
  Verb verb = Verb::kPause;
  std::string step;  ///< Of kResolve: path of the step that is ambiguous.
  engine::Resolution as = engine::Resolution::kFailed;
};

/// A rehearsal of a flow: its input, when it begins, and what the world answers.
struct Scenario {
  std::string name;
  json::Value input{json::Object{}};
  std::int64_t startMs = kStartMs;  ///< Wall time.
  std::string triggerJson = R"({"type":"manual"})";
  /// By the path of a step, or its id for wherever it stands: answers in their order, of which the
  /// last stays. Steps of other flows are named "SLUG:STEP".
  std::map<std::string, std::vector<Given>, std::less<>> given;
  std::vector<std::pair<std::string, std::string>> kv;  ///< Keys of the default space, and JSON.
  std::vector<Action> actions;                          ///< By time.
  json::Value expect;                                   ///< As written; null: nothing is expected.
  /// Of a run that was recorded: what its expressions saw of itself.
  struct Recorded {
    base::RunId run;
    std::string source;
    std::string by;
    std::uint64_t seed = 0;
  };
  std::optional<Recorded> recorded;

  static constexpr std::int64_t kStartMs = 1'767'225'600'000;  ///< 2026-01-01T00:00:00Z.
};

/// Reads one entry of `tests:` of a test file.
/// Errors: kInputInvalid, which names the member by its JSON Pointer below the entry.
base::Result<Scenario> readScenario(const json::Value& entry);

}  // namespace belay::rehearsal
