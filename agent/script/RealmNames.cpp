// What expressions see by name: natives that QuickJS calls, and the lookups behind them.

#include <string>

#include "agent/script/Prelude.h"
#include "agent/script/Realm.h"
#include "common/base/Check.h"

namespace belay::script {

namespace {

constexpr std::array<const char*, kNameCount> kNames{"input", "state", "run",   "trigger",
                                                     "event", "item",  "index", "error"};
static_assert(static_cast<std::size_t>(Name::kError) + 1 == kNameCount);

/// The text of a member's name; nothing for a symbol.
class MemberName {
 public:
  MemberName(JSContext* context, JSAtom atom)
      : key_(context, JS_AtomToValue(context, atom)),
        text_(context, JS_IsSymbol(key_.get()) ? JS_UNDEFINED : key_.get()) {}
  bool ok() const { return text_.ok() && !JS_IsSymbol(key_.get()); }
  std::string_view view() const { return {text_.data(), text_.size()}; }

 private:
  JsValue key_;
  JsText text_;
};

// QuickJS marks the atoms of array indexes in their highest bit.
bool isIndex(JSAtom name) { return (name >> 31) != 0; }

JSClassID newClassId() {
  JSClassID id = 0;
  return JS_NewClassID(&id);
}

// Numbers of the process, taken once; a class is registered in each runtime.
const JSClassID kStepsClass = newClassId();
const JSClassID kFunctionsClass = newClassId();
const JSClassID kTextClass = newClassId();
const JSClassID kNamedClass = newClassId();

JSValue getName(JSContext* context, JSValueConst /*self*/, int index) noexcept {
  return Realm::of(context).name(index);
}

JSValue getNow(JSContext* context, JSValueConst /*self*/, int /*count*/,
               JSValueConst* /*arguments*/) noexcept {
  return JS_NewFloat64(context, Realm::of(context).nowMs());
}

JSValue getRandom(JSContext* context, JSValueConst /*self*/, int /*count*/,
                  JSValueConst* /*arguments*/) noexcept {
  return JS_NewFloat64(context, Realm::of(context).random());
}

// The exotic objects `steps` and `functions`: a member exists when the scope or module has it, its
// value is made when it is read, and nothing can be put into them.

template <JSValue (Realm::*Get)(JSAtom)>
JSValue getMember(JSContext* context, JSValueConst /*object*/, JSAtom name,
                  JSValueConst /*receiver*/) noexcept {
  return (Realm::of(context).*Get)(name);
}

template <JSValue (Realm::*Get)(JSAtom)>
JSValue callGetter(JSContext* context, JSValueConst /*self*/, int /*count*/,
                   JSValueConst* /*arguments*/, int /*magic*/, JSValue* data) noexcept {
  const JSAtom name = JS_ValueToAtom(context, *data);
  if (name == JS_ATOM_NULL) return JS_EXCEPTION;
  const JSValue value = (Realm::of(context).*Get)(name);
  JS_FreeAtom(context, name);
  return value;
}

// The descriptor has a getter, so that to enumerate the members does not make their values.
template <bool (Realm::*Has)(JSAtom), JSValue (Realm::*Get)(JSAtom)>
int describeMember(JSContext* context, JSPropertyDescriptor* descriptor, JSValueConst /*object*/,
                   JSAtom name) noexcept {
  if (!(Realm::of(context).*Has)(name)) return 0;
  if (descriptor == nullptr) return 1;
  JsValue key{context, JS_AtomToString(context, name)};
  JSValueConst data = key.get();
  JsValue getter{context, JS_NewCFunctionData(context, &callGetter<Get>, 0, 0, 1, &data)};
  if (getter.isException()) return -1;
  *descriptor = {JS_PROP_GETSET | JS_PROP_ENUMERABLE, JS_UNDEFINED, getter.release(), JS_UNDEFINED};
  return 1;
}

template <std::vector<std::string> (Realm::*Names)() const>
int listMembers(JSContext* context, JSPropertyEnum** members, std::uint32_t* count,
                JSValueConst /*object*/) noexcept {
  const std::vector<std::string> names = (Realm::of(context).*Names)();
  // Never of no bytes: that would look like a failure.
  auto* list = static_cast<JSPropertyEnum*>(
      js_mallocz(context, sizeof(JSPropertyEnum) * (names.size() + 1)));
  if (list == nullptr) return -1;
  for (std::size_t i = 0; i < names.size(); ++i) {
    list[i].is_enumerable = 1;
    list[i].atom = JS_NewAtomLen(context, names[i].data(), names[i].size());
  }
  *members = list;
  *count = static_cast<std::uint32_t>(names.size());
  return 0;
}

JSClassExoticMethods makeStepsMethods() {
  JSClassExoticMethods methods{};
  methods.get_property = &getMember<&Realm::step>;
  methods.get_own_property = &describeMember<&Realm::hasStep, &Realm::step>;
  methods.get_own_property_names = &listMembers<&Realm::stepIds>;
  return methods;
}

JSClassExoticMethods makeFunctionsMethods() {
  JSClassExoticMethods methods{};
  methods.get_property = &getMember<&Realm::function>;
  methods.get_own_property = &describeMember<&Realm::hasFunction, &Realm::function>;
  methods.get_own_property_names = &listMembers<&Realm::functionNames>;
  return methods;
}

// The prototype of the global object: asked for a name only when the global object lacks it, and
// behind it stands Object.prototype, so that what nobody has is a ReferenceError.
int describeNamed(JSContext* context, JSPropertyDescriptor* descriptor, JSValueConst /*object*/,
                  JSAtom name) noexcept {
  JsValue value = Realm::of(context).named(name);
  if (!value.isSet()) return 0;
  if (value.isException()) return -1;
  if (descriptor) *descriptor = {JS_PROP_ENUMERABLE, value.release(), JS_UNDEFINED, JS_UNDEFINED};
  return 1;
}

JSClassExoticMethods makeNamedMethods() {
  JSClassExoticMethods methods{};
  methods.get_own_property = &describeNamed;
  return methods;
}

// The prototype of text outputs. Behind it stands String.prototype, whose methods turn `this` into
// a string first; what they do not give is here: the string itself, its length, and characters by
// index.

JSValue textOfSelf(JSContext* context, JSValueConst self) {
  if (!Realm::of(context).isTextOutput(self)) {
    return JS_ThrowTypeError(context, "not a text output");
  }
  return Realm::of(context).textOf(self).release();
}

JSValue textToString(JSContext* context, JSValueConst self, int /*count*/,
                     JSValueConst* /*arguments*/) noexcept {
  return textOfSelf(context, self);
}

JSValue textLength(JSContext* context, JSValueConst self) noexcept {
  const JsValue text{context, textOfSelf(context, self)};
  if (text.isException()) return JS_EXCEPTION;
  return JS_GetPropertyStr(context, text.get(), "length");
}

JSValue getFromText(JSContext* context, JSValueConst prototype, JSAtom name,
                    JSValueConst receiver) noexcept {
  if (isIndex(name) && Realm::of(context).isTextOutput(receiver)) {
    const JsValue text = Realm::of(context).textOf(receiver);
    return JS_GetProperty(context, text.get(), name);
  }
  const JsValue next{context, JS_GetPrototype(context, prototype)};
  return JS_GetPropertyInternal(context, next.get(), name, receiver, 0);
}

JSClassExoticMethods makeTextMethods() {
  JSClassExoticMethods methods{};
  methods.get_property = &getFromText;
  return methods;
}

const JSClassExoticMethods kStepsMethods = makeStepsMethods();
const JSClassExoticMethods kFunctionsMethods = makeFunctionsMethods();
const JSClassExoticMethods kTextMethods = makeTextMethods();
const JSClassExoticMethods kNamedMethods = makeNamedMethods();

void registerClass(JSRuntime* runtime, JSClassID id, const char* name,
                   const JSClassExoticMethods& methods) {
  // QuickJS keeps the pointer and never writes through it.
  auto* pointer = const_cast<JSClassExoticMethods*>(&methods);
  const JSClassDef definition{name, nullptr, nullptr, nullptr, pointer};
  BELAY_CHECK(JS_NewClass(runtime, id, &definition) == 0);
}

void addMethod(JSContext* context, JSValueConst object, JSAtom name, JSCFunction* function,
               const char* label) {
  const JSValue method = JS_NewCFunction(context, function, label, 0);
  BELAY_CHECK(JS_DefinePropertyValue(context, object, name, method, 0) > 0);
}

JSValue makeTextPrototype(JSContext* context, JSValueConst global) {
  const JsValue constructor{context, JS_GetPropertyStr(context, global, "String")};
  const JsValue strings{context, JS_GetPropertyStr(context, constructor.get(), "prototype")};
  const JSValue prototype = JS_NewObjectProtoClass(context, strings.get(), kTextClass);
  for (const char* name : {"toString", "valueOf"}) {
    const JSAtom atom = JS_NewAtom(context, name);
    addMethod(context, prototype, atom, &textToString, name);
    JS_FreeAtom(context, atom);
  }
  const JsValue symbols{context, JS_GetPropertyStr(context, global, "Symbol")};
  const JsValue symbol{context, JS_GetPropertyStr(context, symbols.get(), "toPrimitive")};
  const JSAtom toPrimitive = JS_ValueToAtom(context, symbol.get());
  addMethod(context, prototype, toPrimitive, &textToString, "[Symbol.toPrimitive]");
  JS_FreeAtom(context, toPrimitive);
  JSCFunctionType getter{};
  getter.getter = &textLength;
  const JSAtom length = JS_NewAtom(context, "length");
  JS_DefinePropertyGetSet(
      context, prototype, length,
      JS_NewCFunction2(context, getter.generic, "length", 0, JS_CFUNC_getter, 0), JS_UNDEFINED, 0);
  JS_FreeAtom(context, length);
  return prototype;
}

}  // namespace

void Realm::addText(JSValueConst global) {
  registerClass(runtime_, kTextClass, "Text", kTextMethods);
  textPrototype_ = makeTextPrototype(context_, global);
}

void Realm::addNames(JSValueConst global) {
  registerClass(runtime_, kStepsClass, "Steps", kStepsMethods);
  registerClass(runtime_, kFunctionsClass, "Functions", kFunctionsMethods);
  registerClass(runtime_, kNamedClass, "Named", kNamedMethods);
  const JsValue behind{context_, JS_GetPrototype(context_, global)};
  const JsValue named{context_, JS_NewObjectProtoClass(context_, behind.get(), kNamedClass)};
  BELAY_CHECK(JS_SetPrototype(context_, global, named.get()) > 0);
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    JSCFunctionType getter{};
    getter.getter_magic = &getName;
    const JSValue function = JS_NewCFunction2(context_, getter.generic, kNames[i], 0,
                                              JS_CFUNC_getter_magic, static_cast<int>(i));
    const JSAtom atom = JS_NewAtom(context_, kNames[i]);
    JS_DefinePropertyGetSet(context_, global, atom, function, JS_UNDEFINED, 0);
    JS_FreeAtom(context_, atom);
  }
  JS_DefinePropertyValueStr(context_, global, "steps",
                            JS_NewObjectProtoClass(context_, JS_NULL, kStepsClass), 0);
  JS_DefinePropertyValueStr(context_, global, "functions",
                            JS_NewObjectProtoClass(context_, JS_NULL, kFunctionsClass), 0);
}

