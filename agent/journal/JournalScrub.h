#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "agent/journal/ScrubTable.h"
#include "agent/journal/Session.h"
#include "common/redaction/Redactor.h"

namespace belay::journal {

/// Digests of contents, and of those that took their place: 64 digits each.
using ContentNames = std::map<std::string, std::string, std::less<>>;

/// Puts new digests in the place of old ones, of those that begin before `until`. Returns how many
/// there were. The digest of a flow (`sha256:` before it) stays. Threads: any.
std::size_t renameContents(const ContentNames& names, std::span<char> text, std::size_t until);

/// What Journal::scrub() is to do.
///
/// Ownership: `values` must outlive the call.
struct ScrubPlan {
  const redaction::Redactor& values;
  std::string secret;  ///< Names of the values, for the ledger.
  std::string by;      ///< Who asks.
  bool apply = false;  ///< Else nothing is changed.
  /// Digests of contents that were scrubbed, and of those that took their place: references follow.
  ContentNames contents;
  /// What was found elsewhere, for the ledger: `place`, `before`, `after` and `count`.
  std::vector<ScrubRow> elsewhere;
};

/// One place where something was found.
struct ScrubPlace {
  std::string name;
  std::uint64_t rows = 0;
  std::uint64_t found = 0;  ///< Times that a value is there, in whatever form.
  bool kept = false;        ///< It stays: what stands there is signed, or named by its digest.
};

struct ScrubReport {
  std::vector<ScrubPlace> places;
  std::uint64_t names = 0;  ///< Slugs of flows and ids of steps that have a value in them.
  /// All contents that were ever scrubbed, by the ledger: for copies of the journal. After a change.
  ContentNames contents;
};

/// Takes values out of every text of the journal, by masks of the same length.
///
/// An event keeps its hash; the ledger of scrubs has a row that says what its text is now. Flows,
/// their ledger and that of statements are only looked at: they are named by digest or signed. One
/// transaction makes all changes; then the file is written anew (VACUUM), so that no page of it has
/// the old texts, and its WAL emptied, also where nothing was found any more: an earlier call may
/// have been killed before.
///
/// Threads: owner. Errors: as Journal says; kConflict inside a transaction.
class JournalScrub {
 public:
  JournalScrub(Session& session, ScrubTable& scrubs, const ScrubPlan& plan, std::int64_t nowMs)
      : session_(session), scrubs_(scrubs), plan_(plan), nowMs_(nowMs) {}

  base::Result<ScrubReport> run();

 private:
  struct Table {
    std::string name;
    std::vector<std::string> columns;  ///< Those of texts.
  };
  base::Result<std::vector<Table>> tables();
  base::Status look(const Table& table);
  base::Status lookAtNames();
  base::Status mayBeMasked(const Table& table);
  base::Result<ContentNames> knownContents();
  base::Status change();
  base::Status changeEvents();
  base::Status changeEvent(std::int64_t place);
  base::Status changeTable(const Table& table);
  base::Status indexAnew(const std::vector<std::int64_t>& resources);
  base::Result<std::vector<std::int64_t>> numbers(const std::string& sql);
  base::Status note(ScrubRow row);
  base::Status wipeFreed();

  Session& session_;
  ScrubTable& scrubs_;
  const ScrubPlan& plan_;
  const std::int64_t nowMs_;
  std::vector<Table> tables_;
  ScrubReport report_;
};

}  // namespace belay::journal
