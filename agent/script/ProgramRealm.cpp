#include "agent/script/ProgramRealm.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/script/Failure.h"
#include "agent/script/Output.h"
#include "common/base/Check.h"
#include "common/base/Utf8.h"
#include "common/json/Writer.h"

namespace belay::script {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

// What a job of the interpreter costs besides what it does.
constexpr std::uint64_t kTicksPerJob = 16;
constexpr std::size_t kLogLineBytes = 1000;
constexpr std::size_t kLogBytesMax = 16u << 10;

std::string_view errorCodeOf(const std::string& code) {
  return code.starts_with("BLY-") ? std::string_view(code) : "BLY-CODE-FAILED";
}

std::string placeText(const Thrown& thrown) {
  if (thrown.line == 0) return "";
  std::string out = " (line " + std::to_string(thrown.line);
  if (thrown.column > 0) out += ", column " + std::to_string(thrown.column);
  return out + ")";
}

bool isSame(JSValueConst a, JSValueConst b) {
  return JS_IsObject(a) && JS_IsObject(b) && JS_VALUE_GET_PTR(a) == JS_VALUE_GET_PTR(b);
}

template <JSValue (ProgramRealm::*Method)(JSValueConst)>
JSValue callOne(JSContext* context, JSValueConst /*self*/, int /*count*/,
                JSValueConst* arguments) noexcept {
  return (Realm::of(context).program().*Method)(arguments[0]);
}

JSValue callOpen(JSContext* context, JSValueConst /*self*/, int /*count*/,
                 JSValueConst* arguments) noexcept {
  return Realm::of(context).program().open(arguments[0], arguments[1], arguments[2], arguments[3],
                                           arguments[4]);
}

}  // namespace

ProgramRealm::ProgramRealm(const ProgramStart& start, const Limits& limits, ProgramCalls& calls)
    : start_(start), calls_(calls), nowMs_(start.nowMs), realm_(limits, RealmKind::kProgram) {
  realm_.setProgram(*this);
  JS_SetHostPromiseRejectionTracker(JS_GetRuntime(realm_.context()), &ProgramRealm::onRejection,
                                    this);
}

// --- Running.

Status ProgramRealm::within(const std::function<Status()>& work) {
  realm_.beginProgram(*this);
  Status status = work();
  if (status.ok()) status = drain();
  if (status.ok()) {
    conclude();
    status = bounds();
  } else if (Status hit = bounds(); !hit.ok()) {
    status = std::move(hit);  // What it looked like is a consequence.
  }
  realm_.end();
  return status;
}

Status ProgramRealm::drain() {
  JSContext* context = nullptr;
  JSRuntime* runtime = JS_GetRuntime(realm_.context());
  for (;;) {
    BELAY_TRY(bounds());
    const int done = JS_ExecutePendingJob(runtime, &context);
    if (done == 0) return {};
    if (done < 0) {
      const JsValue dropped{realm_.context(), JS_GetException(realm_.context())};
    }
    static_cast<void>(realm_.spend(kTicksPerJob));
  }
}

Status ProgramRealm::bounds() const {
  if (realm_.wasInterrupted()) {
    return Error{ErrorCode::kExpressionTicks,
                 "the code took more than " + std::to_string(realm_.limits().ticks) +
                     " ticks between two results (limits.expression_ticks): move the work into a "
                     "step, or raise it"};
  }
  if (realm_.heap().wasRefused()) {
    return Error{
        ErrorCode::kExpressionMemory,
        "the code holds more memory than " + std::to_string(realm_.limits().memoryBytes) +
            " bytes (limits.code_memory): keep less of the outputs, or raise it"};
  }
  return {};
}

Status ProgramRealm::start() {
  return within([this]() -> Status {
    JSContext* context = realm_.context();
    BELAY_TRY(makeContext());
    const JsValue input = realm_.parse(start_.inputJson);
    std::array<JSValueConst, 2> arguments{contextObject_.get(), input.get()};
    const JsValue result{context,
                         JS_Call(context, function_.get(), JS_UNDEFINED, 2, arguments.data())};
    if (result.isException()) {
      const JsValue thrown{context, JS_GetException(context)};
      end_ = failed(thrown.get());
      return {};
    }
    // One that is not asynchronous gives its value at once.
    std::array<JSValue, 2> settle{JS_UNDEFINED, JS_UNDEFINED};
    main_ = JsValue{context, JS_NewPromiseCapability(context, settle.data())};
    const JsValue resolve{context, settle[0]};
    const JsValue reject{context, settle[1]};
    if (main_.isException()) return {};
    JSValueConst value = result.get();
    const JsValue ignored{context, JS_Call(context, resolve.get(), JS_UNDEFINED, 1, &value)};
    return {};
  });
}

