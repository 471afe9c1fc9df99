#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <quickjs/quickjs.h>

#include "agent/script/Budget.h"
#include "agent/script/Heap.h"
#include "agent/script/JsValue.h"
#include "agent/script/Limits.h"
#include "agent/script/Scope.h"

namespace belay::script {

/// Where a realm finds the functions of the module whose code is running.
class FunctionSource {
 public:
  virtual ~FunctionSource() = default;
  virtual bool hasFunction(std::string_view name) const = 0;
  virtual std::vector<std::string> functionNames() const = 0;
  /// A new function object; unset when there is none of this name; or an exception.
  virtual JsValue makeFunction(std::string_view name) = 0;
};

class ProgramRealm;

/// What a realm is for.
enum class RealmKind : std::uint8_t {
  kExpressions,  ///< Many short calls that leave nothing behind; no promises.
  kProgram,      ///< The code of one run (Program.h), which goes on from call to call.
};

/// One heap, runtime and context of QuickJS with frozen intrinsics, and the names that expressions
/// see: getters on the global object and two exotic objects, which ask the scope of the call.
///
/// Threads:   owner; may be handed over between calls.
/// Ownership: all JsValues of the context must be gone before the realm.
class Realm {
 public:
  explicit Realm(const Limits& limits, RealmKind kind = RealmKind::kExpressions);
  /// Drops the heap whole: QuickJS's own teardown aborts on a lost reference, and an expression
  /// must not be able to end the daemon.
  ~Realm() = default;
  Realm(const Realm&) = delete;
  Realm& operator=(const Realm&) = delete;

  JSContext* context() const { return context_; }
  const Limits& limits() const { return limits_; }
  const Heap& heap() const { return heap_; }

  /// Starts a call: bounds count from here. `scope` and `functions` may be null (for compilation).
  void begin(const Scope* scope, FunctionSource* functions);
  /// The same for a program, whose memory is bounded over all its calls.
  void beginProgram(const Scope& scope);
  /// Forgets what was parsed, so that the next expression of the call has fresh values.
  void forgetValues();
  /// Ends the call. After it isSound() says whether the realm can go on.
  void end();
  bool isSound() const { return sound_; }

  /// Counts work that is done for the call outside the interpreter; false when the bound is passed.
  bool spend(std::uint64_t ticks);
  bool wasInterrupted() const { return budget_.isSpent(); }
  /// What the scope of the call could not give; null pointer: nothing.
  const base::Error* broken() const { return scope_ == nullptr ? nullptr : scope_->broken(); }

  /// Parses JSON and makes text outputs of what has their form; an exception if it is no JSON.
  JsValue parse(const std::string& json);
  bool isTextOutput(JSValueConst value) const;
  /// Whether a text output holds only the beginning of its text.
  bool isCut(JSValueConst textOutput) const;
  /// The string of a text output.
  JsValue textOf(JSValueConst textOutput) const;

  /// Whose realm it is, for the functions that its code calls. Only of kProgram.
  ProgramRealm& program() const { return *program_; }
  void setProgram(ProgramRealm& program) { program_ = &program; }
  /// What the sources of a program's API gave: its second member makes contexts. Only of kProgram.
  JSValueConst programApi() const { return programApi_; }

  JSAtom toJsonAtom() const { return atoms_.toJson; }
  JSAtom lengthAtom() const { return atoms_.length; }
  /// Whether JSON can hold an object as its members (an object, an array, `steps`), or as a value
  /// (a Number, String or Boolean object).
  bool isPlain(JSValueConst object) const;
  bool isWrapper(JSValueConst object) const;

  // For the functions that QuickJS calls; each gives a new reference or throws in the context.
  static Realm& of(JSContext* context) {
    return *static_cast<Realm*>(JS_GetContextOpaque(context));
  }
  JSValue name(int index);
  JsValue named(JSAtom name);
  JSValue step(JSAtom id);
  JSValue function(JSAtom name);
  bool hasStep(JSAtom id);
  bool hasFunction(JSAtom name);
  std::vector<std::string> stepIds() const;
  std::vector<std::string> functionNames() const;
  double nowMs() const;
  double random();

 private:
  struct Atoms {
    JSAtom text, truncated, ref, toJson, length;
  };
  /// The interpreter's own numbers of classes, which its header does not give.
  struct Classes {
    JSClassID object, array, number, string, boolean;
  };

  void addIntrinsics();
  void addNames(JSValueConst global);
  void addText(JSValueConst global);
  void startCall(const Scope* scope, FunctionSource* functions);
  void readClasses(JSValueConst global);
  void runPrelude(JSValueConst global);
  bool mayAllocate(std::size_t size);
  static int onInterrupt(JSRuntime* runtime, void* realm) noexcept;
  static void* onAllocate(JSMallocState* state, std::size_t size) noexcept;
  static void onRelease(JSMallocState* state, void* block) noexcept;
  static void* onResize(JSMallocState* state, void* block, std::size_t size) noexcept;
  static const JSMallocFunctions kMallocFunctions;
  void revive(JSValueConst value, int depth);
  bool looksLikeTextOutput(JSValueConst object, const JSPropertyEnum* members, std::uint32_t count);
  JsValue cached(JSAtom key, JsValue& cache) const;
  void remember(JSAtom key, JsValue& cache, const JsValue& value);

  const Limits limits_;
  const RealmKind kind_;
  Budget budget_;
  Heap heap_;
  JSRuntime* runtime_;  // lives in heap_, as all below
  JSContext* context_;
  Atoms atoms_{};
  Classes classes_{};
  JSValue textPrototype_ = JS_UNDEFINED;  // never freed: lives as long as the heap
  JSValue programApi_ = JS_UNDEFINED;     // the same
  std::size_t ownBytes_ = 0;              // what the realm itself takes of the heap

  ProgramRealm* program_ = nullptr;

  // The call under way.
  const Scope* scope_ = nullptr;
  FunctionSource* functions_ = nullptr;
  std::array<JsValue, kNameCount> names_;
  JsValue named_;          // an object: name of the flow's own to value
  JsValue steps_;          // an object: id to parsed step
  JsValue madeFunctions_;  // an object: name to function
  std::uint64_t random_ = 0;
  bool sound_ = true;
};

}  // namespace belay::script
