#include "agent/api/Reads.h"

#include <algorithm>
#include <array>

#include "agent/api/Trusting.h"
#include "common/base/Text.h"
#include "common/http/Message.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::array kReads{
    ReadRoute{"/v1/runs", "flow status trigger parent limit before", &readRuns},
    ReadRoute{"/v1/runs/{run}", "outputs step", &readRun},
    ReadRoute{"/v1/runs/{run}/events", "after limit", &readRunEvents},
    ReadRoute{"/v1/waits", "run kind all limit", &readWaits},
    ReadRoute{"/v1/waits/{wait}", "", &readWait},
    ReadRoute{"/v1/tasks", "", &readTasks},
    ReadRoute{"/v1/tasks/{task}", "", &readTask},
    ReadRoute{"/v1/flows", "", &readFlows},
    ReadRoute{"/v1/flows/{slug}", "content", &readFlow},
    ReadRoute{"/v1/flows/{slug}/content", "of", &readFlowContent},
    ReadRoute{"/v1/flows/{slug}/diff", "from to", &readFlowDiff},
    ReadRoute{"/v1/flows/{slug}/releases", "before limit", &readReleases},
    ReadRoute{"/v1/flows/{slug}/export", "release", &readExport},
    ReadRoute{"/v1/trust", "", &readTrust},
    ReadRoute{"/v1/host", "", &readHost},
    ReadRoute{"/v1/link", "", &readLink},
    ReadRoute{"/v1/search/flows", "text tag after limit", &searchFlows},
    ReadRoute{"/v1/schedules", "flow all", &readSchedules},
    ReadRoute{"/v1/schedules/{slug}/{id}", "", &readSchedule},
    ReadRoute{"/v1/schedules/{slug}/{id}/next", "limit after", &readNextDue},
    ReadRoute{"/v1/schedules/{slug}/{id}/ledger", "limit before", &readLedger},
    ReadRoute{"/v1/schedules/{slug}/{id}/why", "at", &readWhy},
    ReadRoute{"/v1/kv/{space}", "prefix limit", &readKvList},
    ReadRoute{"/v1/kv/{space}/value", "key", &readKv},
    ReadRoute{"/v1/resources", "run flow largest limit", &readResources},
    ReadRoute{"/v1/search", "query targets flow limit", &readSearch},
    ReadRoute{"/v1/resource-usage", "", &readResourceUsage},
    ReadRoute{"/v1/resources/{digest}", "", &readResource},
    ReadRoute{"/v1/journal/stats", "", &readJournalStats},
};

/// The {names} of `pattern` when `path` has its shape.
std::optional<ReadArguments::Pairs> match(std::string_view pattern, std::string_view path) {
  const auto wanted = base::split(pattern, '/');
  const auto given = base::split(path, '/');
  if (wanted.size() != given.size()) return std::nullopt;
  ReadArguments::Pairs params;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i].starts_with('{')) {
      if (wanted[i] != given[i]) return std::nullopt;
      continue;
    }
    std::string value;
    if (given[i].empty() || !http::percentDecode(given[i], value)) return std::nullopt;
    params.emplace_back(wanted[i].substr(1, wanted[i].size() - 2), std::move(value));
  }
  return params;
}

}  // namespace

std::span<const ReadRoute> readTable() { return kReads; }

const std::string& ReadArguments::param(std::string_view name) const {
  const auto found = std::find_if(params_.begin(), params_.end(),
                                  [name](const auto& pair) { return pair.first == name; });
  BELAY_CHECK(found != params_.end());
  return found->second;
}

const std::string* ReadArguments::query(std::string_view name) const {
  const auto found = std::find_if(query_.begin(), query_.end(),
                                  [name](const auto& pair) { return pair.first == name; });
  return found == query_.end() ? nullptr : &found->second;
}

std::string ReadArguments::text(std::string_view name) const {
  const std::string* value = query(name);
  return value ? *value : std::string();
}

Result<std::size_t> ReadArguments::limit(std::size_t fallback, std::size_t most) const {
  BELAY_ASSIGN(const std::uint64_t value, number("limit", fallback));
  if (value == 0 || value > most) {
    return Error{ErrorCode::kInvalidArgument, "limit must be from 1 to " + std::to_string(most)};
  }
  return static_cast<std::size_t>(value);
}

Result<std::uint64_t> ReadArguments::number(std::string_view name, std::uint64_t fallback) const {
  const std::string* value = query(name);
  if (!value) return fallback;
  if (const auto parsed = base::parseUnsigned(*value)) return *parsed;
  return Error{ErrorCode::kInvalidArgument, std::string(name) + " must be a whole number, not \"" +
                                                base::visible(*value) + "\""};
}

Result<ReadArguments::Pairs> parseQuery(std::string_view query) {
  ReadArguments::Pairs pairs;
  if (query.empty()) return pairs;
  for (const std::string_view part : base::split(query, '&')) {
    const std::size_t equals = part.find('=');
    std::string name;
    std::string value;
    std::string raw(equals == std::string_view::npos ? std::string_view()
                                                     : part.substr(equals + 1));
    std::replace(raw.begin(), raw.end(), '+', ' ');
    if (!http::percentDecode(part.substr(0, equals), name) || !http::percentDecode(raw, value)) {
      return Error{ErrorCode::kInvalidArgument, "the query holds a malformed escape"};
    }
    const bool known = std::any_of(pairs.begin(), pairs.end(),
                                   [&name](const auto& pair) { return pair.first == name; });
    if (known)
      return Error{ErrorCode::kInvalidArgument,
                   "the query has \"" + base::visible(name) + "\" twice"};
    pairs.emplace_back(std::move(name), std::move(value));
  }
  return pairs;
}

Status checkQuery(std::string_view queries, const ReadArguments::Pairs& query) {
  const auto names = queries.empty() ? std::vector<std::string_view>() : base::split(queries, ' ');
  for (const auto& [name, value] : query) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    std::string message = "there is no query parameter \"" + base::visible(name) + "\" here";
    if (const auto near = base::nearest(name, names))
      message += "; did you mean \"" + *near + "\"?";
    return Error{ErrorCode::kInvalidArgument, std::move(message)};
  }
  return {};
}

Result<json::Value> readTarget(ReadContext& context, std::string_view target) {
  const std::size_t mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  BELAY_ASSIGN(
      ReadArguments::Pairs query,
      parseQuery(mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1)));
  for (const ReadRoute& route : kReads) {
    auto params = match(route.pattern, path);
    if (!params) continue;
    BELAY_TRY(checkQuery(route.queries, query));
    return route.read(context, ReadArguments(std::move(*params), std::move(query)));
  }
  return Error{ErrorCode::kDaemonUnreachable,
               "only the daemon knows this, and it does not run",
               {"belay daemon", "belay doctor"}};
}

}  // namespace belay::api
