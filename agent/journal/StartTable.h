#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/journal/Session.h"

namespace belay::journal {

/// What became of a start that a starter has signed. Never changed.
struct StartRow {
  enum class Outcome : std::uint8_t { kAccepted, kRefused, kSkipped, kCount };

  std::string digest;  ///< Of the statement's bytes, hex.
  std::string person;  ///< Who has signed it.
  std::string key;     ///< The starter's idempotency key.
  std::string what;    ///< Digest of what was to be started, hex.
  Outcome outcome = Outcome::kRefused;
  std::string code;            ///< Of a refusal.
  std::int64_t runNumber = 0;  ///< RunHead::number; 0: there is no run, or not any more.
  std::string run;             ///< Its id.
  std::int64_t atMs = 0;
  std::int64_t untilMs = 0;  ///< After that it is refused by its own word.
};

/// Starts that came from elsewhere, so that each has its effect once and is told the same again.
///
/// A row stays until the end of its statement, and as long as its run.
///
/// Threads: owner. Errors: as Journal says.
class StartTable {
 public:
  explicit StartTable(Session& session);

  base::Status add(const StartRow& row);
  base::Result<std::optional<StartRow>> find(std::string_view digest, std::string_view person);
  /// The accepted one with this key.
  base::Result<std::optional<StartRow>> accepted(std::string_view person, std::string_view key);
  /// The number of a run's row; 0: there is none.
  base::Result<std::int64_t> runNumber(std::string_view run);
  /// Rows without a run, of `most` that are counted.
  base::Result<std::int64_t> withoutRun(std::size_t most);
  /// Removes some rows without a run whose end has come. Gives the latest end of those; 0: none.
  base::Result<std::int64_t> sweep(std::int64_t nowMs, std::size_t most);

 private:
  static base::Result<std::optional<StartRow>> one(sqlite::Execution& rows);

  Session& session_;
  sqlite::Statement add_;
  sqlite::Statement find_;
  sqlite::Statement accepted_;
  sqlite::Statement runNumber_;
  sqlite::Statement withoutRun_;
  sqlite::Statement lastEnded_;
  sqlite::Statement drop_;
};

}  // namespace belay::journal
