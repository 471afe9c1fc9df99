// Lets expressions try to change what later ones see, or to reach the host. After each attempt,
// which may fail or not, a fingerprint of the world must be what it was.

#include <string>
#include <vector>

#include "agent/script/QuickJsEvaluator.h"
#include "tests/support/FakeScope.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::script::Module;
using belay::script::Name;
using belay::script::QuickJsEvaluator;
using belay::test::FakeScope;

namespace {

// Uses most of what an attempt could have changed.
const char* const kFingerprint = R"js([
  Reflect.ownKeys(globalThis).map(String).join(), ({}).hacked, [].hacked, ''.hacked, (5).hacked,
  (() => 1).hacked, /a/.hacked, new Map().hacked, new Error('e').hacked, Symbol.iterator.hacked,
  (function* () {})().hacked, [].values().hacked, Date.hacked, Math.hacked, JSON.hacked,
  steps.hacked, functions.hacked, input.hacked, globalThis.hacked, functions.twice.hacked,
  Object.keys(Object.prototype), Object.keys(Array.prototype), Object.getPrototypeOf(globalThis) === Object.prototype,
  [3, 1, 2].sort().join('-'), [1, 2].map(x => x + 1), [...[1, 2]], [[1], [2]].flat(), String([1, 2]),
  'aXb'.replace('X', '-'), 'a,b'.split(','), 'abc'.includes('b'), ' x '.trim(), `${{}}`,
  JSON.stringify({a: [1, {b: 2}]}), JSON.parse('{"a":1}').a, Math.max(1, 2), Math.random(),
  new Date().getTime(), Date.now(), new Date(5).toISOString(), /(a)(b)/.exec('ab').slice(1),
  'aa'.match(/a/g).length, (5).toFixed(1), Number('7'), parseInt('8'), isNaN('x'),
  new Map([[1, 2]]).get(1), new Set([1, 1]).size, Object.entries({a: 1}), Object.assign({}, {a: 2}),
  Array.from('ab'), Array.isArray([]), typeof functions.twice, functions.twice(2), functions.counter(),
  input.name, state.attempts, steps.build.status, String(steps.build.output), steps.build.output.length,
  ((...a) => a.length)(1, 2), (() => { try { null.x; } catch (e) { return e instanceof TypeError; } })(),
  [...(function* () { yield 1; yield 2; })()], (class { static a = 4; }).a, new (class A { b = 3; })().b,
])js";

}  // namespace

TEST_GROUP(QuickJsIsolation) {
  QuickJsEvaluator evaluator;
  FakeScope scope;
  Module module{
      "digest",
      {{"twice", "x => 2 * x"},
       {"counter", "(() => { let n = 0; return () => ++n; })()"},
       {"shared", "(() => { const all = []; return x => { all.push(x); return all; }; })()"}},
      {}};
  std::string before;

  void setup() override {
    scope.set(Name::kInput, R"({"name":"n","list":[1]})");
    scope.set(Name::kState, R"({"attempts":2})");
    scope.setStep("build", R"({"status":"ok","output":{"text":"t","truncated":false,"ref":null}})");
    before = evaluate(kFingerprint);
  }

  std::string evaluate(const std::string& expression) {
    const auto value = evaluator.evaluate(module, expression, scope);
    return value.ok() ? value->json : "error: " + value.error().message;
  }

  void expectNoEffect(const std::string& attempt) {
    static_cast<void>(evaluate(attempt));
    STRCMP_EQUAL_TEXT(before.c_str(), evaluate(kFingerprint).c_str(), attempt.c_str());
  }

  void expectRefused(const std::string& attempt) {
    const auto value = evaluator.evaluate(module, attempt, scope);
    CHECK_FALSE_TEXT(value.ok(), attempt.c_str());
  }
};

TEST(QuickJsIsolation, fingerprintIsOfAWorkingWorld) {
  CHECK_TRUE_TEXT(before.starts_with("[\"Object,"), before.c_str());
  STRCMP_CONTAINS("\"1-2-3\"", before.c_str());
  STRCMP_CONTAINS("1700000000000", before.c_str());
}

