#include "agent/runtime/StartKeys.h"

#include <utility>
#include <variant>

#include "agent/engine/Event.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::RunId;

namespace {

/// Coerced by the schema of the flow that ran, as the run's own input was: which release is live
/// now makes no difference.
Result<bool> isInputOf(journal::Journal& journal, FlowCache& flows, const journal::RunRow& run,
                       const json::Value& given) {
  BELAY_ASSIGN(const std::vector<journal::EventRow> first, journal.events(run.id, 0, 1));
  if (first.empty()) return false;
  BELAY_ASSIGN(const engine::EventBody body,
               engine::decodeBody(first.front().name, first.front().body));
  const auto* const created = std::get_if<engine::RunCreated>(&body);
  BELAY_ASSIGN(const std::shared_ptr<const LoadedFlow> flow, flows.get(run.flowDigest));
  json::Value input = given.isNull() ? json::Value(json::Object{}) : given;
  if (flow->inputSchema && !flow->inputSchema->coerce(input).empty()) return false;
  return created != nullptr && created->inputJson == json::print(input);
}

}  // namespace

Result<std::optional<RunId>> begunBefore(journal::Journal& journal, FlowCache& flows,
                                         const KeyedStart& start) {
  if (start.key.empty()) return std::optional<RunId>{};
  BELAY_ASSIGN(const std::optional<RunId> known, journal.runByStartKey(start.key));
  if (!known) return known;
  BELAY_ASSIGN(const std::optional<journal::RunRow> run, journal.run(*known));
  if (!run) return std::optional<RunId>{};
  std::string other;
  if (run->slug != start.slug) {
    other = "of flow " + run->slug;
  } else if (!start.digest.empty() && run->flowDigest != start.digest) {
    other = "of another content of flow " + run->slug;
  } else {
    BELAY_ASSIGN(const bool same, isInputOf(journal, flows, *run, start.input));
    if (same) return known;
    other = "of flow " + run->slug + " with another input";
  }
  return Error{ErrorCode::kStartConflict,
               "the key \"" + base::visible(start.shown) + "\" has begun run " + known->str() +
                   " " + other + ", and begins nothing else",
               {"belay run show " + known->str()}};
}

}  // namespace belay::runtime
