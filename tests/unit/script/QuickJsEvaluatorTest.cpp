// Evaluates expressions against a scope made of JSON texts and compares what comes out as JSON.
// What must not be possible is in QuickJsIsolationTest.cpp, the bounds are in
// QuickJsLimitsTest.cpp.

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "agent/script/QuickJsEvaluator.h"
#include "common/json/Json.h"
#include "tests/support/FakeScope.h"

#include <CppUTest/TestHarness.h>

using belay::base::Error;
using belay::base::ErrorCode;
using belay::script::Evaluated;
using belay::script::Module;
using belay::script::Name;
using belay::script::QuickJsEvaluator;
using belay::test::FakeScope;

namespace {

struct Case {
  const char* expression;
  const char* json;
};

}  // namespace

TEST_GROUP(QuickJsEvaluator) {
  QuickJsEvaluator evaluator;
  FakeScope scope;
  Module module{"digest-1",
                {{"slugify", "s => s.toLowerCase().replace(/[^a-z0-9]+/g, '-')"},
                 {"twice", "x => 2 * x"},
                 {"fourTimes", "x => functions.twice(functions.twice(x))"},
                 {"counter", "(() => { let n = 0; return () => ++n; })()"},
                 {"seven", "7"},
                 {"broken", "x => {"},
                 {"who", "() => input.name"},
                 {"total", "input => ({sum: input.items.reduce((a, b) => a + b, 0)})"}},
                {}};

  void setup() override {
    scope.set(Name::kInput, R"({"name":"Zoë","list":[3,1,2],"deep":{"a":{"b":null}}})");
    scope.set(Name::kState, R"({"attempts":2})");
    scope.set(Name::kRun, R"({"id":"r1"})");
    scope.setStep("build", R"({"output":{"exit_code":0,"stdout":{"text":"all good\n",)"
                           R"("truncated":false,"ref":null},"stderr":{"text":"","truncated":true,)"
                           R"("ref":"res://abc"}},"status":"succeeded","visit":1})");
  }

  std::string evaluate(const std::string& expression) {
    const auto value = evaluator.evaluate(module, expression, scope);
    if (!value.ok()) return "error: " + value.error().message;
    return value->isUndefined ? "undefined" : value->json;
  }

  Error failure(const std::string& expression) {
    const auto value = evaluator.evaluate(module, expression, scope);
    CHECK_FALSE_TEXT(value.ok(), expression.c_str());
    return value.error();
  }

  std::string text(const std::string& source) {
    const auto value = evaluator.renderText(module, source, scope);
    return value.ok() ? *value : "error: " + value.error().message;
  }

  std::string value(const std::string& json) {
    const auto tree = belay::json::parse(json);
    CHECK_TRUE(tree.ok());
    const auto rendered = evaluator.renderValue(module, *tree, scope);
    if (!rendered.ok()) return "error: " + rendered.error().message;
    return rendered->isUndefined ? "undefined" : rendered->json;
  }

  bool holds(const std::string& expression) {
    const auto held = evaluator.test(module, expression, scope);
    CHECK_TRUE_TEXT(held.ok(), expression.c_str());
    return *held;
  }

  void expectAll(const std::vector<Case>& cases) {
    for (const Case& each : cases) {
      STRCMP_EQUAL_TEXT(each.json, evaluate(each.expression).c_str(), each.expression);
    }
  }
};

TEST(QuickJsEvaluator, seesTheNamesThatAFlowGives) {
  scope.setNamed("host", R"({"name":"a","log":{"text":"x","truncated":false,"ref":null}})");
  scope.setNamed("input", "\"hidden\"");
  expectAll({{"host.name", "\"a\""},
             {"host.log + '!'", "\"x!\""},
             {"host === host", "true"},
             {"(() => typeof host)()", "\"object\""},
             {"'host' in globalThis", "true"},
             {"[1].map(host => host)[0]", "1"},
             {"input.name", "\"Zoë\""},
             {"typeof other", "\"undefined\""}});
  STRCMP_CONTAINS("'other' is not defined", failure("other").message.c_str());
  STRCMP_CONTAINS("Error", failure("host = 1").message.c_str());
  STRCMP_CONTAINS("Error", failure("Object.setPrototypeOf(globalThis, null)").message.c_str());
  // What one expression changes in it is not there for the next.
  STRCMP_EQUAL("{\"a\":\"b\",\"c\":\"a\"}",
               value(R"({"a":"${{ host.name = 'b' }}","c":"${{ host.name }}"})").c_str());
}

TEST(QuickJsEvaluator, keepsTheTypesOfValues) {
  expectAll({{"1 + 1", "2"},
             {"-0", "0"},
             {"0.1 + 0.2", "0.30000000000000004"},
             {"1e21", "1e+21"},
             {"2 ** 53", "9007199254740992"},
             {"-(2 ** 53)", "-9007199254740992"},
             {"1 / 3", "0.3333333333333333"},
             {"5e-324", "5e-324"},
             {"'a' + 1", "\"a1\""},
             {"true", "true"},
             {"null", "null"},
             {"undefined", "undefined"},
             {"[1, 'a', null, undefined, [true]]", R"([1,"a",null,null,[true]])"},
             {"{a: 1}", R"({"a":1})"},
             {"{a: undefined, b: {c: []}}", R"({"b":{"c":[]}})"},
             {"{b: 1, a: 2}", R"({"b":1,"a":2})"},
             {"1, 2", "2"},
             {"'\\u0001\\u001f\"\\\\\\n'", R"("\u0001\u001f\"\\\n")"},
             {"'\\u2028é😀'", "\"\u2028é😀\""}});
}

TEST(QuickJsEvaluator, refusesTheCharacterNulWhereverItStands) {
  for (const char* source : {"'a\\u0000'", "[{a: '\\0'}]", "({'a\\0': 1})", "new String('\\0')",
                             "({toJSON: () => '\\0'})"}) {
    const auto value = evaluator.evaluate(module, source, scope);
    CHECK_TRUE_TEXT(value.error().code == ErrorCode::kExpressionOutput, source);
    STRCMP_CONTAINS("NUL", value.error().message.c_str());
    const std::string text = "<${{ " + std::string(source) + " }}>";
    const auto rendered = evaluator.renderText(module, text, scope);
    CHECK_TRUE_TEXT(rendered.error().code == ErrorCode::kExpressionOutput, source);
  }
}

TEST(QuickJsEvaluator, seesWhatTheScopeHas) {
  expectAll(
      {{"input.name", "\"Zoë\""},
       {"state.attempts + 1", "3"},
       {"run.id", "\"r1\""},
       {"run", R"({"id":"r1"})"},
       {"steps.build.output.exit_code", "0"},
       {"steps['build'].status", "\"succeeded\""},
       {"steps.build.visit", "1"},
       {"input.list.sort()[0]", "1"},
       {"input.list[0]", "3"},
       {"'build' in steps", "true"},
       {"'other' in steps", "false"},
       {"Object.keys(steps)", R"(["build"])"},
       {"Object.entries(steps).map(e => e[1].status)", R"(["succeeded"])"},
       {"(() => { const {build, other} = steps; return [build.visit, other]; })()", "[1,null]"}});
}

TEST(QuickJsEvaluator, readsWhatIsNotThereAsUndefined) {
  for (const char* expression :
       {"item", "index", "error", "event", "trigger", "steps.apply", "steps.apply?.output.x",
        "input.deep.a.c", "steps.toString", "steps.constructor", "functions.nothing"}) {
    STRCMP_EQUAL_TEXT("undefined", evaluate(expression).c_str(), expression);
  }
  STRCMP_EQUAL("false", evaluate("steps.apply?.output.exit_code === 0").c_str());
}

TEST(QuickJsEvaluator, knowsEachNameByItsOwnValue) {
  const char* names[] = {"input", "state", "run", "trigger", "event", "item", "index", "error"};
  for (std::size_t i = 0; i < belay::script::kNameCount; ++i) {
    scope.set(static_cast<Name>(i), std::to_string(i + 100));
  }
  for (std::size_t i = 0; i < belay::script::kNameCount; ++i) {
    STRCMP_EQUAL(std::to_string(i + 100).c_str(), evaluate(names[i]).c_str());
  }
}

TEST(QuickJsEvaluator, asksTheScopeOnlyForWhatIsTouched) {
  scope.setStep("large", "this is not even JSON");
  STRCMP_EQUAL("0", evaluate("steps.build.output.exit_code + 0 * steps.build.visit").c_str());
  LONGS_EQUAL(1, scope.stepReads);
  LONGS_EQUAL(0, scope.reads);
  STRCMP_EQUAL("2", evaluate("Object.keys(steps).length").c_str());
  CHECK_TRUE(failure("steps.large").code == ErrorCode::kExpressionFailed);
}

TEST(QuickJsEvaluator, rendersValuesInText) {
  STRCMP_EQUAL("Hello Zoë, attempt 3!",
               text("Hello ${{ input.name }}, attempt ${{ state.attempts + 1 }}!").c_str());
  STRCMP_EQUAL("plain }} {{ text", text("plain }} {{ text").c_str());
  STRCMP_EQUAL("${{ input.name }} is Zoë", text("$${{ input.name }} is ${{ input.name }}").c_str());
  STRCMP_EQUAL("[] [] [true] [1.5] [x]",
               text("[${{ null }}] [${{ item }}] [${{ true }}] [${{ 1.5 }}] [${{ 'x' }}]").c_str());
  STRCMP_EQUAL("[3,1,2] {\"b\":null}", text("${{ input.list }} ${{ input.deep.a }}").c_str());
  STRCMP_EQUAL("at 2023-11-14T22:13:20.000Z", text("at ${{ new Date() }}").c_str());
  STRCMP_EQUAL("a}}b", text("a${{ '}}' }}b").c_str());
}

TEST(QuickJsEvaluator, rendersTreesAndKeepsTypes) {
  STRCMP_EQUAL(R"({"n":3,"t":"n=3","l":[[3,1,2],null,"x"],"o":{"a":{"b":null}},"f":1.5,"z":null})",
               value(R"({"n":"${{ state.attempts + 1 }}","t":"n=${{ state.attempts + 1 }}",)"
                     R"("l":["${{ input.list }}","${{ item }}","x"],"gone":"${{ item }}",)"
                     R"("o":"${{ input.deep }}","f":1.5,"z":null})")
                   .c_str());
  STRCMP_EQUAL(R"({"${{ input.name }}":"${{ x }}"})",
               value(R"({"${{ input.name }}":"$${{ x }}"})").c_str());
  STRCMP_EQUAL(R"({"TOKEN":{"secret":"deploy"}})",
               value(R"({"TOKEN":{"secret":"deploy"},"GONE":"${{ undefined }}"})").c_str());
  STRCMP_EQUAL("{}", value(R"({"a":"${{ item }}","b":"${{ item }}"})").c_str());
  STRCMP_EQUAL("undefined", value(R"("${{ item }}")").c_str());
  STRCMP_EQUAL("\"\"", value(R"("")").c_str());
}

TEST(QuickJsEvaluator, testsByTruthiness) {
  for (const char* truthy : {"1", "'0'", "[]", "{}", "steps.build", "steps.build.output.stdout"}) {
    CHECK_TRUE_TEXT(holds(truthy), truthy);
  }
  for (const char* falsy : {"0", "''", "null", "undefined", "NaN", "item", "steps.apply",
                            "steps.build.output.stderr"}) {
    CHECK_FALSE_TEXT(holds(falsy), falsy);
  }
}

TEST(QuickJsEvaluator, readsTextOutputsAsStrings) {
  expectAll({{"steps.build.output.stdout + '!'", R"("all good\n!")"},
             {"`${steps.build.output.stdout}`", R"("all good\n")"},
             {"steps.build.output.stdout.length", "9"},
             {"steps.build.output.stdout.trim()", R"("all good")"},
             {"steps.build.output.stdout.includes('good')", "true"},
             {"steps.build.output.stdout.split(' ')", R"(["all","good\n"])"},
             {"steps.build.output.stdout == 'all good\\n'", "true"},
             {"steps.build.output.stdout < 'b'", "true"},
             {"steps.build.output.stdout[1]", "\"l\""},
             {"steps.build.output.stdout.at(-2)", "\"d\""},
             {"steps.build.output.stdout[99]", "undefined"},
             {"[...steps.build.output.stdout].length", "9"},
             {"'well: all good\\n'.endsWith(steps.build.output.stdout)", "true"},
             {"/^all/.test(steps.build.output.stdout)", "true"},
             {"steps.build.output.stdout.match(/g(o+)d/)[1]", "\"oo\""},
             {"steps.build.output.stdout instanceof String", "true"},
             {"String(steps.build.output.stdout)", R"("all good\n")"},
             {"encodeURIComponent(steps.build.output.stdout)", "\"all%20good%0A\""},
             {"['x', steps.build.output.stdout].join('-')", R"("x-all good\n")"},
             {"JSON.stringify(String(steps.build.output.stdout))", R"("\"all good\\n\"")"},
             {"steps.build.output.stdout.truncated", "false"},
             {"steps.build.output.stderr.truncated", "true"},
             {"steps.build.output.stderr.ref", "\"res://abc\""},
             {"steps.build.output.stderr.length", "0"}});
  STRCMP_EQUAL("It says all good\n.", text("It says ${{ steps.build.output.stdout }}.").c_str());
}

TEST(QuickJsEvaluator, readsJsonWithinATextOutput) {
  scope.setStep("json", R"({"output":{"text":"{\"a\":[1,2]}","truncated":false,"ref":null}})");
  STRCMP_EQUAL("2", evaluate("JSON.parse(steps.json.output).a[1]").c_str());
  STRCMP_EQUAL("{\"a\":[1,2]}", text("${{ steps.json.output }}").c_str());
}

