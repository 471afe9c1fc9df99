#include "agent/script/QuickJsEvaluator.h"

#include <utility>

#include "agent/script/Call.h"
#include "agent/script/CompiledModules.h"
#include "agent/script/Realm.h"

namespace belay::script {

using base::Result;

std::string_view interpreterVersion() { return "quickjs 2025-04-26"; }

class QuickJsEvaluator::Impl {
 public:
  explicit Impl(const Limits& limits) : limits_(limits) {}

  Call start(const Module& module, const Scope& scope) {
    // The first one too is made only now: a program that starts has better things to do.
    if (!realm_ || !realm_->isSound()) renew();
    compiled_->trim();
    return Call(*realm_, compiled_->of(module), scope);
  }

  std::size_t memoryBytes() const { return realm_ ? realm_->heap().used() : 0; }
  std::size_t realmsMade() const { return realmsMade_; }

 private:
  void renew() {
    compiled_.reset();
    realm_ = std::make_unique<Realm>(limits_);
    compiled_ = std::make_unique<CompiledModules>(*realm_);
    ++realmsMade_;
  }

  const Limits limits_;
  std::unique_ptr<Realm> realm_;
  std::unique_ptr<CompiledModules> compiled_;  // goes before the realm
  std::size_t realmsMade_ = 0;
};

QuickJsEvaluator::QuickJsEvaluator(const Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}

QuickJsEvaluator::~QuickJsEvaluator() = default;

Result<Evaluated> QuickJsEvaluator::evaluate(const Module& module, std::string_view expression,
                                             const Scope& scope) {
  Call call = impl_->start(module, scope);
  BELAY_ASSIGN(const JsValue value, call.evaluate(expression));
  return call.toJson(value, expression);
}

Result<bool> QuickJsEvaluator::test(const Module& module, std::string_view expression,
                                    const Scope& scope) {
  Call call = impl_->start(module, scope);
  BELAY_ASSIGN(const JsValue value, call.evaluate(expression));
  return call.toBool(value, expression);
}

Result<std::string> QuickJsEvaluator::renderText(const Module& module, std::string_view text,
                                                 const Scope& scope) {
  Call call = impl_->start(module, scope);
  std::string out;
  BELAY_TRY(call.appendText(text, out));
  return out;
}

Result<Evaluated> QuickJsEvaluator::renderValue(const Module& module, const json::Value& tree,
                                                const Scope& scope) {
  Call call = impl_->start(module, scope);
  Evaluated evaluated;
  BELAY_TRY(call.appendTree(tree, evaluated.json, evaluated.isUndefined));
  return evaluated;
}

Result<Evaluated> QuickJsEvaluator::callFunction(const Module& module, std::string_view name,
                                                 const std::string& inputJson, const Scope& scope) {
  Call call = impl_->start(module, scope);
  BELAY_ASSIGN(const JsValue value, call.callFunction(name, inputJson));
  return call.toJson(value, name);
}

Result<Evaluated> QuickJsEvaluator::callCode(const Module& module, std::string_view code,
                                             const std::string& inputJson, const Scope& scope) {
  Call call = impl_->start(module, scope);
  BELAY_ASSIGN(const JsValue value, call.callCode(code, inputJson));
  return call.toJson(value, code);
}

std::size_t QuickJsEvaluator::memoryBytes() const { return impl_->memoryBytes(); }

std::size_t QuickJsEvaluator::contextsMade() const { return impl_->realmsMade(); }

}  // namespace belay::script
