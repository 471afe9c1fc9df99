#include "agent/steps/FunctionStep.h"

#include <utility>

namespace belay::steps {

using base::Result;

Result<runtime::InlineOutcome> FunctionStep::perform(const runtime::InlineContext& context) {
  std::string input = context.run.created.inputJson;
  if (const json::Value* given = context.spec.find("input")) {
    BELAY_ASSIGN(script::Evaluated rendered,
                 context.evaluator.renderValue(context.module, *given, context.scope));
    input = std::move(rendered.json);
  }
  const json::Value* code = context.spec.find("code");
  auto value =
      code && code->isString()
          ? context.evaluator.callCode(context.module, code->asString(), input, context.scope)
          : context.evaluator.callFunction(context.module, context.spec.text("name"), input,
                                           context.scope);
  if (!value) return std::move(value).error();
  return runtime::InlineOutcome{value->isUndefined ? std::string() : std::move(value->json), {}};
}

}  // namespace belay::steps
