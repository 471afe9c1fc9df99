#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/journal/Journal.h"
#include "agent/runtime/FlowCache.h"
#include "agent/runtime/Performer.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::api {

/// What a read looks at. The daemon and the command line (with the daemon down) make one each.
struct ReadContext {
  journal::Journal& journal;
  runtime::FlowCache& flows;
  std::int64_t nowMs = 0;  ///< Wall.
  /// What the job of an attempt said last of its progress, or empty; none when the daemon is down.
  std::function<std::string(const runtime::Attempt&)> progressOf = {};
};

/// The names and values of a request, decoded.
class ReadArguments {
 public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  ReadArguments(Pairs params, Pairs query) : params_(std::move(params)), query_(std::move(query)) {}

  /// A {name} of the path. The route has it (checked).
  const std::string& param(std::string_view name) const;
  /// Null pointer when it was not given.
  const std::string* query(std::string_view name) const;
  std::string text(std::string_view name) const;
  bool flag(std::string_view name) const { return text(name) == "true"; }
  /// `limit`, from 1 to `most`. Errors: kInvalidArgument.
  base::Result<std::size_t> limit(std::size_t fallback, std::size_t most) const;
  base::Result<std::uint64_t> number(std::string_view name, std::uint64_t fallback) const;
  const Pairs& allQuery() const { return query_; }

 private:
  Pairs params_;
  Pairs query_;
};

/// One thing that can be read, with GET, from the journal alone.
struct ReadRoute {
  std::string_view pattern;  ///< "/v1/runs/{run}"
  std::string_view queries;  ///< Names of the query parameters that it takes, with spaces between.
  base::Result<json::Value> (*read)(ReadContext&, const ReadArguments&);
};

/// All of them: the API answers these routes, and so does the command line when the daemon is down.
///
/// Threads: the table any; a read belongs to the journal's owner.
std::span<const ReadRoute> readTable();

/// Refuses query parameters that a route does not know. Errors: kInvalidArgument with the nearest
/// name.
base::Status checkQuery(std::string_view queries, const ReadArguments::Pairs& query);

/// Splits and decodes a query string. Errors: kInvalidArgument.
base::Result<ReadArguments::Pairs> parseQuery(std::string_view query);

/// Version of the object that an export gives and an import takes.
inline constexpr int kExportVersion = 1;

/// Answers "/v1/runs?limit=5" from the table. Errors: kDaemonUnreachable for what only the daemon
/// knows, and those of the read.
base::Result<json::Value> readTarget(ReadContext& context, std::string_view target);

// --- What the reads and the mutations share.

/// The run whose id is `text`, or the only one whose id begins with it.
/// Errors: kRunNotFound, kInvalidArgument when there are several.
base::Result<base::RunId> findRun(journal::Journal& journal, std::string_view text);
/// The wait whose id is `text`; or the only open wait of the run, or of the id, that begins so.
/// Errors: kWaitNotFound, kInvalidArgument.
base::Result<base::WaitId> findWait(journal::Journal& journal, std::string_view text);

/// {"same","added","removed","hunks":[{"from_line","from_count","to_line","to_count","lines"}],"text"}
/// beside `from` and `to`, each {"name","digest"}. For what is no content of a journal too.
json::Value diffToJson(json::Value from, std::string_view fromText, json::Value to,
                       std::string_view toText);

json::Value runToJson(const journal::RunRow& row, std::int64_t nowMs);
/// `withRequest`: the whole request, not only its summary.
json::Value waitToJson(const journal::WaitRow& row, bool withRequest);
std::string_view waitStatusName(journal::WaitStatus status);
/// {"verified","runs","events","host_rows","flow_changes","statements"} of a journal that is whole.
json::Value verifyReportToJson(const journal::VerifyReport& report);
/// What somebody can do about an open wait: exact commands.
std::vector<std::string> waitActions(const journal::WaitRow& row);

base::Result<json::Value> readRuns(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readRun(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readRunEvents(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readWaits(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readWait(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readTasks(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readTask(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readFlows(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readFlow(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readFlowContent(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readFlowDiff(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readReleases(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readExport(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> searchFlows(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readSchedules(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readSchedule(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readNextDue(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readLedger(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readWhy(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readKvList(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readKv(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readResources(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readResource(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readResourceUsage(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readSearch(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readHost(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readLink(ReadContext& context, const ReadArguments& arguments);
base::Result<json::Value> readJournalStats(ReadContext& context, const ReadArguments& arguments);

}  // namespace belay::api
