// Lets expressions take more than they may. Each must end with the error of its bound, within a
// second of processor time, and leave an evaluator that works as before.

#include <pthread.h>

#include <string>
#include <thread>
#include <vector>

#include "agent/script/QuickJsEvaluator.h"
#include "common/base/Clock.h"
#include "tests/support/FakeScope.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::script::Limits;
using belay::script::Module;
using belay::script::Name;
using belay::script::QuickJsEvaluator;
using belay::test::FakeScope;

namespace {

// A tenth of the defaults, so that a hundred attacks end soon.
Limits smallLimits() {
  Limits limits;
  limits.ticks = 1'000'000;
  limits.cpu = std::chrono::milliseconds{60};
  limits.memoryBytes = 4u << 20;
  limits.stackBytes = 512u << 10;  // instrumented code takes more of it
  limits.outputBytes = 256u << 10;
  return limits;
}

}  // namespace

TEST_GROUP(QuickJsLimits) {
  QuickJsEvaluator evaluator{smallLimits()};
  FakeScope scope;
  Module module{"digest", {{"spin", "() => { for (;;); }"}, {"twice", "x => 2 * x"}}, {}};

  void setup() override {
    scope.set(Name::kInput, R"({"name":"n"})");
    expectWorking("at the start");
  }

  void expectWorking(const char* after) {
    for (int i = 0; i < 3; ++i) {
      const auto value =
          evaluator.evaluate(module, "[functions.twice(3), input.name, [2, 1].sort()]", scope);
      CHECK_TRUE_TEXT(value.ok(), after);
      STRCMP_EQUAL_TEXT(R"([6,"n",[1,2]])", value->json.c_str(), after);
    }
  }

  void expectBound(QuickJsEvaluator & bounded, ErrorCode code, const std::string& attack) {
    const auto before = belay::base::threadCpuTime();
    const auto value = bounded.evaluate(module, attack, scope);
    const auto taken = belay::base::threadCpuTime() - before;
    CHECK_FALSE_TEXT(value.ok(), attack.c_str());
    const std::string what = attack + "\n" + value.error().message;
    CHECK_TRUE_TEXT(value.error().code == code || alsoRight(code, value.error().code),
                    what.c_str());
    CHECK_TRUE_TEXT(taken < std::chrono::seconds{1}, what.c_str());
  }

  // What asks for more than there is in one call may pass the bound of ticks on the way there.
  static bool alsoRight(ErrorCode expected, ErrorCode code) {
    return code == ErrorCode::kExpressionTicks &&
           (expected == ErrorCode::kExpressionMemory || expected == ErrorCode::kExpressionStack ||
            expected == ErrorCode::kExpressionOutput);
  }

  void expectAll(ErrorCode code, const std::vector<std::string>& attacks) {
    for (const std::string& attack : attacks) {
      expectBound(evaluator, code, attack);
      expectWorking(attack.c_str());
    }
  }
};

TEST(QuickJsLimits, endlessLoopsEnd) {
  expectAll(
      ErrorCode::kExpressionTicks,
      {"(() => { for (;;); })()", "(() => { let i = 0; while (true) i++; })()",
       "(() => { const f = () => { try { f(); } catch {} }; for (;;) f(); })()",
       "(() => { for (;;) { try { for (;;); } catch {} } })()",
       "(() => { for (;;) { try { for (;;); } finally { continue; } } })()",
       "[1].map(function f() { for (;;); })", "functions.spin()",
       "[...(function* () { for (;;) yield* []; })()]",
       "new Set((function* () { for (;;) yield 1; })())", "({get a() { for (;;); }})",
       "({toJSON() { for (;;); }})", "'x'.replace(/x/, () => { for (;;); })",
       "(() => { const i = {[Symbol.iterator]: () => ({next: () => ({value: 1}), return() { for "
       "(;;); }})}; for (const x of i) for (;;); })()",
       "(() => { throw {get message() { for (;;); }, toString() { for (;;); }}; })()",
       "(() => { const e = new Error(); Object.defineProperty(e, 'stack', {get() { for (;;); }}); "
       "throw e; })()",
       "(() => { const all = []; try { for (;;) all.push({}); } catch {} for (;;) try { null.x } "
       "catch {} })()"});
}