TEST(QuickJsEvaluator, returnsTextOutputsAsTheObjectsTheyAre) {
  const char* object = R"({"text":"all good\n","truncated":false,"ref":null})";
  STRCMP_EQUAL(object, evaluate("steps.build.output.stdout").c_str());
  STRCMP_EQUAL((std::string("[") + object + "]").c_str(),
               evaluate("[steps.build.output.stdout]").c_str());
  STRCMP_EQUAL(object, value(R"("${{ steps.build.output.stdout }}")").c_str());
  STRCMP_EQUAL(("{\"stdout\":" + std::string(object) + "}").c_str(),
               text("${{ ({stdout: steps.build.output.stdout}) }}").c_str());
}

TEST(QuickJsEvaluator, takesOnlyTheExactFormForATextOutput) {
  scope.set(Name::kInput, R"([{"text":"a","truncated":false},{"text":1,"truncated":false,)"
                          R"("ref":null},{"text":"b","truncated":true,"ref":null,"more":1},)"
                          R"({"deep":{"ref":null,"truncated":false,"text":"c"}}])");
  STRCMP_EQUAL("[object Object]", text("${{ String(input[0]) }}").c_str());
  STRCMP_EQUAL("[object Object]", text("${{ String(input[1]) }}").c_str());
  STRCMP_EQUAL("[object Object]", text("${{ String(input[2]) }}").c_str());
  STRCMP_EQUAL("c", text("${{ String(input[3].deep) }}").c_str());
}

