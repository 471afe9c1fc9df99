#include "agent/runtime/FlowLifecycle.h"

#include <algorithm>
#include <vector>

#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using journal::FlowChange;
using journal::FlowChangeRow;
using journal::Journal;

namespace {

/// So many releases are searched for the beginning of a digest, and promotions for one to go back
/// to.
constexpr std::size_t kRowsSearched = 1000;
constexpr std::string_view kDigestPrefix = "sha256:";
/// Shorter beginnings of digests are guesses.
constexpr std::size_t kDigestCharactersLeast = kDigestPrefix.size() + 6;

std::string command(std::string_view verb, std::string_view slug, std::string_view rest = "") {
  std::string out = "belay flow " + std::string(verb) + " " + base::visible(slug);
  return rest.empty() ? out : out + " " + std::string(rest);
}

/// The error, or one of the journal.
Status noFlow(Journal& journal, std::string_view slug) {
  BELAY_ASSIGN(const std::vector<journal::FlowHeadRow> heads, journal.flowHeads());
  std::vector<std::string_view> names;
  for (const journal::FlowHeadRow& head : heads) names.push_back(head.slug);
  std::string message = "there is no flow \"" + base::visible(slug) + "\" on this host";
  if (const auto near = base::nearest(slug, names)) message += "; did you mean \"" + *near + "\"?";
  return Error{
      ErrorCode::kNotFound, std::move(message), {"belay flow list", "belay flow push FILE"}};
}

Error noRelease(std::string_view slug, std::string_view which) {
  return Error{ErrorCode::kReleaseNotFound,
               "flow " + std::string(slug) + " has no release " + base::visible(which),
               {command("releases", slug)}};
}

Status refuseArchived(const FlowState& state) {
  if (!state.archived) return {};
  return Error{ErrorCode::kFlowArchived,
               "flow " + state.head.slug + " was archived by " + base::visible(state.archived->by),
               {command("archive", state.head.slug, "--undo")}};
}

bool beginsDigest(std::string_view digest, std::string_view beginning) {
  return beginning.size() >= kDigestCharactersLeast && digest.starts_with(beginning);
}

/// "uid:1000" of "uid:1000 (alice)": a name may change, the number is the kernel's word.
std::string_view personOf(std::string_view by) { return by.substr(0, by.find(' ')); }

Result<FlowChangeRow> record(Journal& journal, FlowChangeRow row, const Author& author) {
  row.by = author.by;
  BELAY_TRY(journal.addFlowChange(row));
  return row;
}

/// The release that a number, a digest or the beginning of one names.
Result<FlowChangeRow> findRelease(Journal& journal, std::string_view slug, std::string_view which) {
  if (const auto number = base::parseUnsigned(which); number && which.size() < 18) {
    BELAY_ASSIGN(const auto found, journal.release(slug, static_cast<std::int64_t>(*number)));
    if (!found) return noRelease(slug, which);
    return *found;
  }
  BELAY_ASSIGN(const auto exact, journal.releaseOf(slug, which));
  if (exact) return *exact;
  BELAY_ASSIGN(const auto rows, journal.flowChanges(slug, FlowChange::kReleased, 0, kRowsSearched));
  const FlowChangeRow* match = nullptr;
  for (const FlowChangeRow& row : rows) {
    if (!beginsDigest(row.digest, which)) continue;
    if (match && match->digest != row.digest) {
      return Error{
          ErrorCode::kReleaseNotFound,
          "several releases of flow " + std::string(slug) + " begin with " + base::visible(which),
          {command("releases", slug)}};
    }
    if (!match) match = &row;
  }
  if (!match) return noRelease(slug, which);
  return *match;
}

/// Nothing, or why this draft must not be replaced.
Status mayReplace(const FlowState& state, const journal::FlowRow& flow, const DraftRule& rule,
                  const Author& author) {
  const std::string& present = state.head.draftDigest;
  if (present == flow.digest || rule.force) return {};
  const bool asked = !rule.ifDraft.empty();
  if (asked && (present == rule.ifDraft || beginsDigest(present, rule.ifDraft))) return {};
  const bool sameAuthor = state.draft && !author.origin.empty() &&
                          state.draft->origin == author.origin &&
                          personOf(state.draft->by) == personOf(author.by);
  if (!asked && sameAuthor) return {};
  std::string message = "the draft of " + state.head.slug + " is " + present;
  if (state.draft) {
    message += ", put by " + base::visible(state.draft->by);
    if (!state.draft->origin.empty()) message += " from " + base::visible(state.draft->origin);
    message += " at " + base::formatInstant(state.draft->atMs);
  }
  message += asked ? ", not " + base::visible(rule.ifDraft) : "; this push would replace it";
  return Error{ErrorCode::kFlowDraftChanged,
               std::move(message),
               {command("diff", state.head.slug, "--from draft --to FILE"),
                "belay flow push FILE --if-draft " + present}};
}

/// What was live one after another, the present one last, without those that were gone back over.
Result<std::vector<FlowChangeRow>> lineOfLive(Journal& journal, std::string_view slug) {
  BELAY_ASSIGN(std::vector<FlowChangeRow> rows,
               journal.flowChanges(slug, FlowChange::kPromoted, 0, kRowsSearched));
  BELAY_ASSIGN(const std::vector<FlowChangeRow> back,
               journal.flowChanges(slug, FlowChange::kRolledBack, 0, kRowsSearched));
  rows.insert(rows.end(), back.begin(), back.end());
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  std::vector<FlowChangeRow> line;
  for (FlowChangeRow& row : rows) {
    if (row.what == FlowChange::kRolledBack) {
      while (!line.empty() && line.back().release != row.release) line.pop_back();
      if (!line.empty()) line.pop_back();
    }
    line.push_back(std::move(row));
  }
  return line;
}

Result<Promoted> makeLive(Journal& journal, const FlowState& state, FlowChange what,
                          const FlowChangeRow& release, const Author& author, std::int64_t nowMs) {
  Promoted out;
  if (state.live) out.before = state.live->release;
  if (state.live && state.live->release == release.release) {
    out.live = *state.live;
    out.existing = true;
    return out;
  }
  FlowChangeRow row;
  row.slug = state.head.slug;
  row.what = what;
  row.release = release.release;
  row.digest = release.digest;
  row.atMs = nowMs;
  BELAY_ASSIGN(out.live, record(journal, std::move(row), author));
  return out;
}

Result<FlowChangeRow> addRelease(Journal& journal, const std::string& slug,
                                 const std::string& digest, const std::string& note,
                                 const Author& author, std::int64_t nowMs) {
  BELAY_ASSIGN(const auto newest, journal.lastFlowChange(slug, FlowChange::kReleased));
  FlowChangeRow row;
  row.slug = slug;
  row.what = FlowChange::kReleased;
  row.release = newest ? newest->release + 1 : 1;
  row.digest = digest;
  row.note = note;
  row.origin = author.origin;
  row.atMs = nowMs;
  return record(journal, std::move(row), author);
}

Status setDraft(Journal& journal, const journal::FlowRow& flow, const Author& author) {
  BELAY_TRY(journal.putFlow(flow));
  BELAY_TRY(journal.setDraft(flow.slug, flow.digest, flow.createdMs));
  FlowChangeRow row;
  row.slug = flow.slug;
  row.what = FlowChange::kDrafted;
  row.digest = flow.digest;
  row.origin = author.origin;
  row.atMs = flow.createdMs;
  row.by = author.by;
  return journal.addFlowChange(row);
}

}  // namespace

