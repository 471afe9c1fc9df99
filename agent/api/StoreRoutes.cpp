#include <utility>

#include "agent/api/Routes.h"
#include "agent/steps/KvStep.h"
#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using Kind = steps::KvOperation::Kind;

namespace {

Result<steps::KvOperation> readKvOperation(const Exchange& exchange) {
  constexpr std::pair<std::string_view, Kind> kKinds[] = {{"set", Kind::kSet},
                                                          {"delete", Kind::kDelete},
                                                          {"increment", Kind::kIncrement},
                                                          {"append", Kind::kAppend}};
  BELAY_ASSIGN(Value body, exchange.bodyObject());
  BELAY_TRY(checkMembers(body, "operation key value by ttl if_not_exists"));
  steps::KvOperation operation;
  operation.space = exchange.param("space");
  BELAY_ASSIGN(const std::string name, textMember(body, "operation", true));
  BELAY_ASSIGN(operation.key, textMember(body, "key", true));
  bool known = false;
  for (const auto& [word, kind] : kKinds) {
    if (word != name) continue;
    operation.kind = kind;
    known = true;
  }
  if (!known) {
    return Error{ErrorCode::kInvalidArgument,
                 "\"operation\" must be set, delete, increment or append"};
  }
  if (const Value* by = body.find("by")) {
    if (!by->isInteger())
      return Error{ErrorCode::kInvalidArgument, "\"by\" must be a whole number"};
    operation.by = by->asInteger();
  }
  BELAY_ASSIGN(const std::string ttl, textMember(body, "ttl"));
  if (!ttl.empty()) {
    BELAY_ASSIGN(operation.ttlMs, steps::parseTtl(ttl));
  }
  operation.ifNotExists = body.flag("if_not_exists");
  if (Value* value = body.find("value")) operation.value = std::move(*value);
  return operation;
}

}  // namespace

void changeKv(Backend& backend, const ExchangePtr& exchange) {
  auto operation = readKvOperation(*exchange);
  if (!operation) return exchange->fail(operation.error());
  const bool whenFull = operation->kind == steps::KvOperation::Kind::kDelete;
  backend.change(
      exchange, whenFull,
      [&backend, operation = std::move(*operation)](runtime::Runtime& runtime) -> Result<Changed> {
        BELAY_ASSIGN(Value data,
                     steps::performKv(runtime.journal(), operation, backend.deps.clock.wallMs()));
        return Changed{std::move(data), std::nullopt};
      });
}

}  // namespace belay::api