TEST(QuickJsEvaluator, callsFunctionsWithinExpressions) {
  expectAll({{"functions.slugify('Hello, World')", "\"hello-world\""},
             {"functions.fourTimes(3)", "12"},
             {"functions.who()", "\"Zoë\""},
             {"functions.seven", "7"},
             {"[1, 2].map(functions.twice)", "[2,4]"},
             {"Object.keys(functions).length", "8"},
             {"'twice' in functions", "true"}});
  CHECK_TRUE(failure("functions.broken(1)").code == ErrorCode::kExpressionFailed);
}

TEST(QuickJsEvaluator, startsFunctionsAnewInEachEvaluation) {
  STRCMP_EQUAL("3", evaluate("functions.counter() + functions.counter()").c_str());
  STRCMP_EQUAL("1", evaluate("functions.counter()").c_str());
}

TEST(QuickJsEvaluator, callsFunctionsAsSteps) {
  const auto total = evaluator.callFunction(module, "total", R"({"items":[1,2,3]})", scope);
  STRCMP_EQUAL(R"({"sum":6})", total->json.c_str());
  const auto unknown = evaluator.callFunction(module, "totl", "{}", scope);
  CHECK_TRUE(unknown.error().code == ErrorCode::kFlowUnknownName);
  const auto seven = evaluator.callFunction(module, "seven", "{}", scope);
  CHECK_TRUE(seven.error().code == ErrorCode::kExpressionFailed);
  const auto broken = evaluator.callFunction(module, "broken", "{}", scope);
  CHECK_TRUE(broken.error().code == ErrorCode::kFlowExpressionSyntax);
  CHECK_TRUE(broken.error().message.find("broken") != std::string::npos);
  const auto nothing = evaluator.callFunction(module, "counter", "{}", scope);
  STRCMP_EQUAL("1", nothing->json.c_str());
}