TEST(QuickJsIsolation, prototypesCannotBePolluted) {
  const std::vector<std::string> roots{"Object.prototype",
                                       "Array.prototype",
                                       "String.prototype",
                                       "Number.prototype",
                                       "Boolean.prototype",
                                       "Function.prototype",
                                       "Symbol.prototype",
                                       "RegExp.prototype",
                                       "Date.prototype",
                                       "Map.prototype",
                                       "Set.prototype",
                                       "WeakMap.prototype",
                                       "Error.prototype",
                                       "TypeError.prototype",
                                       "BigInt.prototype",
                                       "({}).__proto__",
                                       "[].__proto__",
                                       "''.__proto__",
                                       "(() => {}).__proto__",
                                       "(function* () {}).__proto__",
                                       "(function* () {}).__proto__.prototype",
                                       "(function* () {})().__proto__.__proto__",
                                       "[].values().__proto__",
                                       "[].values().__proto__.__proto__",
                                       "''[Symbol.iterator]().__proto__",
                                       "new Map().keys().__proto__",
                                       "new Set().keys().__proto__",
                                       "'a'.matchAll(/a/g).__proto__",
                                       "steps.build.output.__proto__",
                                       "Date",
                                       "Math",
                                       "JSON",
                                       "Reflect",
                                       "Object",
                                       "Array",
                                       "String",
                                       "Function",
                                       "Symbol",
                                       "Date.now",
                                       "Math.random",
                                       "Array.prototype.map",
                                       "functions",
                                       "steps",
                                       "globalThis",
                                       "Object.getOwnPropertyDescriptor(globalThis, 'input').get"};
  for (const std::string& root : roots) {
    expectRefused(root + ".hacked = 1");
    expectRefused("Object.defineProperty(" + root + ", 'hacked', {value: 1})");
    expectRefused("Object.setPrototypeOf(" + root + ", {hacked: 1})");
    expectNoEffect("Reflect.set(" + root + ", 'hacked', 1)");
    expectNoEffect("Reflect.defineProperty(" + root + ", 'hacked', {get: () => 1})");
    expectNoEffect("Reflect.setPrototypeOf(" + root + ", {hacked: 1})");
    expectNoEffect("(() => { for (const k of Reflect.ownKeys(" + root + ")) { try { " + root +
                   "[k] = () => 0; } catch {} try { delete " + root + "[k]; } catch {} } })()");
  }
}

TEST(QuickJsIsolation, everythingThatCanBeReachedIsFrozen) {
  STRCMP_EQUAL("[]", evaluate(R"js((() => {
    const loose = [], seen = new Set();
    const walk = (value, path) => {
      if (Object(value) !== value || seen.has(value)) return;
      seen.add(value);
      if (value !== steps && value !== functions && !Object.isFrozen(value)) loose.push(path);
      // Their members are made anew each time they are read.
      if (value === steps || value === functions) return;
      for (const key of Reflect.ownKeys(value)) {
        const found = Reflect.getOwnPropertyDescriptor(value, key);
        for (const part of ['value', 'get', 'set']) walk(found[part], path + '.' + String(key));
      }
      walk(Object.getPrototypeOf(value), path + '.__proto__');
    };
    walk(globalThis, 'globalThis');
    const made = {f: function () {}, g: function* () {}, a: () => 1, i: [].values(),
                  s: ''[Symbol.iterator](), m: new Map().keys(), t: new Set().keys(), r: /a/,
                  x: 'a'.matchAll(/a/g), e: new Error(), o: steps.build.output, d: new Date(),
                  y: (function () { return arguments; })(), z: (s => s)`a${1}b`};
    for (const [name, value] of Object.entries(made)) {
      walk(Object.getPrototypeOf(value), name);
      if (name === 'g') walk(Object.getPrototypeOf(value.prototype), 'g.prototype');
    }
    walk(made.z, 'template object');
    walk(Object.getOwnPropertyDescriptor(made.y, 'callee').get, 'callee');
    return loose;
  })())js")
                         .c_str());
}