TEST(QuickJsLimits, backtrackingEnds) {
  expectAll(
      ErrorCode::kExpressionTicks,
      {"/(a+)+b/.test('a'.repeat(40))", "/(a*)*b/.test('a'.repeat(40))",
       "/(?:(?:a|a)*)*c/.test('a'.repeat(50))", "/(a|aa)+$/.test('a'.repeat(60) + 'b')",
       "/(.*)(.*)(.*)(.*)(.*)x/.test('a'.repeat(3000))", "/(.*)\\1x/.test('a'.repeat(1e5))",
       "/(x+x+)+y/.test('x'.repeat(100))", "/^(([a-z])+.)+[A-Z]([a-z])+$/.test('a'.repeat(60))",
       "'a'.repeat(50).replace(/(a+)+b/, '')", "'a'.repeat(50).split(/(a+)+b/)",
       "/(?=a*b)a*c/.test('a'.repeat(1e6))", "/(?:a?){1000}a{1000}/.test('a'.repeat(999))"});
}

TEST(QuickJsLimits, longBuiltInFunctionsEnd) {
  expectAll(ErrorCode::kExpressionTicks,
            {"Array(4294967295).indexOf(1)",
             "Array(4294967295).includes(1)",
             "Array(4294967295).lastIndexOf(1)",
             "Array(4294967295).join('')",
             "String(Array(4294967295))",
             "Array(4294967295).forEach(x => x)",
             "Array(4294967295).sort()",
             "Array(4294967295).reverse()",
             "Array(4294967295).every(x => x)",
             "Array(4294967295).flat()",
             "[Array(4294967295)].flat(9)",
             "[1].flatMap(() => Array(4294967295))",
             "Array(4294967295).copyWithin(0, 1)",
             "Array(4294967295).findLast(x => x)",
             "Array(4294967295).reduce((a, b) => a, 1)",
             "Array(4294967295).slice(0)",
             "Array(4294967295).splice(0, 1)",
             "Array(4294967295).shift()",
             "Array(4294967295).unshift(1)",
             "Array(4294967295).concat([1])",
             "[].concat({[Symbol.isConcatSpreadable]: true, length: 2 ** 50})",
             "Array.prototype.indexOf.call({length: 2 ** 53 - 1}, 1)",
             "Array.prototype.reverse.call({length: 2 ** 53 - 1})",
             "Array.prototype.join.call({length: 2 ** 53 - 1}, '')",
             "new Set(Array(4294967295))",
             "(() => { for (const x of Array(4294967295)); })()",
             "Object.fromEntries((function* () { for (;;) yield ['a', 1]; })())",
             "Object.defineProperty([], 'length', {value: 4294967295}).every(x => x)"});
}

TEST(QuickJsLimits, quadraticSearchesAndComparisonsEnd) {
  const std::string many = "'a'.repeat(2 ** 20)";
  const std::string half = "'a'.repeat(2 ** 19) + 'b'";
  expectAll(
      ErrorCode::kExpressionTicks,
      {many + ".indexOf(" + half + ")", many + ".lastIndexOf(" + half + ")",
       many + ".includes(" + half + ")", many + ".split(" + half + ")",
       many + ".replaceAll(" + half + ", '')", many + ".replace(" + half + ", '')",
       "(() => { const s = " + many + ", t = 'a' + " + half + "; for (;;) s < t; })()",
       "(() => { const s = " + many + ", t = s + '', o = s.slice(1) + 'a'; for (;;) o === t; })()",
       "(() => { const a = 'x'.repeat(5e5) + 'a', b = 'x'.repeat(5e5) + 'b'; return "
       "Array(2e4).fill(a).indexOf(b); })()",
       "(() => { const a = 'x'.repeat(5e5), b = 'x' + 'x'.repeat(5e5 - 1); return "
       "Array(2e4).fill(0).map((_, i) => i & 1 ? a : b).sort(); })()"});
}

