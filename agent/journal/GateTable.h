#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/journal/Session.h"

namespace belay::journal {

/// An approval that people of the roster answer.
struct GateRow {
  std::string request;  ///< SHA-256 of the request's bytes, hex.
  std::string wait;
  std::string bootId;          ///< Of the boot in which it was opened.
  std::int64_t runNumber = 0;  ///< RunHead::number.
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
  base::Result<std::vector<GateRow>> list(sqlite::Execution& rows);

  Session& session_;
  sqlite::Statement add_;
  sqlite::Statement find_;
  sqlite::Statement addDecision_;
  sqlite::Statement decisions_;
  sqlite::Statement untold_;
  sqlite::Statement over_;
  sqlite::Statement toldAfter_;
  sqlite::Statement setTold_;
  sqlite::Statement forgetTold_;
};

}  // namespace belay::journal
