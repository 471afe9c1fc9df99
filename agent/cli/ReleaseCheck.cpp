#include "agent/cli/ReleaseCheck.h"

#include "agent/cli/Rehearsals.h"
#include "agent/rehearsal/History.h"

namespace belay::cli {

using base::Result;
using json::Value;
using rehearsal::Change;
using rehearsal::Script;

namespace {

json::Array toJson(const std::vector<Change>& changes) {
  json::Array out;
  for (const Change& change : changes) {
    Value one;
    one.set("kind", rehearsal::changeName(change.kind)).set("step", change.step);
    one.set("was", change.was).set("now", change.now);
    out.push_back(std::move(one));
  }
  return out;
}

/// One run under the new content.
Result<std::vector<Change>> changesOf(Invocation& invocation, const Script& draft,
                                      const Recorded& recorded) {
  BELAY_ASSIGN(const Script pinned, storedScript(invocation, recorded.flow, recorded.digest));
  const rehearsal::StageOutputs::Load load = loaderOf(invocation);
  BELAY_ASSIGN(const rehearsal::Scenario scenario,
               rehearsal::scenarioOf(recorded.run, recorded.events, pinned.flow, load));
  BELAY_ASSIGN(const rehearsal::Played played, rehearsal::play({draft}, scenario, load));
  return rehearsal::compare(recorded.events, played);
}

std::string sentence(const Value& change) {
  for (const Change::Kind kind : {Change::Kind::kPath, Change::Kind::kRendered,
                                  Change::Kind::kOutcome, Change::Kind::kUnknown}) {
    if (change.text("kind") == rehearsal::changeName(kind))
      return sentenceOf({kind, change.text("step"), change.text("was"), change.text("now")});
  }
  return "";
}

}  // namespace

Result<api::Envelope> checkRelease(Invocation& invocation, const std::string& slug,
                                   std::size_t runsMax) {
  BELAY_ASSIGN(const Script draft, storedScript(invocation, slug, "draft"));
  Target target("/v1/runs");
  target.add("flow", slug).add("status", "succeeded,failed").add("limit", std::to_string(runsMax));
  BELAY_ASSIGN(api::Envelope list, invocation.get(target.str()));
  if (list.error) return list;
  api::Envelope out;
  json::Array runs;
  std::int64_t changed = 0;
  for (const Value& row : list.data.find("runs")->asArray()) {
    BELAY_ASSIGN(const Recorded recorded, recordOf(invocation, row.text("id")));
    Value one;
    one.set("run", recorded.run).set("source", row.text("source")).set("status", recorded.status);
    const auto changes = changesOf(invocation, draft, recorded);
    // A run whose input the new content refuses is what this check is for.
    if (!changes) one.set("refused", changes.error().message);
    const bool same = changes && changes->empty();
    one.set("same", same).set("changes", changes ? toJson(*changes) : json::Array{});
    changed += same ? 0 : 1;
    runs.push_back(std::move(one));
  }
  out.data.set("flow", slug).set("draft", draft.flow.digest);
  out.data.set("checked", static_cast<std::int64_t>(runs.size())).set("changed", changed);
  out.data.set("runs", std::move(runs));
  return out;
}

std::string releaseCheckPage(const Style& style, const Value& data) {
  const Value* runs = data.find("runs");
  if (!runs) return "";
  std::string out;
  for (const Value& run : runs->asArray()) {
    const bool same = run.flag("same");
    out += style.status(same ? "ok" : "failed") + "  " + run.text("run") + "  " +
           style.dim(run.text("source")) + "\n";
    if (run.find("refused")) out += "      it does not start: " + shown(run.text("refused")) + "\n";
    for (const Value& change : run.find("changes")->asArray())
      out += "      " + sentence(change) + "\n";
  }
  const std::int64_t checked = data.integer("checked");
  return out + std::to_string(checked) + (checked == 1 ? " run" : " runs") + " checked, " +
         std::to_string(data.integer("changed")) + " would not be the same\n";
}

}  // namespace belay::cli