// Each of these is one call that takes milliseconds, in a loop.
TEST(QuickJsLimits, loopsOfLongCallsEnd) {
  std::vector<std::string> attacks;
  for (const char* call :
       {"s.toUpperCase()", "s.trim()", "Number(s)", "s.normalize('NFD')", "encodeURIComponent(s)",
        "JSON.parse(s + '1')", "/b/.test(s)", "s.replace(/ /g, '')", "new Map().get(s)", "({})[s]",
        "s.startsWith(s)", "s.isWellFormed()", "Date.parse(s)", "escape(s)",
        "s.split(' ').length"}) {
    attacks.push_back("(() => { const s = ' '.repeat(2 ** 16); for (;;) " + std::string(call) +
                      "; })()");
  }
  for (const char* call :
       {"a.sort()", "a.reverse()", "a.fill(2)", "a.slice()", "[...a]", "a.join()",
        "Object.freeze(a)", "a.shift(), a.push(1)", "a.indexOf(2)", "new Set(a)",
        "JSON.stringify(a)", "Math.max(...a)", "Object.keys(a)", "a.toSorted()"}) {
    attacks.push_back("(() => { const a = Array(2e4).fill(1); for (;;) " + std::string(call) +
                      "; })()");
  }
  attacks.insert(
      attacks.end(),
      {"(() => { const x = 2n ** 16000n; for (;;) String(x); })()",
       "(() => { for (;;) BigInt('9'.repeat(4000)); })()",
       "(() => { const s = '\\u0300\\u0316'.repeat(2e4); for (;;) s.normalize('NFC'); })()",
       "(() => { for (;;) new RegExp('[\\\\u{0}-\\\\u{10ffff}]', 'iu'); })()",
       "(() => { let o = {}; for (let i = 0; i < 2e4; i++) o = {__proto__: o}; for (;;) o.x; })()",
       "(() => { for (let i = 0;; i++) Symbol.for('k' + i); })()"});
  expectAll(ErrorCode::kExpressionTicks, attacks);
}

TEST(QuickJsLimits, theDefaultsEndTheWorstWithinASecond) {
  QuickJsEvaluator standard;
  for (const char* attack :
       {"(() => { for (;;); })()",
        "(() => { const s = 'a'.repeat(2 ** 22); for (;;) s.toUpperCase(); })()",
        "'a'.repeat(2 ** 22).indexOf('a'.repeat(2 ** 21) + 'b')",
        "/(.*)\\1x/.test('a'.repeat(1e5))"}) {
    expectBound(standard, ErrorCode::kExpressionTicks, attack);
  }
}

TEST(QuickJsLimits, memoryIsBounded) {
  expectAll(
      ErrorCode::kExpressionMemory,
      {"'x'.repeat(1e9)", "'x'.padStart(1e9)", "Array(1e9).fill(0)", "[...Array(4294967295)]",
       "(() => { const a = []; for (;;) a.push(a.length); })()",
       "(() => { const a = []; for (let s = 'x';;) { s += 'x'.repeat(1e4); a.push(s + 'y'); "
       "s[0]; } })()",
       "(() => { const m = new Map(); for (let i = 0;; i++) m.set(i, {}); })()",
       "(() => { const o = {}; for (let i = 0;; i++) o['k' + i] = i; })()",
       "(() => { const a = []; for (;;) a.push(Symbol()); })()",
       "(() => { let f = x => x; for (;;) { const g = f; f = x => g(x); } })()",
       "Array.prototype.fill.call({length: 2 ** 53 - 1}, 1)", "Math.max(...Array(4294967295))",
       "JSON.parse('[' + '1,'.repeat(1e6) + '1]')", "'a'.repeat(1e6).split('')",
       "JSON.stringify(Array(1e5).fill('x'.repeat(1000)))", "new Map(Array(1e9).entries())",
       "(() => { try { 'x'.repeat(1e9); } catch { return 'caught'; } })()",
       "(() => { try { 'x'.repeat(1e9); } finally { return 'caught'; } })()"});
}

TEST(QuickJsLimits, theStackIsBounded) {
  expectAll(
      ErrorCode::kExpressionStack,
      {"(function f() { f(); })()", "(() => { const f = n => 1 + f(n + 1); return f(0); })()",
       "(() => { const o = {}; o.toString = () => '' + o; return '' + o; })()",
       "(() => { const o = {get a() { return this.a; }}; return o.a; })()",
       "(() => { class A { constructor() { new A(); } } new A(); })()",
       "[1, 2].sort(function f() { return [1, 2].sort(f); })",
       "'x'.replace(/x/, function f() { return 'x'.replace(/x/, f); })",
       "(() => { function* g() { yield* g(); } return [...g()]; })()",
       "(() => { let a = []; for (let i = 0; i < 1e4; i++) a = [a]; return JSON.stringify(a); })()",
       "(() => { let a = []; for (let i = 0; i < 1e4; i++) a = [a]; return String(a); })()",
       std::string(20000, '(') + "1" + std::string(20000, ')'),
       std::string(20000, '[') + std::string(20000, ']'), std::string(20000, '-') + "1"});
}

