#include "common/wire/Body.h"

#include <algorithm>

#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::wire {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

Status checkMembers(const Value& body, std::string_view names) {
  const auto known = names.empty() ? std::vector<std::string_view>() : base::split(names, ' ');
  for (const json::Member& member : body.asObject()) {
    if (std::find(known.begin(), known.end(), member.first) != known.end()) continue;
    std::string message = "the body may not have \"" + base::visible(member.first) + "\"";
    if (const auto near = base::nearest(member.first, known))
      message += "; did you mean \"" + *near + "\"?";
    return Error{ErrorCode::kInvalidArgument, std::move(message)};
  }
  return {};
}

Result<std::string> textMember(const Value& body, std::string_view name, bool required) {
  const Value* member = body.find(name);
  if (!member) {
    if (!required) return std::string();
    return Error{ErrorCode::kInvalidArgument, "the body lacks \"" + std::string(name) + "\""};
  }
  if (member->isString()) return member->asString();
  return Error{ErrorCode::kInvalidArgument, "\"" + std::string(name) +
                                                "\" must be a string, it is " +
                                                std::string(json::kindName(*member))};
}

Result<bool> flagMember(const Value& body, std::string_view name) {
  const Value* member = body.find(name);
  if (!member) return false;
  if (member->isBool()) return member->asBool();
  return Error{ErrorCode::kInvalidArgument, "\"" + std::string(name) +
                                                "\" must be true or false, it is " +
                                                std::string(json::kindName(*member))};
}

Result<std::int64_t> numberMember(const Value& body, std::string_view name, std::int64_t least,
                                  std::int64_t most, std::int64_t fallback) {
  const Value* member = body.find(name);
  if (!member) return fallback;
  const bool fits =
      member->isInteger() && member->asInteger() >= least && member->asInteger() <= most;
  if (fits) return member->asInteger();
  return Error{ErrorCode::kInvalidArgument, "\"" + std::string(name) + "\" must be from " +
                                                std::to_string(least) + " to " +
                                                std::to_string(most)};
}

Result<Value> parseBody(std::string_view text) {
  if (text.empty()) return Value(json::Object{});
  // Not so deep that what it becomes part of could not be read again.
  BELAY_ASSIGN(Value body, json::parse(text, {.depthMax = 100}));
  if (body.isObject()) return body;
  return Error{ErrorCode::kInvalidArgument,
               "the body must be a JSON object, it is " + std::string(json::kindName(body))};
}

}  // namespace belay::wire