TEST(QuickJsIsolation, codeCannotBeMadeFromText) {
  for (const char* attempt :
       {"Function('return 1')()",
        "new Function('return 1')()",
        "(() => {}).constructor('return 1')()",
        "(function* () {}).constructor('yield 1')()",
        "Object.constructor('return 1')()",
        "[].map.constructor('return 1')()",
        "Reflect.construct(Function, ['return 1'])()",
        "Reflect.construct((() => {}).constructor, ['return 1'], Array)",
        "Reflect.apply((class {}).constructor, null, ['return 1'])",
        "(class extends Function { constructor() { super('return 1'); } }, new (class extends "
        "Function {})('return 1'))",
        "eval('1')",
        "(0, eval)('1')",
        "globalThis.eval('1')",
        "globalThis['ev' + 'al']('1')",
        "[].constructor.constructor('return globalThis')()",
        "''.sub.constructor.call(null, 'return 1')()",
        "Function.prototype.constructor('return 1')()",
        "Error.constructor.constructor('return 1')()",
        "import('std')",
        "import.meta",
        "require('fs')",
        "new (Object.getPrototypeOf(function* () {}).constructor)('yield 1')",
        "setTimeout('1')",
        "new Worker('x')",
        "functions.twice.constructor('return 1')()",
        "Date.constructor('return 1')()",
        "Math.random.constructor('return 1')()",
        "steps.build.output.toString.constructor('return 1')()"}) {
    expectRefused(attempt);
    expectNoEffect(attempt);
  }
}

TEST(QuickJsIsolation, thereIsNoHostToReach) {
  for (const char* name : {"process",
                           "require",
                           "module",
                           "exports",
                           "console",
                           "print",
                           "std",
                           "os",
                           "bjson",
                           "load",
                           "scriptArgs",
                           "fetch",
                           "XMLHttpRequest",
                           "WebSocket",
                           "setTimeout",
                           "setInterval",
                           "queueMicrotask",
                           "Worker",
                           "performance",
                           "navigator",
                           "window",
                           "self",
                           "global",
                           "Deno",
                           "Bun",
                           "WebAssembly",
                           "Atomics",
                           "SharedArrayBuffer",
                           "ArrayBuffer",
                           "Uint8Array",
                           "Proxy",
                           "Promise",
                           "WeakRef",
                           "FinalizationRegistry",
                           "eval",
                           "gc",
                           "Intl",
                           "structuredClone",
                           "DOMException",
                           "Iterator",
                           "ShadowRealm",
                           "$262",
                           "secrets",
                           "env"}) {
    STRCMP_EQUAL_TEXT("\"undefined\"", evaluate(std::string("typeof ") + name).c_str(), name);
    STRCMP_EQUAL_TEXT("false", evaluate("'" + std::string(name) + "' in globalThis").c_str(), name);
  }
}

TEST(QuickJsIsolation, globalsCannotBeMadeOrChanged) {
  for (const char* attempt : {"hacked = 1",
                              "input = 1",
                              "state = {}",
                              "steps = {}",
                              "functions = {}",
                              "Object = 1",
                              "undefined = 1",
                              "NaN = 1",
                              "globalThis = {}",
                              "globalThis.hacked = 1",
                              "delete globalThis.input",
                              "(function () { hacked = 1; })()",
                              "(() => { this.hacked = 1; })()",
                              "(function () { return this; })().hacked = 1",
                              "Object.assign(globalThis, {hacked: 1})",
                              "Object.defineProperty(globalThis, 'input', {value: 1})",
                              "[globalThis.hacked] = [1]",
                              "({a: Math.hacked} = {a: 1})",
                              "for (hacked of [1]) ;",
                              "var hacked = 1",
                              "let hacked = 1",
                              "function hacked() {}",
                              "class hacked {}",
                              "1); var hacked = (1",
                              "1}); hacked = (() => {1",
                              "1)})(); globalThis.hacked = 1; (function () { return (1",
                              "}; var hacked = 1; {",
                              "*/ hacked = 1 /*",
                              "1 // \n ; hacked = 1",
                              "1\n)}); var hacked = 1; (function(){return (1"}) {
    expectRefused(attempt);
    expectNoEffect(attempt);
  }
}

