#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/script/JsValue.h"
#include "agent/script/Program.h"
#include "agent/script/Realm.h"
#include "agent/script/Scope.h"

namespace belay::script {

/// The interpreter of a program: its realm, the calls that are open, and what the code has said.
///
/// Threads:   owner.
/// Ownership: `calls` must outlive it.
class ProgramRealm final : public Scope {
 public:
  ProgramRealm(const ProgramStart& start, const Limits& limits, ProgramCalls& calls);

  base::Status load();
  base::Status start();
  base::Status settle(const Settlement& settlement);

  const std::optional<ProgramEnd>& end() const { return end_; }
  bool isStalled() const { return !end_ && open_.empty(); }
  std::vector<std::string> takeCancelled() { return std::exchange(cancelled_, {}); }
  std::vector<std::string> takeLogs() { return std::exchange(logs_, {}); }
  base::Result<std::string> takeState();
  std::size_t memoryBytes() const { return realm_.heap().used(); }

  // What the code calls (ProgramApi.cpp); each gives a new reference or throws in the context.
  JSValue open(JSValueConst path, JSValueConst visit, JSValueConst definition, JSValueConst resolve,
               JSValueConst reject);
  JSValue cancel(JSValueConst beginning);
  JSValue copy(JSValueConst value);
  JSValue keepState(JSValueConst state);
  JSValue log(JSValueConst text);

  // Scope: Date and Math.random; there are no other names.
  const std::string* json(Name) const override { return nullptr; }
  std::optional<std::string> step(std::string_view) const override { return std::nullopt; }
  std::vector<std::string> stepIds() const override { return {}; }
  std::int64_t nowMs() const override { return nowMs_; }
  std::uint64_t seed() const override { return start_.seed ^ (settled_ << 1); }

 private:
  struct Open {
    std::uint32_t visit = 1;
    JsValue resolve;
    JsValue reject;
  };
  struct Rejection {
    JsValue promise;
    JsValue reason;
  };

  /// Runs a piece of work and every job that comes of it, within one budget.
  base::Status within(const std::function<base::Status()>& work);
  base::Status drain();
  base::Status bounds() const;
  base::Status evaluateModule();
  base::Status makeContext();
  JsValue makeNatives();
  void conclude();
  ProgramEnd failed(JSValueConst reason);
  base::Error loadFailure(JSValueConst thrown);
  JSValue refusal(const std::string& path, const base::Error& error);
  static void onRejection(JSContext* context, JSValueConst promise, JSValueConst reason,
                          int isHandled, void* program) noexcept;

  const ProgramStart start_;
  ProgramCalls& calls_;
  std::int64_t nowMs_;
  std::uint64_t settled_ = 0;
  std::optional<ProgramEnd> end_;
  std::vector<std::string> cancelled_;
  std::vector<std::string> logs_;
  std::size_t logBytes_ = 0;

  Realm realm_;  // before all that lives in it
  JsValue function_;
  JsValue contextObject_;
  JsValue main_;  // the promise of the function
  JsValue state_;
  std::map<std::string, Open> open_;  // by path
  std::vector<Rejection> unhandled_;
};

}  // namespace belay::script