Status ProgramRealm::settle(const Settlement& settlement) {
  ++settled_;
  nowMs_ = std::max(nowMs_, settlement.atMs);
  const auto found = open_.find(settlement.path);
  if (end_ || found == open_.end() || found->second.visit != settlement.visit) return {};
  const Open open = std::move(found->second);
  open_.erase(found);
  return within([&]() -> Status {
    const std::string& json = settlement.ok ? settlement.valueJson : settlement.failureJson;
    JsValue value = json.empty() ? JsValue{} : realm_.parse(json);
    JSValueConst argument = value.isSet() ? value.get() : JS_UNDEFINED;
    const JsValue& settle = settlement.ok ? open.resolve : open.reject;
    JSContext* context = realm_.context();
    const JsValue ignored{context, JS_Call(context, settle.get(), JS_UNDEFINED, 1, &argument)};
    return {};
  });
}

Status ProgramRealm::makeContext() {
  JSContext* context = realm_.context();
  const JsValue make{context, JS_GetPropertyUint32(context, realm_.programApi(), 1)};
  const JsValue natives = makeNatives();
  const JsValue run = realm_.parse(start_.runJson);
  const JsValue trigger = realm_.parse(start_.triggerJson);
  const JsValue state = realm_.parse(start_.stateJson);
  std::array<JSValueConst, 4> arguments{natives.get(), run.get(), trigger.get(), state.get()};
  contextObject_ =
      JsValue{context, JS_Call(context, make.get(), JS_UNDEFINED, 4, arguments.data())};
  if (!contextObject_.isException()) return {};
  // style: messages: no text of a flow has a part in it.
  return Error{ErrorCode::kExpressionMemory, "there is no memory for the code to start with"};
}

JsValue ProgramRealm::makeNatives() {
  JSContext* context = realm_.context();
  JsValue natives{context, JS_NewObject(context)};
  const auto add = [&](const char* name, JSCFunction* function, int count) {
    JS_SetPropertyStr(context, natives.get(), name,
                      JS_NewCFunction(context, function, name, count));
  };
  // QuickJS fills up to `count` arguments with undefined.
  add("open", &callOpen, 5);
  add("cancel", &callOne<&ProgramRealm::cancel>, 1);
  add("copy", &callOne<&ProgramRealm::copy>, 1);
  add("keepState", &callOne<&ProgramRealm::keepState>, 1);
  add("log", &callOne<&ProgramRealm::log>, 1);
  return natives;
}

// --- The end.

void ProgramRealm::onRejection(JSContext* context, JSValueConst promise, JSValueConst reason,
                               int isHandled, void* program) noexcept {
  auto& self = *static_cast<ProgramRealm*>(program);
  if (isHandled != 0) {
    std::erase_if(self.unhandled_,
                  [&](const Rejection& r) { return isSame(r.promise.get(), promise); });
    return;
  }
  self.unhandled_.push_back({JsValue{context, JS_DupValue(context, promise)},
                             JsValue{context, JS_DupValue(context, reason)}});
}

void ProgramRealm::conclude() {
  if (end_ || !main_.isSet() || main_.isException()) return;
  JSContext* context = realm_.context();
  const JSPromiseStateEnum state = JS_PromiseState(context, main_.get());
  if (state == JS_PROMISE_PENDING) return;
  const JsValue result{context, JS_PromiseResult(context, main_.get())};
  if (state == JS_PROMISE_REJECTED) {
    end_ = failed(result.get());
    return;
  }
  // What was called without await still runs: the run ends with the last of it.
  if (!open_.empty()) return;
  const auto lost = std::find_if(unhandled_.begin(), unhandled_.end(), [this](const Rejection& r) {
    return !isSame(r.promise.get(), main_.get());
  });
  if (lost != unhandled_.end()) {
    end_ = failed(lost->reason.get());
    return;
  }
  ProgramEnd end;
  if (JS_IsUndefined(result.get()) == 0) {
    const Status written = Output(realm_, "the function", end.outputJson).json(result.get());
    if (!written.ok()) {
      const Error& error = written.error();
      end.outputJson.clear();
      end.failure = ProgramFailure{std::string(base::errorText(error.code)), "", error.message, ""};
    }
  }
  end_ = std::move(end);
}

