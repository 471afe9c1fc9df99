#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/journal/Session.h"

namespace belay::journal {

/// A moment by both clocks of a host.
struct HostMoment {
  std::string bootId;
  std::int64_t bootMs = 0;  ///< Since that boot began.
  std::int64_t wallMs = 0;
};

/// An approval that people of the roster answer.
struct GateRow {
  std::string request;  ///< SHA-256 of the request's bytes, hex.
  std::string wait;
  std::int64_t runNumber = 0;  ///< RunHead::number.
  std::string epoch;           ///< Of the host that asks.
  std::string next;            ///< The request that took its place; empty: none.
  // How old it was when somebody looked last. Whatever the wall clock says later, it is not
  // younger.
  HostMoment seen;
  std::int64_t ageMs = 0;
  std::int64_t lifeMs = 0;  ///< At this age it has expired.

  /// Its age at a later moment. Of one boot the boot clock alone counts; over a restart the larger
  /// of what both clocks say. Nothing: the wall clock was set back while the host was off, so that
  /// nobody knows.
  std::optional<std::int64_t> ageAt(const HostMoment& now) const;
};

/// A decision about it that counts so far.
struct GateDecisionRow {
  std::string kid;
  std::string text;  ///< Compact JWS, as it came.
};

/// Approvals that people of the roster answer, the decisions about them, and what the relay knows.
///
/// Threads: owner. Errors: as Journal says.
class GateTable {
 public:
  explicit GateTable(Session& session);

  base::Status add(const GateRow& row);
  base::Result<std::optional<GateRow>> find(std::string_view request);
  /// Some open ones that were asked in another epoch.
  base::Result<std::vector<GateRow>> ofOtherEpochs(std::string_view epoch, std::size_t most);
  base::Status supersede(std::string_view request, std::string_view next);

  /// All open ones; they are few, beside those that are over.
  base::Result<std::vector<GateRow>> open();
  /// What GateRow::seen and ageMs are now.
  base::Status setAge(const GateRow& row);

  base::Status addDecision(std::string_view request, const GateDecisionRow& row, std::int64_t atMs);
  /// In the order in which they came.
  base::Result<std::vector<GateDecisionRow>> decisions(std::string_view request);

  // What the relay has been told.
  /// Some open ones of which it does not know.
  base::Result<std::vector<GateRow>> untold(std::size_t most);
  /// Some that are over, and of which it knows the beginning alone.
  base::Result<std::vector<GateRow>> over(std::size_t most);
  /// Some open ones of which it knows, by their digests after this one.
  base::Result<std::vector<GateRow>> toldAfter(std::string_view request, std::size_t most);
  base::Status setTold(std::string_view request, bool over);
  /// It has lost all that it knew.
  base::Status forgetTold();

 private:
  static base::Result<std::vector<GateRow>> list(sqlite::Execution& rows);

  Session& session_;
  sqlite::Statement add_;
  sqlite::Statement find_;
  sqlite::Statement ofOtherEpochs_;
  sqlite::Statement supersede_;
  sqlite::Statement open_;
  sqlite::Statement setAge_;
  sqlite::Statement addDecision_;
  sqlite::Statement decisions_;
  sqlite::Statement untold_;
  sqlite::Statement over_;
  sqlite::Statement toldAfter_;
  sqlite::Statement setTold_;
  sqlite::Statement forgetTold_;
};

}  // namespace belay::journal
