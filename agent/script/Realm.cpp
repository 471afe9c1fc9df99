#include "agent/script/Realm.h"

#include <bit>
#include <cstring>

#include "agent/script/Helpers.h"
#include "agent/script/JsonReader.h"
#include "agent/script/Prelude.h"
#include "common/base/Check.h"

namespace belay::script {

namespace {

// So many calls and loop rounds pass between two questions of QuickJS whether to go on
// (config/cmake/deps/quickjs-bounds.patch).
constexpr std::uint64_t kTicksPerInterrupt = 16;
// An allocation is a tick, and one more for so many bytes.
constexpr std::size_t kBytesPerTick = 256;
// For so many bytes the budget is looked at first: the function that asks for them will be long.
constexpr std::size_t kLargeBytes = 64u << 10;
// What the interpreter needs to say that it was interrupted, when no memory is left.
constexpr std::size_t kLastBytes = 16u << 10;
// Garbage in cycles is looked for when so much has been allocated since the call began.
constexpr std::size_t kGarbageBytes = 1u << 20;
// A call that left the heap this large took memory that the next ones should not pay for.
constexpr std::size_t kReservedMax = 8u << 20;
// Deeper than any JSON that the journal takes.
constexpr int kReviveDepth = 256;

// A full period over 64 bits from any seed, neighbours included (SplitMix64).
std::uint64_t nextRandom(std::uint64_t& state) {
  std::uint64_t mixed = state += 0x9E3779B97F4A7C15u;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
  return mixed ^ (mixed >> 31);
}

}  // namespace

// A refusal looks like a lack of memory, which code can catch, but not for longer than to the next
// interrupt. Small blocks are never refused so: the interrupt's own error needs some.
bool Realm::mayAllocate(std::size_t size) {
  budget_.spend(1 + size / kBytesPerTick);
  return size < kLargeBytes || budget_.mayGoOn();
}

// QuickJS starts its collector by malloc_size, so that has to be kept right.
void* Realm::onAllocate(JSMallocState* state, std::size_t size) noexcept {
  Realm& realm = *static_cast<Realm*>(state->opaque);
  void* block = realm.mayAllocate(size) ? realm.heap_.allocate(size) : nullptr;
  state->malloc_size = realm.heap_.used();
  return block;
}

void Realm::onRelease(JSMallocState* state, void* block) noexcept {
  Realm& realm = *static_cast<Realm*>(state->opaque);
  realm.heap_.release(block);
  state->malloc_size = realm.heap_.used();
}

void* Realm::onResize(JSMallocState* state, void* block, std::size_t size) noexcept {
  Realm& realm = *static_cast<Realm*>(state->opaque);
  void* moved = realm.mayAllocate(size) ? realm.heap_.resize(block, size) : nullptr;
  state->malloc_size = realm.heap_.used();
  return moved;
}

const JSMallocFunctions Realm::kMallocFunctions{&Realm::onAllocate, &Realm::onRelease,
                                                &Realm::onResize, &Heap::usableSize};

Realm::Realm(const Limits& limits, RealmKind kind)
    : limits_(limits),
      kind_(kind),
      budget_(limits),
      runtime_(JS_NewRuntime2(&kMallocFunctions, this)) {
  BELAY_CHECK(runtime_ != nullptr);
  JS_SetMaxStackSize(runtime_, limits_.stackBytes);
  JS_UpdateStackTop(runtime_);
  context_ = JS_NewContextRaw(runtime_);
  BELAY_CHECK(context_ != nullptr);
  JS_SetContextOpaque(context_, this);
  addIntrinsics();
  atoms_ = {JS_NewAtom(context_, "text"), JS_NewAtom(context_, "truncated"),
            JS_NewAtom(context_, "ref"), JS_NewAtom(context_, "toJSON"),
            JS_NewAtom(context_, "length")};
  const JsValue global{context_, JS_GetGlobalObject(context_)};
  readClasses(global.get());
  addText(global.get());
  if (kind_ == RealmKind::kExpressions) addNames(global.get());
  addHelpers(context_, global.get());
  runPrelude(global.get());
  JS_RunGC(runtime_);
  ownBytes_ = heap_.used();
  JS_SetInterruptHandler(runtime_, &Realm::onInterrupt, this);
}

// Promise and the async functions are there because the engine is not safe without their classes
// when it meets one; the prelude takes their names away, and end() refuses what they leave behind.
void Realm::addIntrinsics() {
  JS_AddIntrinsicBaseObjects(context_);
  JS_AddIntrinsicDate(context_);
  JS_AddIntrinsicEval(context_);
  JS_AddIntrinsicStringNormalize(context_);
  JS_AddIntrinsicRegExp(context_);
  JS_AddIntrinsicJSON(context_);
  JS_AddIntrinsicMapSet(context_);
  JS_AddIntrinsicPromise(context_);
}

void Realm::readClasses(JSValueConst global) {
  const auto classOf = [&](const char* name) {
    const JsValue constructor{context_, JS_GetPropertyStr(context_, global, name)};
    const JsValue prototype{context_, JS_GetPropertyStr(context_, constructor.get(), "prototype")};
    return JS_GetClassID(prototype.get());
  };
  classes_ = {classOf("Object"), classOf("Array"), classOf("Number"), classOf("String"),
              classOf("Boolean")};
}

void Realm::begin(const Scope* scope, FunctionSource* functions) {
  heap_.allow(limits_.memoryBytes);
  JS_SetGCThreshold(runtime_, heap_.used() + kGarbageBytes);
  startCall(scope, functions);
}

// The collector's threshold stays as it has grown: what one call leaves in cycles is found in a
// later one.
void Realm::beginProgram(const Scope& scope) {
  const std::size_t taken = heap_.used() - ownBytes_;
  heap_.allow(taken < limits_.memoryBytes ? limits_.memoryBytes - taken : 0);
  startCall(&scope, nullptr);
}

void Realm::startCall(const Scope* scope, FunctionSource* functions) {
  // The stack is measured from here, whichever thread this is.
  JS_UpdateStackTop(runtime_);
  scope_ = scope;
  functions_ = functions;
  budget_.restart();
  random_ = scope == nullptr ? 0 : scope->seed();
}

void Realm::forgetValues() {
  for (JsValue& value : names_) value.reset();
  named_.reset();
  steps_.reset();
  madeFunctions_.reset();
}

void Realm::end() {
  forgetValues();
  scope_ = nullptr;
  functions_ = nullptr;
  sound_ = !budget_.isSpent() && !heap_.wasRefused() && JS_IsJobPending(runtime_) == 0 &&
           heap_.reserved() < kReservedMax + limits_.compiledBytes;
}

int Realm::onInterrupt(JSRuntime* /*runtime*/, void* realm) noexcept {
  return static_cast<Realm*>(realm)->spend(kTicksPerInterrupt) ? 0 : 1;
}

bool Realm::spend(std::uint64_t ticks) {
  budget_.spend(ticks);
  if (budget_.mayGoOn()) return true;
  // Without memory for its error the interpreter would throw one that code can catch.
  heap_.extend(kLastBytes);
  return false;
}

double Realm::nowMs() const { return scope_ == nullptr ? 0 : static_cast<double>(scope_->nowMs()); }

double Realm::random() {
  // 53 bits, as many as a double in [0, 1) has.
  return static_cast<double>(nextRandom(random_) >> 11) * 0x1.0p-53;
}

JsValue Realm::parse(const std::string& json) {
  const TextForm form{atoms_.text, atoms_.truncated, atoms_.ref, textPrototype_};
  if (JsValue quick = JsonReader(context_, json, form).read(); quick.isSet()) return quick;
  JsValue value{context_, JS_ParseJSON(context_, json.c_str(), json.size(), "<json>")};
  // Few values have a text output in them, and walking a tree costs as much as parsing it.
  constexpr std::string_view kSign = "\"truncated\"";
  if (!value.isException() &&
      memmem(json.data(), json.size(), kSign.data(), kSign.size()) != nullptr) {
    revive(value.get(), 0);
  }
  return value;
}

// Gives each object of the form {text, truncated, ref} the prototype that reads as a string.
void Realm::revive(JSValueConst value, int depth) {
  if (!JS_IsObject(value) || depth > kReviveDepth) return;
  JSPropertyEnum* members = nullptr;
  std::uint32_t count = 0;
  const int flags = JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY;
  if (JS_GetOwnPropertyNames(context_, &members, &count, value, flags) < 0) return;
  if (looksLikeTextOutput(value, members, count)) {
    JS_SetPrototype(context_, value, textPrototype_);
  } else {
    for (std::uint32_t i = 0; i < count; ++i) {
      const JsValue member{context_, JS_GetProperty(context_, value, members[i].atom)};
      revive(member.get(), depth + 1);
    }
  }
  for (std::uint32_t i = 0; i < count; ++i) JS_FreeAtom(context_, members[i].atom);
  js_free(context_, members);
}

bool Realm::looksLikeTextOutput(JSValueConst object, const JSPropertyEnum* members,
                                std::uint32_t count) {
  if (count != 3) return false;
  bool hasText = false;
  for (std::uint32_t i = 0; i < count; ++i) {
    const JSAtom name = members[i].atom;
    if (name != atoms_.text && name != atoms_.truncated && name != atoms_.ref) return false;
    if (name != atoms_.text) continue;
    const JsValue text{context_, JS_GetProperty(context_, object, name)};
    hasText = JS_IsString(text.get()) != 0;
  }
  return hasText;
}

bool Realm::isTextOutput(JSValueConst value) const {
  if (!JS_IsObject(value)) return false;
  const JsValue prototype{context_, JS_GetPrototype(context_, value)};
  return JS_IsObject(prototype.get()) &&
         JS_VALUE_GET_PTR(prototype.get()) == JS_VALUE_GET_PTR(textPrototype_);
}

bool Realm::isCut(JSValueConst textOutput) const {
  const JsValue cut{context_, JS_GetProperty(context_, textOutput, atoms_.truncated)};
  return JS_ToBool(context_, cut.get()) > 0;
}

JsValue Realm::textOf(JSValueConst textOutput) const {
  return {context_, JS_GetProperty(context_, textOutput, atoms_.text)};
}

}  // namespace belay::script