TEST(QuickJsIsolation, builtInsCannotBeTurnedAgainstTheNextExpression) {
  for (const char* attempt :
       {"Error.prepareStackTrace = () => 1",
        "Error.stackTraceLimit = 0",
        "Array[Symbol.species] = 1",
        "Object.defineProperty(Array, Symbol.species, {value: Map})",
        "[].constructor = {[Symbol.species]: Map}",
        "Object.prototype.__defineGetter__('hacked', () => 1)",
        "Object.prototype.__defineSetter__('a', function () { hacked(); })",
        "Object.prototype.toJSON = () => 1",
        "Array.prototype.toJSON = () => 1",
        "String.prototype.toJSON = () => 1",
        "Object.prototype.get = () => 1",
        "Object.prototype.then = () => 1",
        "Object.prototype[Symbol.toPrimitive] = () => 1",
        "Array.prototype[Symbol.iterator] = function* () { yield 9; }",
        "[].values().__proto__.next = () => ({done: true})",
        "RegExp.prototype.exec = () => null",
        "RegExp.prototype[Symbol.replace] = () => 'x'",
        "String.prototype.replace = () => 'x'",
        "JSON.parse = () => 1",
        "JSON.stringify = () => 1",
        "Math.random = () => 4",
        "Date.now = () => 0",
        "Date = class {}",
        "Date.prototype.getTime = 1",
        "Object.freeze = x => x",
        "Object.prototype.toString = () => 'x'",
        "Object.prototype.valueOf = () => 1",
        "Object.prototype.constructor = 1",
        "Error.prototype.name = 'x'",
        "Error.prototype.message = 'x'",
        "TypeError.prototype.name = 'y'",
        "JSON.parse('{\"a\":{\"b\":1}}', function (k, v) { this.__proto__.hacked = 1; return v; })",
        "JSON.parse('{\"__proto__\":{\"hacked\":1}}').hacked",
        "Object.assign({}, JSON.parse('{\"__proto__\":{\"hacked\":1}}')).__proto__.x",
        "input.__proto__.hacked = 1",
        "input.constructor.prototype.hacked = 1",
        "(input.name = 'x', input.list.push(2), input)",
        "state.attempts++",
        "delete input.name",
        "Object.setPrototypeOf(input, {hacked: 1})",
        "steps.build.status = 'x'",
        "steps.hacked = 1",
        "delete steps.build",
        "Object.defineProperty(steps, 'build', {value: 1})",
        "(steps.build.output.text = 'x')",
        "steps.build.output.toString = () => 'x'",
        "steps.build.output.__proto__.toString = () => 'x'",
        "Object.freeze(input)",
        "functions.twice.hacked = 1",
        "functions.twice = x => 0",
        "functions.counter()",
        "functions.shared(1).push(2)",
        "Object.setPrototypeOf(functions, {hacked: 1})",
        "((s) => { s.hacked = 1; s.raw.hacked = 1; })`a`",
        "(/a/g).lastIndex = 5",
        "RegExp.prototype.lastIndex = 3",
        "'a'.replace(/a/, '$1') + RegExp.$1",
        "(function f() { f.hacked = 1; f.prototype.hacked = 1; })()",
        "(function () { arguments.callee.hacked = 1; })()",
        "(function () { Object.getOwnPropertyDescriptor(arguments, 'callee').get.hacked = 1; })()",
        "(class { static { Object.prototype.hacked = 1; } })",
        "(class extends Array { static get [Symbol.species]() { return Map; } }).from([1]).map(x "
        "=> x)",
        "Symbol.for('x').description.hacked = 1",
        "new WeakMap().set(Object.prototype, 1)",
        "(() => { const g = (function* () { try { yield 1; } finally { hacked = 1; } })(); "
        "g.next(); })()",
        "[1].sort(() => { throw 1; })",
        "Reflect.construct(Array, [], Object).__proto__.hacked = 1",
        "Object.groupBy([1], () => '__proto__').__proto__",
        "Object.fromEntries([['__proto__', 1]])",
        "Array.from.call(Object, [1]).__proto__.hacked = 1",
        "structuredClone",
        "Number.prototype.toString.call(1).__proto__.hacked = 1",
        "BigInt.prototype.toJSON = () => 1",
        "({}).__proto__.__proto__ = {hacked: 1}",
        "Object.prototype.__proto__ = {hacked: 1}",
        "new Error('x', {cause: Object.prototype}).cause.hacked = 1",
        "(() => { with (Object) {} })()",
        "Symbol.iterator.hacked = 1",
        "Object.getOwnPropertySymbols(Array.prototype).map(s => Array.prototype[s].hacked = 1)"}) {
    expectNoEffect(attempt);
  }
}