void Realm::runPrelude(JSValueConst global) {
  const auto evaluate = [this](std::string_view source, const char* label) {
    JsValue value{context_, JS_Eval(context_, source.data(), source.size(), label,
                                    JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_STRICT)};
    BELAY_CHECK(!value.isException());
    return value;
  };
  const JsValue prelude = evaluate(preludeSource(), "prelude");
  if (kind_ == RealmKind::kProgram)
    programApi_ = evaluate(programApiSource(), kProgramApiLabel).release();
  const JsValue now{context_, JS_NewCFunction(context_, &getNow, "now", 0)};
  const JsValue random{context_, JS_NewCFunction(context_, &getRandom, "random", 0)};
  const JsValue roots{context_, JS_NewArray(context_)};
  JS_SetPropertyUint32(context_, roots.get(), 0, JS_DupValue(context_, textPrototype_));
  std::array<JSValueConst, 4> arguments{now.get(), random.get(), roots.get(), programApi_};
  const JsValue done{context_, JS_Call(context_, prelude.get(), global,
                                       static_cast<int>(arguments.size()), arguments.data())};
  BELAY_CHECK(!done.isException());
}

bool Realm::isPlain(JSValueConst object) const {
  const JSClassID id = JS_GetClassID(object);
  return id == classes_.object || id == classes_.array || id == kStepsClass;
}

