#include "agent/agents/Members.h"

#include <algorithm>
#include <utility>

#include "common/base/Text.h"

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Status;

Members::Members(const json::Value& value, std::string where)
    : value_(value), where_(std::move(where)) {
  if (!value_.isObject()) {
    status_ = Error{ErrorCode::kInvalidArgument,
                    (where_.empty() ? "the text" : where_) + " must be a JSON object"};
  }
}

std::string Members::pathOf(std::string_view name) const {
  return (where_.empty() ? "" : where_ + ".") + std::string(name);
}

void Members::keep(const Status& status) {
  if (status_.ok()) status_ = status;
}

void Members::wrong(std::string_view name, const std::string& what) {
  keep(Error{ErrorCode::kInvalidArgument, pathOf(name) + " " + what});
}

const json::Value* Members::take(std::string_view name) {
  known_.push_back(name);
  const json::Value* found = value_.find(name);
  return found && !found->isNull() ? found : nullptr;
}

void Members::text(std::string_view name, std::string& field) {
  const json::Value* found = take(name);
  if (!found) return;
  if (found->isString())
    field = found->asString();
  else
    wrong(name, "must be a text");
}

void Members::texts(std::string_view name, std::vector<std::string>& field) {
  const json::Value* found = take(name);
  if (!found) return;
  if (!found->isArray()) return wrong(name, "must be a list of texts");
  field.clear();
  for (const json::Value& item : found->asArray()) {
    if (!item.isString()) return wrong(name, "must be a list of texts");
    field.push_back(item.asString());
  }
}

void Members::flag(std::string_view name, bool& field) {
  const json::Value* found = take(name);
  if (!found) return;
  if (found->isBool())
    field = found->asBool();
  else
    wrong(name, "must be true or false");
}

void Members::count(std::string_view name, std::int64_t& field) {
  const json::Value* found = take(name);
  if (!found) return;
  if (found->isInteger() && found->asInteger() >= 0)
    field = found->asInteger();
  else
    wrong(name, "must be a whole number from 0 on");
}

void Members::amount(std::string_view name, double& field) {
  const json::Value* found = take(name);
  if (!found) return;
  if (found->isNumber() && found->asNumber() >= 0)
    field = found->asNumber();
  else
    wrong(name, "must be a number from 0 on");
}

Status Members::finish() {
  if (!status_.ok() || !value_.isObject()) return std::move(status_);
  for (const json::Member& member : value_.asObject()) {
    if (std::find(known_.begin(), known_.end(), member.first) != known_.end()) continue;
    std::string message = "there is no member " + base::visible(pathOf(member.first));
    if (const auto near = base::nearest(member.first, known_)) {
      message += "; did you mean " + *near + "?";
    }
    return Error{ErrorCode::kInvalidArgument, std::move(message)};
  }
  return {};
}

}  // namespace belay::agents