Result<FlowState> flowState(Journal& journal, std::string_view slug) {
  BELAY_ASSIGN(const auto head, journal.flowHead(slug));
  if (!head) {
    return noFlow(journal, slug).error();
  }
  FlowState state{*head, {}, {}, {}, {}};
  BELAY_ASSIGN(state.draft, journal.lastFlowChange(slug, FlowChange::kDrafted));
  BELAY_ASSIGN(state.newest, journal.lastFlowChange(slug, FlowChange::kReleased));
  BELAY_ASSIGN(state.live, journal.lastFlowChange(slug, FlowChange::kPromoted));
  BELAY_ASSIGN(const auto back, journal.lastFlowChange(slug, FlowChange::kRolledBack));
  if (back && (!state.live || back->number > state.live->number)) state.live = back;
  BELAY_ASSIGN(state.archived, journal.lastFlowChange(slug, FlowChange::kArchived));
  BELAY_ASSIGN(const auto out, journal.lastFlowChange(slug, FlowChange::kUnarchived));
  if (state.archived && out && out->number > state.archived->number) state.archived.reset();
  return state;
}

namespace {

Result<FlowVersion> findVersionIn(const FlowState& state, Journal& journal, std::string_view slug,
                                  std::string_view which) {
  if (which == "draft") return FlowVersion{state.head.draftDigest, "draft", 0};
  if (which == "live") {
    if (state.live) {
      return FlowVersion{state.live->digest, "live:" + std::to_string(state.live->release),
                         state.live->release};
    }
    Error error{ErrorCode::kFlowNotLive, "no release of flow " + state.head.slug + " is live", {}};
    if (!state.newest) error.actions.push_back(command("release", slug));
    error.actions.push_back(command("promote", slug));
    error.actions.push_back(command("run", slug, "--draft"));
    return error;
  }
  auto found = findRelease(journal, slug, which);
  if (found)
    return FlowVersion{found->digest, "release:" + std::to_string(found->release), found->release};
  if (found.error().code != ErrorCode::kReleaseNotFound) return std::move(found).error();
  BELAY_ASSIGN(const auto content, journal.flowByDigest(which));
  if (content && content->slug == slug) return FlowVersion{content->digest, "draft", 0};
  return std::move(found).error();
}

}  // namespace

