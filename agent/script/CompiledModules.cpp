#include "agent/script/CompiledModules.h"

#include <algorithm>
#include <utility>

#include "agent/script/Failure.h"

namespace belay::script {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

// What a map's entry costs besides its texts, roughly.
constexpr std::size_t kEntryBytes = 128;

// Throws an Error as a SyntaxError in the context, for code that asked for a function.
JsValue thrown(JSContext* context, const Error& error) {
  return {context, JS_ThrowSyntaxError(context, "%s", error.message.c_str())};
}

}  // namespace

Result<JSValueConst> CompiledModule::compileInto(TextMap<JsValue>& compiled, std::string_view key,
                                                 std::string_view source, SourceForm form,
                                                 const char* label) {
  const auto known = compiled.find(key);
  if (known != compiled.end()) return known->second.get();
  const std::size_t before = realm_.heap().used();
  BELAY_ASSIGN(JsValue function, compile(realm_, source, form, label));
  const std::size_t after = realm_.heap().used();
  bytes_ += kEntryBytes + key.size() + (after > before ? after - before : 0);
  return compiled.emplace(std::string(key), std::move(function)).first->second.get();
}

Result<JSValueConst> CompiledModule::expression(std::string_view source) {
  return compileInto(expressions_, source, source, SourceForm::kExpression, "<expression>");
}

Result<const Template*> CompiledModule::text(std::string_view source) {
  const auto known = templates_.find(source);
  if (known != templates_.end()) return &known->second;
  BELAY_ASSIGN(Template parsed, Template::parse(source));
  bytes_ += kEntryBytes + 2 * source.size();
  return &templates_.emplace(std::string(source), std::move(parsed)).first->second;
}

Result<JSValueConst> CompiledModule::code(std::string_view source) {
  auto expression = compileInto(codes_, source, source, SourceForm::kInputExpression, "<code>");
  if (expression.ok() || expression.error().code != ErrorCode::kFlowExpressionSyntax) {
    return expression;
  }
  auto body = compileInto(codes_, source, source, SourceForm::kInputBody, "<code>");
  if (body.ok() || body.error().code != ErrorCode::kFlowExpressionSyntax) return body;
  // Neither; the reading that got further is the one that was meant.
  const auto reached = [](const Error& error) {
    return std::pair(error.place.line, error.place.column);
  };
  return reached(expression.error()) > reached(body.error()) ? std::move(expression)
                                                             : std::move(body);
}

Result<JSValueConst> CompiledModule::maker(std::string_view name) {
  const auto found = functions_.find(std::string(name));
  if (found == functions_.end()) {
    return Error{ErrorCode::kFlowUnknownName,
                 "the flow has no function " + excerpt(name),
                 {"Add it under functions:, or correct the name"}};
  }
  const std::string label = "<function " + found->first + ">";
  auto made = compileInto(makers_, name, found->second, SourceForm::kExpression, label.c_str());
  if (!made.ok()) return std::move(made).error().in("function " + excerpt(name));
  return made;
}

std::vector<std::string> CompiledModule::functionNames() const {
  std::vector<std::string> names;
  for (const auto& [name, source] : functions_) names.push_back(name);
  return names;
}

JsValue CompiledModule::makeFunction(std::string_view name) {
  if (!hasFunction(name)) return {};
  const auto made = maker(name);
  if (!made.ok()) return thrown(realm_.context(), made.error());
  return {realm_.context(), JS_Call(realm_.context(), *made, JS_UNDEFINED, 0, nullptr)};
}

CompiledModule& CompiledModules::of(const Module& module) {
  ++uses_;
  if (latest_ != nullptr && latest_->digest() == module.digest) return *latest_;
  Entry& entry = entries_[module.digest];
  if (!entry.module) entry.module = std::make_unique<CompiledModule>(realm_, module);
  entry.usedAt = uses_;
  latest_ = entry.module.get();
  return *latest_;
}

void CompiledModules::trim() {
  // Since the last time only the latest module can have grown.
  const std::size_t latestBytes = latest_ == nullptr ? 0 : latest_->bytes();
  if (latest_ == trimmed_ && latestBytes == trimmedBytes_) return;
  const auto total = [&] {
    std::size_t bytes = 0;
    for (const auto& [digest, entry] : entries_) bytes += entry.module->bytes();
    return bytes;
  };
  const Limits& limits = realm_.limits();
  while (!entries_.empty() &&
         (entries_.size() > limits.modulesMax || total() > limits.compiledBytes)) {
    const auto oldest = std::min_element(
        entries_.begin(), entries_.end(),
        [](const auto& a, const auto& b) { return a.second.usedAt < b.second.usedAt; });
    if (oldest->second.module.get() == latest_) latest_ = nullptr;
    entries_.erase(oldest);
  }
  trimmed_ = latest_;
  trimmedBytes_ = latest_ == nullptr ? 0 : latest_->bytes();
}

}  // namespace belay::script
