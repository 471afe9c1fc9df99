#include "agent/steps/KvStep.h"

#include <array>
#include <cmath>
#include <utility>

#include "common/base/Units.h"
#include "common/json/Characters.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using Kind = KvOperation::Kind;

namespace {

constexpr std::array<std::pair<std::string_view, Kind>, 7> kOperations{
    {{"get", Kind::kGet},
     {"exists", Kind::kExists},
     {"set", Kind::kSet},
     {"delete", Kind::kDelete},
     {"increment", Kind::kIncrement},
     {"append", Kind::kAppend},
     {"list", Kind::kList}}};

Result<KvOperation> readOperation(const json::Value& spec, const std::string& step) {
  const Fields fields(spec, step);
  KvOperation operation;
  for (const auto& [name, kind] : kOperations) {
    if (!fields.has(name)) continue;
    operation.kind = kind;
    BELAY_ASSIGN(operation.key, fields.text(name));
  }
  BELAY_ASSIGN(operation.space, fields.text("space", "default"));
  BELAY_ASSIGN(operation.by, fields.integer("by", 1));
  BELAY_ASSIGN(operation.ifNotExists, fields.flag("if_not_exists", false));
  BELAY_ASSIGN(const std::string ttl, fields.text("ttl"));
  if (fields.has("ttl")) {
    BELAY_ASSIGN(operation.ttlMs, parseTtl(ttl));
  }
  if (const json::Value* value = spec.find("value")) operation.value = *value;
  return operation;
}

/// The value that an operation leaves behind.
Result<json::Value> nextValue(const KvOperation& operation, const json::Value& previous,
                              bool exists) {
  if (operation.kind == Kind::kSet) return operation.value;
  const Error wrongKind{
      ErrorCode::kConflict,
      "the value of key \"" + operation.key + "\" is " + std::string(json::kindName(previous)) +
          (operation.kind == Kind::kIncrement ? ", not a number" : ", not a list")};
  if (operation.kind == Kind::kIncrement) {
    if (exists && !previous.isNumber()) return wrongKind;
    const double sum = (exists ? previous.asNumber() : 0.0) + static_cast<double>(operation.by);
    // At 2^53 itself a sum may have been rounded already.
    if (std::fabs(sum) >= 9007199254740992.0) {
      return Error{ErrorCode::kLimit, "the number under key \"" + operation.key +
                                          "\" would leave the range of exact numbers"};
    }
    return json::Value(sum);
  }
  if (exists && !previous.isArray()) return wrongKind;
  json::Value list = exists ? previous : json::Value(json::Array{});
  list.push(operation.value);
  return list;
}

Result<json::Value> listKeys(journal::Journal& journal, const KvOperation& operation,
                             std::int64_t nowMs) {
  BELAY_ASSIGN(std::vector<journal::KvRow> rows,
               journal.kvList(operation.space, operation.key, nowMs, KvStep::kListMax + 1));
  const bool truncated = rows.size() > KvStep::kListMax;
  if (truncated) rows.pop_back();
  json::Array items;
  for (const journal::KvRow& row : rows) {
    BELAY_ASSIGN(json::Value value, json::parse(row.valueJson));
    json::Value item;
    item.set("key", row.key);
    item.set("value", std::move(value));
    items.push_back(std::move(item));
  }
  json::Value out;
  out.set("items", std::move(items));
  if (truncated) out.set("truncated", true);
  return out;
}

/// Writes `value` under the operation's key, over `row`.
Status store(journal::Journal& journal, const KvOperation& operation,
             const std::optional<journal::KvRow>& row, const json::Value& value,
             std::int64_t nowMs) {
  journal::KvRow next{operation.space, operation.key, json::print(value), 0, nowMs};
  if (next.valueJson.size() > KvStep::kValueBytesMax) {
    return Error{ErrorCode::kLimit,
                 "the value of key \"" + operation.key + "\" would be larger than " +
                     base::formatBytes(KvStep::kValueBytesMax) + "; keep it as a resource"};
  }
  // Without a ttl of its own, an increment or append leaves the end of its key's life as it was.
  if (operation.ttlMs != 0)
    next.expiresMs = nowMs + operation.ttlMs;
  else if (row && operation.kind != Kind::kSet)
    next.expiresMs = row->expiresMs;
  return journal.putKv(next);
}

}  // namespace

Result<std::int64_t> parseTtl(std::string_view text) {
  BELAY_ASSIGN(const std::chrono::milliseconds length, base::parseDuration(text));
  if (length.count() == 0) return Error{ErrorCode::kInvalidArgument, "ttl must be longer than 0s"};
  return std::int64_t{length.count()};
}

Result<json::Value> performKv(journal::Journal& journal, const KvOperation& operation,
                              std::int64_t nowMs) {
  if (operation.kind == Kind::kList) return listKeys(journal, operation, nowMs);
  if (operation.key.empty() || json::countCharacters(operation.key) > 512) {
    return Error{ErrorCode::kInvalidArgument, "a key has 1 to 512 characters"};
  }
  BELAY_ASSIGN(const std::optional<journal::KvRow> row,
               journal.kv(operation.space, operation.key, nowMs));
  json::Value previous;
  if (row) {
    BELAY_ASSIGN(previous, json::parse(row->valueJson));
  }
  json::Value out;
  const bool reads = operation.kind == Kind::kGet || operation.kind == Kind::kExists;
  const bool kept = operation.kind == Kind::kSet && operation.ifNotExists && row.has_value();
  if (reads || kept) {
    if (operation.kind != Kind::kExists) out.set("value", previous);
    out.set("exists", row.has_value());
    if (kept) out.set("previous", std::move(previous));
    return out;
  }
  if (operation.kind == Kind::kDelete) {
    if (row) BELAY_TRY(journal.removeKv(operation.space, operation.key));
    out.set("exists", row.has_value());
    out.set("previous", std::move(previous));
    return out;
  }
  BELAY_ASSIGN(json::Value value, nextValue(operation, previous, row.has_value()));
  BELAY_TRY(store(journal, operation, row, value, nowMs));
  out.set("value", std::move(value));
  out.set("exists", row.has_value());
  out.set("previous", std::move(previous));
  return out;
}

Result<runtime::InlineOutcome> KvStep::perform(const runtime::InlineContext& context) {
  BELAY_ASSIGN(const script::Evaluated rendered,
               context.evaluator.renderValue(context.module, context.spec, context.scope));
  BELAY_ASSIGN(const json::Value spec, json::parse(rendered.json));
  BELAY_ASSIGN(const KvOperation operation, readOperation(spec, context.key.path));
  BELAY_ASSIGN(const json::Value output, performKv(context.journal, operation, context.nowMs));
  return runtime::InlineOutcome{json::print(output), {}};
}

}  // namespace belay::steps