Result<FlowVersion> findVersion(Journal& journal, std::string_view slug, std::string_view which) {
  BELAY_ASSIGN(const FlowState state, flowState(journal, slug));
  return findVersionIn(state, journal, slug, which);
}

Result<FlowVersion> versionToRun(Journal& journal, std::string_view slug, std::string_view which) {
  BELAY_ASSIGN(const FlowState state, flowState(journal, slug));
  BELAY_TRY(refuseArchived(state));
  return findVersionIn(state, journal, slug, which);
}

Result<DraftPut> putDraft(Journal& journal, const journal::FlowRow& flow, const DraftRule& rule,
                          const Author& author) {
  BELAY_ASSIGN(const auto head, journal.flowHead(flow.slug));
  DraftPut put;
  if (!head) {
    if (!rule.ifDraft.empty() && rule.ifDraft != "none") {
      return Error{ErrorCode::kFlowDraftChanged,
                   "flow " + flow.slug + " has no draft on this host, so it is not " +
                       base::visible(rule.ifDraft),
                   {"belay flow push FILE --if-draft none"}};
    }
    BELAY_TRY(setDraft(journal, flow, author));
    return put;
  }
  BELAY_ASSIGN(const FlowState state, flowState(journal, flow.slug));
  BELAY_TRY(refuseArchived(state));
  BELAY_TRY(mayReplace(state, flow, rule, author));
  if (head->draftDigest == flow.digest) return put;
  put.replaced = head->draftDigest;
  const bool same = state.draft && state.draft->origin == author.origin &&
                    personOf(state.draft->by) == personOf(author.by);
  if (!same) put.replacedBy = state.draft ? state.draft->by : "somebody";
  BELAY_TRY(setDraft(journal, flow, author));
  return put;
}

Result<FlowChangeRow> makeRelease(Journal& journal, std::string_view slug, const std::string& note,
                                  const DraftRule& rule, const Author& author, std::int64_t nowMs) {
  BELAY_ASSIGN(const FlowState state, flowState(journal, slug));
  BELAY_TRY(refuseArchived(state));
  const std::string& draft = state.head.draftDigest;
  if (!rule.ifDraft.empty() && draft != rule.ifDraft && !beginsDigest(draft, rule.ifDraft)) {
    return Error{
        ErrorCode::kFlowDraftChanged,
        "the draft of " + state.head.slug + " is " + draft + ", not " + base::visible(rule.ifDraft),
        {command("diff", slug)}};
  }
  if (state.newest && state.newest->digest == draft && !rule.force) {
    return Error{ErrorCode::kFlowUnchanged,
                 "the draft of " + state.head.slug + " is release " +
                     std::to_string(state.newest->release) + " already",
                 {command("promote", slug), command("release", slug, "--force")}};
  }
  return addRelease(journal, state.head.slug, draft, note, author, nowMs);
}