bool Realm::isWrapper(JSValueConst object) const {
  const JSClassID id = JS_GetClassID(object);
  return id == classes_.number || id == classes_.string || id == classes_.boolean;
}

JSValue Realm::name(int index) {
  JsValue& value = names_[static_cast<std::size_t>(index)];
  if (!value.isSet()) {
    const std::string* json = scope_ == nullptr ? nullptr : scope_->json(static_cast<Name>(index));
    if (json == nullptr) return JS_UNDEFINED;
    value = parse(*json);
    if (value.isException()) return value.release();
  }
  return value.duplicate();
}

// What one evaluation has made of `steps` and `functions` is kept in an object without prototype.
JsValue Realm::cached(JSAtom key, JsValue& cache) const {
  if (!cache.isSet()) return {};
  JSPropertyDescriptor found{};
  if (JS_GetOwnProperty(context_, &found, cache.get(), key) <= 0) return {};
  return {context_, found.value};
}

void Realm::remember(JSAtom key, JsValue& cache, const JsValue& value) {
  if (!cache.isSet()) cache = JsValue{context_, JS_NewObjectProto(context_, JS_NULL)};
  if (cache.isException()) {
    cache.reset();
    return;
  }
  JS_DefinePropertyValue(context_, cache.get(), key, value.duplicate(), JS_PROP_C_W_E);
}