TEST(QuickJsLimits, theOutputIsBounded) {
  expectAll(ErrorCode::kExpressionOutput,
            {"'x'.repeat(1e6)", "Array(1e5).fill(1234)", "Array(1000).fill('x'.repeat(1000))",
             "(() => { let a = [1]; for (let i = 0; i < 40; i++) a = [a, a]; return a; })()",
             "(() => { let a = {}; for (let i = 0; i < 40; i++) a = {a, b: a}; return a; })()",
             "(() => { const a = []; a[4294967294] = 1; return a; })()",
             "(() => { let a = []; for (let i = 0; i < 1000; i++) a = [a]; return a; })()",
             "({toJSON() { return {toJSON: this.toJSON}; }})", "{a: {b: 'x'.repeat(3e5)}}"});
  const auto text = evaluator.renderText(
      module, "${{ 'x'.repeat(1e5) }}${{ 'x'.repeat(1e5) }}${{ 'x'.repeat(1e5) }}", scope);
  CHECK_TRUE(text.error().code == ErrorCode::kExpressionOutput);
  const auto value =
      evaluator.renderValue(module, belay::json::Value(std::string(300u << 10, 'x')), scope);
  CHECK_TRUE(value.error().code == ErrorCode::kExpressionOutput);
}

TEST(QuickJsLimits, boundsHoldForAWholeCall) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "${{ Array(20000).fill(0).map(x => x).length }}";
  CHECK_TRUE(evaluator.renderText(module, text, scope).error().code == ErrorCode::kExpressionTicks);
  expectWorking("one text with much work");
}

TEST(QuickJsLimits, sourcesAreBounded) {
  const auto value = evaluator.evaluate(module, "'" + std::string(70000, 'x') + "'", scope);
  CHECK_TRUE(value.error().code == ErrorCode::kLimit);
  expectWorking("a long source");
}

TEST(QuickJsLimits, aCallOfAFunctionIsBoundedToo) {
  CHECK_TRUE(evaluator.callFunction(module, "spin", "1", scope).error().code ==
             ErrorCode::kExpressionTicks);
  CHECK_TRUE(evaluator.callCode(module, "for (;;);", "1", scope).error().code ==
             ErrorCode::kExpressionTicks);
  CHECK_TRUE(evaluator.callCode(module, "return input.repeat(1e9)", "\"x\"", scope).error().code ==
             ErrorCode::kExpressionTicks);
  expectWorking("functions");
}

TEST(QuickJsLimits, aSpentContextIsReplacedAndAHealthyOneKept) {
  const std::size_t contexts = evaluator.contextsMade();
  static_cast<void>(evaluator.evaluate(module, "null.x", scope));
  static_cast<void>(evaluator.evaluate(module, "(function f() { f(); })()", scope));
  static_cast<void>(evaluator.evaluate(module, "'x'.repeat(1e6)", scope));
  expectWorking("errors");
  LONGS_EQUAL(contexts, evaluator.contextsMade());
  static_cast<void>(evaluator.evaluate(module, "(() => { for (;;); })()", scope));
  expectWorking("ticks");
  LONGS_EQUAL(contexts + 1, evaluator.contextsMade());
  static_cast<void>(evaluator.evaluate(module, "'x'.repeat(1e9)", scope));
  expectWorking("memory");
  LONGS_EQUAL(contexts + 2, evaluator.contextsMade());
}

TEST(QuickJsLimits, whatTakesALotAndEndsIsNoError) {
  QuickJsEvaluator usual{Limits{}};
  const auto value = usual.evaluate(
      module, "Array(2e4).fill(0).map((_, i) => 'item ' + i).filter(s => /7$/.test(s)).length",
      scope);
  CHECK_TRUE(value.ok());
  STRCMP_EQUAL("2000", value->json.c_str());
  const auto fib = usual.evaluate(
      module, "(function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); })(20)", scope);
  CHECK_TRUE(fib.ok());
  STRCMP_EQUAL("6765", fib->json.c_str());
  const auto deep =
      usual.evaluate(module, "(function f(n) { return n && 1 + f(n - 1); })(300)", scope);
  CHECK_TRUE(deep.ok());
  STRCMP_EQUAL("300", deep->json.c_str());
}

// The stack is measured from the call, on whichever thread that is.
TEST(QuickJsLimits, anotherThreadMayTakeOver) {
  std::string results;
  std::thread thread([&] {
    for (const char* expression : {"1 + 1", "(function f(n) { return n && 1 + f(n - 1); })(100)",
                                   "(function f() { f(); })()", "2 + 2"}) {
      const auto value = evaluator.evaluate(module, expression, scope);
      results += value.ok() ? value->json : "error";
      results += ' ';
    }
  });
  thread.join();
  STRCMP_EQUAL("2 100 error 4 ", results.c_str());
  expectWorking("on the first thread again");
}