TEST(QuickJsEvaluator, takesCodeAsFunctionExpressionOrBody) {
  for (const char* code :
       {"input => input.a + 1", "function (input) { return input.a + 1; }", "input.a + 1",
        "return input.a + 1", "const b = input.a;\nif (b) { return b + 1; }\nreturn 0;",
        "(x => x.a + 1)(input)", "({a}) => a + 1"}) {
    const auto value = evaluator.callCode(module, code, R"({"a":1})", scope);
    CHECK_TRUE_TEXT(value.ok(), code);
    STRCMP_EQUAL_TEXT("2", value->json.c_str(), code);
  }
  const auto nothing = evaluator.callCode(module, "const a = 1;", "{}", scope);
  CHECK_TRUE(nothing->isUndefined);
  const auto broken = evaluator.callCode(module, "const a = 1;\nreturn a +;", "{}", scope);
  CHECK_TRUE(broken.error().code == ErrorCode::kFlowExpressionSyntax);
  LONGS_EQUAL(2, broken.error().place.line);
  const auto escaping = evaluator.callCode(module, "}), (function () {", "{}", scope);
  CHECK_TRUE(escaping.error().code == ErrorCode::kFlowExpressionSyntax);
}

TEST(QuickJsEvaluator, handsTextOutputsToCodeAsStrings) {
  const auto value =
      evaluator.callCode(module, "input.log.trim().toUpperCase()",
                         R"({"log":{"text":" x ","truncated":false,"ref":null}})", scope);
  STRCMP_EQUAL("\"X\"", value->json.c_str());
}