ProgramEnd ProgramRealm::failed(JSValueConst reason) {
  const Thrown thrown = readThrown(realm_, reason);
  ProgramFailure failure;
  if (thrown.name == "StepError") {
    failure.code = textMember(realm_, reason, "code");
    failure.kind = textMember(realm_, reason, "class");
    failure.step = textMember(realm_, reason, "step");
    failure.message = thrown.message;
  } else {
    failure.message = describe(thrown) + placeText(thrown);
  }
  failure.code = errorCodeOf(failure.code);
  if (isStackOverflow(thrown)) {
    failure.code = base::errorText(ErrorCode::kExpressionStack);
    failure.message = "the code nests calls too deeply" + stackBound(realm_) + placeText(thrown);
  }
  return {"", std::move(failure)};
}

// --- What the code calls.

JSValue ProgramRealm::refusal(const std::string& path, const Error& error) {
  std::string json;
  json::Writer writer(json);
  writer.beginObject().member("code", base::errorText(error.code)).member("class", "invalid");
  writer.member("step", path).member("message", error.message).endObject();
  return realm_.parse(json).release();
}

JSValue ProgramRealm::open(JSValueConst pathValue, JSValueConst visit, JSValueConst definition,
                           JSValueConst resolve, JSValueConst reject) {
  JSContext* context = realm_.context();
  const JsText path(context, pathValue);
  if (!path.ok()) return JS_EXCEPTION;
  ProgramCall call;
  call.path = std::string(path.data(), path.size());
  call.open = open_.size();
  JS_ToUint32(context, &call.visit, visit);
  Output output(realm_, call.path, call.definitionJson);
  if (const Status written = output.json(definition); !written.ok())
    return refusal(call.path, written.error());
  if (const Status taken = calls_.take(call); !taken.ok()) return refusal(call.path, taken.error());
  open_[call.path] = Open{call.visit, JsValue{context, JS_DupValue(context, resolve)},
                          JsValue{context, JS_DupValue(context, reject)}};
  return JS_UNDEFINED;
}

JSValue ProgramRealm::cancel(JSValueConst beginningValue) {
  const JsText text(realm_.context(), beginningValue);
  if (!text.ok()) return JS_EXCEPTION;
  const std::string beginning(text.data(), text.size());
  const auto from = open_.lower_bound(beginning);
  auto to = from;
  while (to != open_.end() && to->first.starts_with(beginning)) ++to;
  if (from != to) cancelled_.push_back(beginning);
  open_.erase(from, to);
  return JS_UNDEFINED;
}

JSValue ProgramRealm::copy(JSValueConst value) {
  std::string json;
  const Status written = Output(realm_, "setState", json).json(value);
  if (!written.ok()) {
    return JS_ThrowTypeError(realm_.context(), "%s", written.error().message.c_str());
  }
  return realm_.parse(json).release();
}

JSValue ProgramRealm::keepState(JSValueConst state) {
  state_ = JsValue{realm_.context(), JS_DupValue(realm_.context(), state)};
  return JS_UNDEFINED;
}

Result<std::string> ProgramRealm::takeState() {
  std::string json;
  if (!state_.isSet()) return json;
  realm_.beginProgram(*this);
  Status written = Output(realm_, "setState", json).json(state_.get());
  if (written.ok()) written = bounds();
  realm_.end();
  state_.reset();
  if (!written.ok()) return std::move(written).error();
  return json;
}

JSValue ProgramRealm::log(JSValueConst text) {
  const JsText line(realm_.context(), text);
  if (!line.ok()) return JS_EXCEPTION;
  if (logBytes_ >= kLogBytesMax) return JS_UNDEFINED;
  std::string kept = base::shortened({line.data(), line.size()}, kLogLineBytes);
  logBytes_ += kept.size();
  logs_.push_back(std::move(kept));
  return JS_UNDEFINED;
}

}  // namespace belay::script
