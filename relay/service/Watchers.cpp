#include "relay/service/Watchers.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/base/Units.h"
#include "relay/service/Responses.h"

namespace belay::service {

using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr std::size_t kWatchersMax = 1'000;

http::ServerResponse nothingNew(std::int64_t after) {
  Value data;
  data.set("approvals", json::Array()).set("change", after);
  return okResponse(std::move(data));
}

}  // namespace

Result<Value> changedApprovals(mailbox::Mailbox& mailbox, std::int64_t after, std::size_t most) {
  BELAY_ASSIGN(const auto rows, mailbox.approvals(after, most));
  std::map<std::string, std::string> labels;
  json::Array list;
  for (const mailbox::ApprovalRow& row : rows) {
    if (labels.count(row.host) == 0) {
      BELAY_ASSIGN(const auto host, mailbox.host(row.host));
      labels[row.host] = host ? host->label : "";
    }
    Value each;
    each.set("request", row.request).set("host", row.host).set("label", labels[row.host]);
    each.set("at", base::formatInstant(row.atMs));
    each.set("expires", base::formatInstant(row.expiresMs));
    each.set("closed", row.closed).set("summary", row.summary);
    list.push_back(std::move(each));
    after = std::max(after, row.change);
  }
  Value data;
  data.set("approvals", std::move(list)).set("change", after);
  return data;
}

void Watchers::add(http::Responder responder, std::int64_t after, std::chrono::milliseconds until) {
  if (waiting_.size() >= kWatchersMax) {
    waiting_.front().responder.send(nothingNew(waiting_.front().after));
    waiting_.pop_front();
  }
  waiting_.push_back({std::move(responder), after, until});
}

Status Watchers::notify(mailbox::Mailbox& mailbox) {
  for (auto each = waiting_.begin(); each != waiting_.end();) {
    BELAY_ASSIGN(Value data, changedApprovals(mailbox, each->after, kListedMost));
    if (data.find("approvals")->asArray().empty()) {
      ++each;
      continue;
    }
    each->responder.send(okResponse(std::move(data)));
    each = waiting_.erase(each);
  }
  return {};
}

void Watchers::expire(std::chrono::milliseconds now, bool all) {
  for (auto each = waiting_.begin(); each != waiting_.end();) {
    if (!all && each->until > now) {
      ++each;
      continue;
    }
    each->responder.send(nothingNew(each->after));
    each = waiting_.erase(each);
  }
}

std::optional<std::chrono::milliseconds> Watchers::next() const {
  std::optional<std::chrono::milliseconds> first;
  for (const Watcher& each : waiting_) first = std::min(first.value_or(each.until), each.until);
  return first;
}

}  // namespace belay::service
