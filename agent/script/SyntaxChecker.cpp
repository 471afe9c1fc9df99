#include "agent/script/SyntaxChecker.h"

#include <utility>

#include "agent/script/Compiler.h"
#include "agent/script/Template.h"

namespace belay::script {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

class SyntaxChecker::Impl {
 public:
  explicit Impl(const Limits& limits) : limits_(limits) {}

  Status check(std::string_view source, SourceForm form) {
    if (!realm_ || !realm_->isSound()) realm_ = std::make_unique<Realm>(limits_);
    realm_->begin(nullptr, nullptr);
    Status status = tried(source, form);
    realm_->end();
    return status;
  }

 private:
  Status tried(std::string_view source, SourceForm form) {
    auto compiled = compile(*realm_, source, form, "<expression>");
    return compiled.ok() ? Status{} : Status{std::move(compiled).error()};
  }

  const Limits limits_;
  std::unique_ptr<Realm> realm_;  // made for the first text: many flows have none
};

SyntaxChecker::SyntaxChecker(const Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}

SyntaxChecker::~SyntaxChecker() = default;

Status SyntaxChecker::checkExpression(std::string_view expression) {
  return impl_->check(expression, SourceForm::kExpression);
}

Status SyntaxChecker::checkFunction(std::string_view source) {
  return impl_->check(source, SourceForm::kExpression);
}

Status SyntaxChecker::checkCode(std::string_view code) {
  Status expression = impl_->check(code, SourceForm::kInputExpression);
  if (expression.ok() || expression.error().code != ErrorCode::kFlowExpressionSyntax) {
    return expression;
  }
  return impl_->check(code, SourceForm::kInputBody);
}

Status SyntaxChecker::checkTemplate(std::string_view text) {
  if (!mayHoldExpression(text)) return {};
  BELAY_ASSIGN(const Template parsed, Template::parse(text));
  for (const TemplatePart& part : parsed.parts()) {
    if (!part.isExpression) continue;
    Status status = checkExpression(part.text);
    if (status.ok()) continue;
    Error error = std::move(status).error();
    const base::SourcePlace inner = error.place;
    const base::SourcePlace start = placeOf(text, part.offset);
    if (inner.line == 1 && inner.column > 0) {
      error.place.column = start.column + inner.column - 1;
    }
    error.place.line = start.line + (inner.line > 0 ? inner.line - 1 : 0);
    return error;
  }
  return {};
}

}  // namespace belay::script
