#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "agent/script/Evaluator.h"
#include "agent/script/Limits.h"

namespace belay::script {

/// Name and version of the interpreter, for records: "quickjs 2025-04-26". A run that is replayed
/// needs the same.
std::string_view interpreterVersion();

/// The Evaluator on QuickJS: one heap and one context with frozen intrinsics, made by the first
/// call and kept.
///
/// Threads: owner; it may be handed to another thread between calls.
/// Memory:  the context holds about 200 KB, and the compiled modules up to Limits::compiledBytes.
/// After a call that hit its bound of ticks or memory the context is thrown away whole, and the
/// next call makes a new one.
class QuickJsEvaluator final : public Evaluator {
 public:
  explicit QuickJsEvaluator(const Limits& limits = {});
  ~QuickJsEvaluator() override;
  QuickJsEvaluator(const QuickJsEvaluator&) = delete;
  QuickJsEvaluator& operator=(const QuickJsEvaluator&) = delete;

  base::Result<Evaluated> evaluate(const Module& module, std::string_view expression,
                                   const Scope& scope) override;
  base::Result<bool> test(const Module& module, std::string_view expression,
                          const Scope& scope) override;
  base::Result<std::string> renderText(const Module& module, std::string_view text,
                                       const Scope& scope) override;
  base::Result<Evaluated> renderValue(const Module& module, const json::Value& tree,
                                      const Scope& scope) override;
  base::Result<Evaluated> callFunction(const Module& module, std::string_view name,
                                       const std::string& inputJson, const Scope& scope) override;
  base::Result<Evaluated> callCode(const Module& module, std::string_view code,
                                   const std::string& inputJson, const Scope& scope) override;

  /// What the interpreter holds now: context, compiled modules, and garbage that is not yet
  /// collected.
  std::size_t memoryBytes() const;
  /// How often the context has been made: once, and again after calls that hit their bound of ticks
  /// or memory.
  std::size_t contextsMade() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace belay::script