TEST(QuickJsIsolation, functionsOfTheModuleKeepNothing) {
  STRCMP_EQUAL("[1,2]", evaluate("(functions.shared(1), functions.shared(2))").c_str());
  STRCMP_EQUAL("[3]", evaluate("functions.shared(3)").c_str());
  const auto first = evaluator.callFunction(module, "shared", "1", scope);
  const auto second = evaluator.callFunction(module, "shared", "2", scope);
  STRCMP_EQUAL("[1]", first->json.c_str());
  STRCMP_EQUAL("[2]", second->json.c_str());
}

TEST(QuickJsIsolation, literalsOfACompiledExpressionAreMadeAnew) {
  for (const char* expression :
       {"(r => (r.test('aa'), r.lastIndex))(/a/g)", "(a => a.push(1))([])",
        "(o => (o.n = (o.n ?? 0) + 1))({})", "(c => (c.n = (c.n ?? 0) + 1))(class {})",
        "(f => (f.n = (f.n ?? 0) + 1))(function () {})"}) {
    STRCMP_EQUAL_TEXT("1", evaluate(expression).c_str(), expression);
    STRCMP_EQUAL_TEXT("1", evaluate(expression).c_str(), expression);
  }
}

// The scanner takes `/` after `)` for a division, so it can be shown a string where there is none,
// and what stands in it is not refused early. Whatever is left behind goes with the context.
TEST(QuickJsIsolation, asynchronousCodeThatSlipsThroughLeavesNothing) {
  for (const char* body :
       {R"(if (1) /"/; (async () => { await null; globalThis.hacked = 1; })(); return 1; "/")",
        R"(if (1) /"/; import("x"); return 1; "/")",
        R"(if (1) /"/; (async function* () { yield 1; })().next(); return 1; "/")"}) {
    const std::size_t contexts = evaluator.contextsMade();
    static_cast<void>(evaluator.callCode(module, body, "null", scope));
    STRCMP_EQUAL_TEXT(before.c_str(), evaluate(kFingerprint).c_str(), body);
    LONGS_EQUAL_TEXT(contexts + 1, evaluator.contextsMade(), body);
  }
}

// Members of data may be named like members of objects.
TEST(QuickJsIsolation, frozenPrototypesDoNotSpoilOrdinaryObjects) {
  STRCMP_EQUAL(R"({"constructor":1,"toString":2,"valueOf":1,"hasOwnProperty":1})",
               evaluate("['constructor', 'toString', 'toString', 'valueOf', 'hasOwnProperty']"
                        ".reduce((counts, word) => { counts[word] = (Object.hasOwn(counts, word) ? "
                        "counts[word] : 0) + 1; return counts; }, {})")
                   .c_str());
  STRCMP_EQUAL(R"(["Mine","text","Mine: text"])",
               evaluate("(() => { class Mine extends Error { constructor(m) { super(m); "
                        "this.name = 'Mine'; } } const e = new Mine('x'); e.message = 'text'; "
                        "return [e.name, e.message, String(e)]; })()")
                   .c_str());
  STRCMP_EQUAL(
      "true",
      evaluate("(() => 1) instanceof Function && (() => 1).constructor === Function").c_str());
}