TEST(QuickJsEvaluator, saysWhatWasThrownAndWhere) {
  const Error missing = failure("steps.apply.output");
  CHECK_TRUE(missing.code == ErrorCode::kExpressionFailed);
  STRCMP_EQUAL("`steps.apply.output`: TypeError: cannot read property 'output' of undefined",
               missing.message.c_str());
  LONGS_EQUAL(1, missing.place.line);
  LONGS_EQUAL(12, missing.place.column);
  CHECK_TRUE(missing.actions.at(0).find("?.") != std::string::npos);
  const Error second = failure("1 +\n  nothing");
  LONGS_EQUAL(2, second.place.line);
  LONGS_EQUAL(3, second.place.column);
  STRCMP_CONTAINS("threw plain", failure("(() => { throw 'plain'; })()").message.c_str());
  STRCMP_CONTAINS("RangeError: far",
                  failure("(() => { throw new RangeError('far'); })()").message.c_str());
}

TEST(QuickJsEvaluator, saysWhatIsNoJavaScript) {
  for (const char* expression :
       {"1 +",    "a b",           "(",          "1)",          "1); (2",   "]; [",
        "...[1]", "if (1) 2",      "let a = 1",  "var a = 1",   "return 1", "'a",
        "{a: }",  "async () => 1", "await x",    "import('x')", "1 2",      "/a",
        "a ? b",  "new.target; 1", "with (a) b", "delete x",    "0777",     "yield 1"}) {
    const auto value = evaluator.evaluate(module, expression, scope);
    CHECK_FALSE_TEXT(value.ok(), expression);
    CHECK_TRUE_TEXT(value.error().code == ErrorCode::kFlowExpressionSyntax ||
                        value.error().code == ErrorCode::kExpressionFailed,
                    expression);
  }
  const Error broken = failure("1 +\n +* 2");
  CHECK_TRUE(broken.code == ErrorCode::kFlowExpressionSyntax);
  LONGS_EQUAL(2, broken.place.line);
  LONGS_EQUAL(3, broken.place.column);
  STRCMP_CONTAINS("ends too early", failure("1 +").message.c_str());
}