Result<Imported> importRelease(Journal& journal, const journal::FlowRow& flow,
                               const std::string& note, const Author& author) {
  BELAY_ASSIGN(const auto head, journal.flowHead(flow.slug));
  if (!head) BELAY_TRY(setDraft(journal, flow, author));
  BELAY_ASSIGN(const FlowState state, flowState(journal, flow.slug));
  BELAY_TRY(refuseArchived(state));
  BELAY_TRY(journal.putFlow(flow));
  Imported out;
  BELAY_ASSIGN(const auto there, journal.releaseOf(flow.slug, flow.digest));
  out.existing = there.has_value();
  if (there) {
    out.release = *there;
    return out;
  }
  BELAY_ASSIGN(out.release,
               addRelease(journal, flow.slug, flow.digest, note, author, flow.createdMs));
  return out;
}

Result<Promoted> promote(Journal& journal, std::string_view slug, std::string_view which,
                         const Author& author, std::int64_t nowMs) {
  BELAY_ASSIGN(const FlowState state, flowState(journal, slug));
  BELAY_TRY(refuseArchived(state));
  if (!which.empty()) {
    BELAY_ASSIGN(const FlowChangeRow release, findRelease(journal, slug, which));
    return makeLive(journal, state, FlowChange::kPromoted, release, author, nowMs);
  }
  if (!state.newest) {
    return Error{ErrorCode::kReleaseNotFound,
                 "flow " + state.head.slug + " has no release yet",
                 {command("release", slug)}};
  }
  return makeLive(journal, state, FlowChange::kPromoted, *state.newest, author, nowMs);
}

Result<Promoted> rollBack(Journal& journal, std::string_view slug, std::string_view which,
                          const Author& author, std::int64_t nowMs) {
  BELAY_ASSIGN(const FlowState state, flowState(journal, slug));
  BELAY_TRY(refuseArchived(state));
  BELAY_ASSIGN(const std::vector<FlowChangeRow> line, lineOfLive(journal, slug));
  if (which.empty()) {
    if (line.size() >= 2) {
      return makeLive(journal, state, FlowChange::kRolledBack, line[line.size() - 2], author,
                      nowMs);
    }
    const std::string now =
        line.empty() ? "" : " before release " + std::to_string(line.back().release);
    return Error{ErrorCode::kFlowNotLive,
                 "no release of flow " + state.head.slug + " was live" + now,
                 {command("releases", slug), command("promote", slug, "N")}};
  }
  BELAY_ASSIGN(const FlowChangeRow release, findRelease(journal, slug, which));
  const bool wasLive = std::any_of(line.begin(), line.end(), [&](const FlowChangeRow& row) {
    return row.release == release.release;
  });
  if (!wasLive) {
    return Error{ErrorCode::kFlowNotLive,
                 "release " + std::to_string(release.release) + " of flow " + state.head.slug +
                     " is not one that was live before",
                 {command("promote", slug, std::to_string(release.release))}};
  }
  return makeLive(journal, state, FlowChange::kRolledBack, release, author, nowMs);
}

Result<bool> archive(Journal& journal, std::string_view slug, bool undo, const Author& author,
                     std::int64_t nowMs) {
  BELAY_ASSIGN(const FlowState state, flowState(journal, slug));
  if (state.archived.has_value() != undo) return false;
  FlowChangeRow row;
  row.slug = state.head.slug;
  row.what = undo ? FlowChange::kUnarchived : FlowChange::kArchived;
  row.atMs = nowMs;
  row.by = author.by;
  BELAY_TRY(journal.addFlowChange(row));
  return true;
}

}  // namespace belay::runtime
