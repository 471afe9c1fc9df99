#include "agent/script/Program.h"

#include <utility>

#include "agent/script/Failure.h"
#include "agent/script/ProgramRealm.h"

namespace belay::script {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

Error codeError(std::string message, std::string action = {}) {
  Error error{ErrorCode::kFlowCode, std::move(message)};
  if (!action.empty()) error.actions.push_back(std::move(action));
  return error;
}

class NoCalls final : public ProgramCalls {
 public:
  Status take(const ProgramCall&) override { return {}; }
};

}  // namespace

Error ProgramRealm::loadFailure(JSValueConst value) {
  const Thrown thrown = readThrown(realm_, value);
  if (Status hit = bounds(); !hit.ok()) return std::move(hit).error();
  base::SourcePlace place;
  place.line = thrown.line;
  place.column = thrown.column;
  if (thrown.name == "SyntaxError") {
    return codeError("the code is not valid JavaScript: " + thrown.message).at(place);
  }
  if (thrown.message.starts_with("could not load module")) {
    return codeError("the code imports a module, and a flow has none",
                     "write what it needs into the file, or do it in a step")
        .at(place);
  }
  return codeError("the code threw when it was loaded: " + describe(thrown)).at(place);
}

Status ProgramRealm::evaluateModule() {
  JSContext* context = realm_.context();
  JsValue module{context, JS_Eval(context, start_.source.c_str(), start_.source.size(), "<flow>",
                                  JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY)};
  if (module.isException()) {
    const JsValue thrown{context, JS_GetException(context)};
    return loadFailure(thrown.get());
  }
  // The context's list of modules keeps it.
  auto* definition = static_cast<JSModuleDef*>(JS_VALUE_GET_PTR(module.get()));
  const JsValue loaded{context, JS_EvalFunction(context, module.release())};
  if (loaded.isException()) {
    const JsValue thrown{context, JS_GetException(context)};
    return loadFailure(thrown.get());
  }
  BELAY_TRY(drain());
  const JSPromiseStateEnum state = JS_PromiseState(context, loaded.get());
  if (state == JS_PROMISE_PENDING) {
    return codeError("the code waits outside of its function",
                     "await belongs into: export default async function (ctx, input) {…}");
  }
  if (state == JS_PROMISE_REJECTED) {
    const JsValue reason{context, JS_PromiseResult(context, loaded.get())};
    return loadFailure(reason.get());
  }
  const JsValue names{context, JS_GetModuleNamespace(context, definition)};
  function_ = JsValue{context, JS_GetPropertyStr(context, names.get(), "default")};
  if (JS_IsFunction(context, function_.get()) != 0) return {};
  return codeError("the code exports no function as default",
                   "write: export default async function (ctx, input) {…}");
}

Status ProgramRealm::load() {
  Status loaded = within([this] { return evaluateModule(); });
  unhandled_.clear();
  return loaded;
}

Program::Program(std::unique_ptr<ProgramRealm> realm) : realm_(std::move(realm)) {}

Program::~Program() = default;

Result<std::unique_ptr<Program>> Program::load(const ProgramStart& start, const Limits& limits,
                                               ProgramCalls& calls) {
  auto realm = std::make_unique<ProgramRealm>(start, limits, calls);
  BELAY_TRY(realm->load());
  return std::unique_ptr<Program>(new Program(std::move(realm)));
}

Status Program::start() { return realm_->start(); }

Status Program::settle(const Settlement& settlement) { return realm_->settle(settlement); }

const std::optional<ProgramEnd>& Program::end() const { return realm_->end(); }

bool Program::isStalled() const { return realm_->isStalled(); }

std::vector<std::string> Program::takeCancelled() { return realm_->takeCancelled(); }

std::vector<std::string> Program::takeLogs() { return realm_->takeLogs(); }

Result<std::string> Program::takeState() { return realm_->takeState(); }

std::size_t Program::memoryBytes() const { return realm_->memoryBytes(); }

Status checkProgram(std::string_view source, const Limits& limits) {
  NoCalls calls;
  ProgramStart start;
  start.source = source;
  auto loaded = Program::load(start, limits, calls);
  return loaded.ok() ? Status{} : Status{std::move(loaded).error()};
}

}  // namespace belay::script