TEST(QuickJsEvaluator, refusesWhatJsonCannotHold) {
  const std::vector<Case> cases{
      {"NaN", "NaN"},
      {"[1, {a: -Infinity}]", "-Infinity, which JSON has not, at /1/a"},
      {"() => 1", "a function"},
      {"{'a/b': [Math.max]}", "a function, which JSON has not, at /a~1b/0"},
      {"Symbol('x')", "a symbol"},
      {"[10n]", "a BigInt"},
      {"(() => { const a = {}; a.b = [a]; return a; })()", "holds itself"},
      {"new Map()", "an object of Map"},
      {"new Set([1])", "an object of Set"},
      {"/a/", "an object of RegExp"},
      {"[new Error('x')]", "an object of Error"},
      {"{['\\ud800']: 1}", "half of a character"},
      {"functions", "an object that JSON cannot hold"}};
  for (const Case& each : cases) {
    const Error error = failure(each.expression);
    CHECK_TRUE_TEXT(error.code == ErrorCode::kExpressionOutput, each.expression);
    CHECK_TRUE_TEXT(error.message.find(each.json) != std::string::npos, error.message.c_str());
  }
  STRCMP_EQUAL("/1/a", failure("[1, {a: NaN}]").place.pointer.c_str());
}

TEST(QuickJsEvaluator, writesObjectsAsJsonStringifyDoes) {
  expectAll({{"new Date(0)", "\"1970-01-01T00:00:00.000Z\""},
             {"new Date(NaN)", "null"},
             {"Object('s')", "\"s\""},
             {"[Object(1), Object(true)]", "[1,true]"},
             {"{toJSON() { return [1]; }, a: 2}", "[1]"},
             {"Object.create({a: 1})", "{}"},
             {"Object.create(null)", "{}"},
             {"new (class { a = 1; get b() { return 2; } })()", R"({"a":1})"},
             {"{get a() { return 5; }}", R"({"a":5})"},
             {"{[Symbol('x')]: 1, b: 2}", R"({"b":2})"},
             {"[,1]", "[null,1]"},
             {"{2: 'b', 1: 'a', x: 0}", R"({"1":"a","2":"b","x":0})"},
             {"{['__proto__']: 1}", R"({"__proto__":1})"}});
}

TEST(QuickJsEvaluator, mendsCharactersThatWereCutInHalf) {
  STRCMP_EQUAL("\"a\uFFFD\"", evaluate("'a😀'.slice(0, 2)").c_str());
  STRCMP_EQUAL("\uFFFDb", text("${{ '😀b'.slice(1) }}").c_str());
}

TEST(QuickJsEvaluator, givesTheTimeOfTheRunInUtc) {
  expectAll({{"Date.now()", "1700000000000"},
             {"new Date().getTime()", "1700000000000"},
             {"new Date().getHours()", "22"},
             {"new Date().getTimezoneOffset()", "0"},
             {"Date()", "\"Tue Nov 14 2023 22:13:20 GMT+0000\""},
             {"new Date(2024, 0, 31).toISOString()", "\"2024-01-31T00:00:00.000Z\""},
             {"Date.parse('2024-07-01T12:00:00')", "1719835200000"},
             {"Date.UTC(2024, 1)", "1706745600000"},
             {"new Date('2024-07-01') instanceof Date", "true"},
             {"Date.length", "7"},
             {"new (class extends Date {})().getTime()", "1700000000000"},
             {"new Date(new Date(5)).getTime()", "5"}});
}

TEST(QuickJsEvaluator, drawsTheSameRandomNumbersFromTheSameSeed) {
  const std::string first = evaluate("[Math.random(), Math.random()]");
  STRCMP_EQUAL(first.c_str(), evaluate("[Math.random(), Math.random()]").c_str());
  QuickJsEvaluator other;
  STRCMP_EQUAL(first.c_str(),
               other.evaluate(module, "[Math.random(), Math.random()]", scope)->json.c_str());
  scope.seedValue = 2;
  CHECK_TRUE(first != evaluate("[Math.random(), Math.random()]"));
  STRCMP_EQUAL("true", evaluate("Array.from({length: 1000}, Math.random)"
                                ".every(r => r >= 0 && r < 1)")
                           .c_str());
}

TEST(QuickJsEvaluator, goesOnWithTheRandomNumbersWithinOneText) {
  const std::string pair = text("${{ Math.random() }} ${{ Math.random() }}");
  const std::size_t space = pair.find(' ');
  CHECK_TRUE(pair.substr(0, space) != pair.substr(space + 1));
  STRCMP_EQUAL(pair.c_str(), text("${{ Math.random() }} ${{ Math.random() }}").c_str());
}

TEST(QuickJsEvaluator, givesEachExpressionOfATextFreshValues) {
  STRCMP_EQUAL("1 3", text("${{ input.list.sort()[0] }} ${{ input.list[0] }}").c_str());
  STRCMP_EQUAL("5 2", text("${{ state.attempts = 5 }} ${{ state.attempts }}").c_str());
}