JsValue Realm::named(JSAtom key) {
  if (scope_ == nullptr) return {};
  JsValue known = cached(key, named_);
  if (known.isSet()) return known;
  const MemberName name(context_, key);
  const std::string* json = name.ok() ? scope_->named(name.view()) : nullptr;
  if (json == nullptr) return {};
  JsValue value = parse(*json);
  if (!value.isException()) remember(key, named_, value);
  return value;
}

JSValue Realm::step(JSAtom id) {
  if (scope_ == nullptr) return JS_UNDEFINED;
  JsValue known = cached(id, steps_);
  if (known.isSet()) return known.release();
  const MemberName name(context_, id);
  if (!name.ok()) return JS_UNDEFINED;
  const std::optional<std::string> json = scope_->step(name.view());
  if (!json) return JS_UNDEFINED;
  JsValue value = parse(*json);
  if (!value.isException()) remember(id, steps_, value);
  return value.release();
}

JSValue Realm::function(JSAtom functionName) {
  if (functions_ == nullptr) return JS_UNDEFINED;
  JsValue known = cached(functionName, madeFunctions_);
  if (known.isSet()) return known.release();
  const MemberName name(context_, functionName);
  if (!name.ok()) return JS_UNDEFINED;
  JsValue value = functions_->makeFunction(name.view());
  if (!value.isSet()) return JS_UNDEFINED;
  if (!value.isException()) remember(functionName, madeFunctions_, value);
  return value.release();
}

bool Realm::hasStep(JSAtom id) {
  if (scope_ == nullptr) return false;
  const MemberName name(context_, id);
  return name.ok() && scope_->step(name.view()).has_value();
}

bool Realm::hasFunction(JSAtom functionName) {
  if (functions_ == nullptr) return false;
  const MemberName name(context_, functionName);
  return name.ok() && functions_->hasFunction(name.view());
}

std::vector<std::string> Realm::stepIds() const {
  return scope_ == nullptr ? std::vector<std::string>{} : scope_->stepIds();
}

std::vector<std::string> Realm::functionNames() const {
  return functions_ == nullptr ? std::vector<std::string>{} : functions_->functionNames();
}

}  // namespace belay::script
