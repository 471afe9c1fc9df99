#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/journal/Journal.h"
#include "common/base/Result.h"

namespace belay::runtime {

// The way of a flow from draft to live. Everything here writes into the journal's open transaction
// and reads what that wrote. Threads: the journal's owner. Errors: of the journal besides those
// named.

/// Who makes a change, and where its content came from.
struct Author {
  std::string by;      ///< "uid:1000 (alice)"
  std::string origin;  ///< Absolute path of the file; empty: not known.
};

/// Where a flow is. What is not there has not happened yet.
struct FlowState {
  journal::FlowHeadRow head;
  std::optional<journal::FlowChangeRow> draft;     ///< Who put the draft.
  std::optional<journal::FlowChangeRow> newest;    ///< The newest release.
  std::optional<journal::FlowChangeRow> live;      ///< The promotion that made it so.
  std::optional<journal::FlowChangeRow> archived;  ///< Set while it is archived.
};
/// Errors: kNotFound with the nearest slug.
base::Result<FlowState> flowState(journal::Journal& journal, std::string_view slug);

/// One content of a flow, and the words for it: "live:3", "release:3", "draft".
struct FlowVersion {
  std::string digest;
  std::string source;
  std::int64_t release = 0;  ///< 0: it is the draft, or another content that was one.
};
/// The content that `which` names: "draft", "live", the number of a release, or the digest of any
/// content of the flow; of a digest of a release its beginning is enough.
/// Errors: kNotFound, kFlowNotLive, kReleaseNotFound.
base::Result<FlowVersion> findVersion(journal::Journal& journal, std::string_view slug,
                                      std::string_view which);
/// The same, for a new run. Errors: kFlowArchived too. Triggers ask for "live" and nothing else.
base::Result<FlowVersion> versionToRun(journal::Journal& journal, std::string_view slug,
                                       std::string_view which);

/// When a new draft may take the place of the one that is there.
struct DraftRule {
  /// Only when this is the draft: a digest, the beginning of one, or "none". Empty: the draft must
  /// be of the same author, by user and file, or have the same content.
  std::string ifDraft;
  bool force = false;  ///< Whatever is there.
};
struct DraftPut {
  std::string replaced;  ///< Digest of the draft before; empty: there was none, or it is the same.
  std::string replacedBy;  ///< Who had put it, when that was another author; empty: the same one.
};
/// Stores a checked flow and makes it the draft of its slug.
/// Errors: kFlowDraftChanged, kFlowArchived.
base::Result<DraftPut> putDraft(journal::Journal& journal, const journal::FlowRow& flow,
                                const DraftRule& rule, const Author& author);

/// Makes the draft a release.
/// Errors: kFlowUnchanged unless `rule.force`, kFlowDraftChanged by `rule.ifDraft`, kFlowArchived.
base::Result<journal::FlowChangeRow> makeRelease(journal::Journal& journal, std::string_view slug,
                                                 const std::string& note, const DraftRule& rule,
                                                 const Author& author, std::int64_t nowMs);

struct Imported {
  journal::FlowChangeRow release;
  bool existing = false;  ///< This content was a release already: nothing was made.
};
/// Makes a checked flow a release of its slug; of a slug that is new here also the draft.
/// Errors: kFlowArchived.
base::Result<Imported> importRelease(journal::Journal& journal, const journal::FlowRow& flow,
                                     const std::string& note, const Author& author);

struct Promoted {
  journal::FlowChangeRow live;
  std::int64_t before = 0;  ///< The release that was live before; 0: none.
  bool existing = false;    ///< It was live already: nothing was changed.
};
/// Makes a release live: by number or digest, or the newest one when `which` is empty.
/// Errors: kReleaseNotFound, kFlowArchived.
base::Result<Promoted> promote(journal::Journal& journal, std::string_view slug,
                               std::string_view which, const Author& author, std::int64_t nowMs);
/// Makes the release live that was so before the present one; a second time the one before that. Or
/// `which`, which must have been live. Errors: kFlowNotLive, kReleaseNotFound, kFlowArchived.
base::Result<Promoted> rollBack(journal::Journal& journal, std::string_view slug,
                                std::string_view which, const Author& author, std::int64_t nowMs);

/// Puts a flow into the archive, or takes it out; false when it was so already.
base::Result<bool> archive(journal::Journal& journal, std::string_view slug, bool undo,
                           const Author& author, std::int64_t nowMs);

}  // namespace belay::runtime