TEST(QuickJsEvaluator, keepsModulesApart) {
  Module other = module;
  other.digest = "digest-2";
  other.functions["twice"] = "x => 20 * x";
  STRCMP_EQUAL("2", evaluate("functions.twice(1)").c_str());
  STRCMP_EQUAL("20", evaluator.evaluate(other, "functions.twice(1)", scope)->json.c_str());
  STRCMP_EQUAL("2", evaluate("functions.twice(1)").c_str());
}

TEST(QuickJsEvaluator, forgetsTheLeastRecentModules) {
  belay::script::Limits limits;
  limits.modulesMax = 3;
  QuickJsEvaluator small(limits);
  std::size_t after10 = 0;
  for (int i = 0; i < 200; ++i) {
    Module each = module;
    each.digest = "digest-" + std::to_string(i);
    const auto value =
        small.evaluate(each, "functions.slugify('A B') + " + std::to_string(i), scope);
    STRCMP_EQUAL(("\"a-b" + std::to_string(i) + "\"").c_str(), value->json.c_str());
    if (i == 10) after10 = small.memoryBytes();
  }
  CHECK_TRUE(small.memoryBytes() < after10 + 4096);
  LONGS_EQUAL(1, small.contextsMade());
}

TEST(QuickJsEvaluator, boundsWhatIsCompiledOfOneModule) {
  belay::script::Limits limits;
  limits.compiledBytes = 64u << 10;
  QuickJsEvaluator small(limits);
  CHECK_TRUE(small.evaluate(module, "1", scope).ok());
  const std::size_t before = small.memoryBytes();
  for (int i = 0; i < 2000; ++i) {
    const std::string expression = "[" + std::to_string(i) + ", input.name]";
    CHECK_TRUE(small.evaluate(module, expression, scope).ok());
  }
  CHECK_TRUE(small.memoryBytes() < before + 2 * limits.compiledBytes);
}

TEST(QuickJsEvaluator, takesNoMoreMemoryAfterAThousandEvaluations) {
  const std::vector<std::string> expressions{
      "steps.build.output.stdout.split('').map(c => ({c, s: steps, f: functions.twice}))[0].c",
      "functions.fourTimes(Math.random()) + Date.now()",
      "(() => { const a = {}; a.a = a; a.f = () => a; return 1; })()",
      "/(?<x>a)/.exec('a').groups.x",
      "[...(function* () { yield* [1, 2]; })()]",
      "(() => { try { null.x } catch (e) { return e.stack.length > 0 } })()",
      "new Map([[1, {}]]).size",
      "steps.apply.output",
      "{a: NaN}",
      "x x"};
  const auto round = [&] {
    for (const std::string& each : expressions) {
      static_cast<void>(evaluator.evaluate(module, each, scope));
    }
  };
  for (int i = 0; i < 50; ++i) round();
  // Garbage in cycles is collected now and then, so only the trend counts.
  const std::size_t before = evaluator.memoryBytes();
  for (int i = 0; i < 2000; ++i) round();
  CHECK_TRUE(evaluator.memoryBytes() < before + (2u << 20));
  LONGS_EQUAL(1, evaluator.contextsMade());
}

TEST(QuickJsEvaluator, worksWithinItsBoundOfMemoryAtRest) {
  LONGS_EQUAL(0, evaluator.memoryBytes());
  STRCMP_EQUAL("1", evaluate("1").c_str());
  CHECK_TRUE_TEXT(evaluator.memoryBytes() < 200u << 10,
                  std::to_string(evaluator.memoryBytes()).c_str());
}

// Records name the interpreter; a run of code that is replayed needs the same one.
TEST(QuickJsEvaluator, namesTheVersionThatTheBuildPins) {
  std::ifstream file("config/cmake/deps/quickjs.sh");
  std::stringstream recipe;
  recipe << file.rdbuf();
  std::string version(belay::script::interpreterVersion());
  STRCMP_EQUAL("quickjs 2025-04-26", version.c_str());
  version = version.substr(version.find(' ') + 1);
  for (char& c : version) c = c == '-' ? '.' : c;
  STRCMP_CONTAINS(("version=" + version).c_str(), recipe.str().c_str());
}
