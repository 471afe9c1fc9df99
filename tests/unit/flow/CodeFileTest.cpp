// Flows that are code: what is read of the file, where its mistakes are, and how calls are checked.

#include <cstdlib>
#include <string>

#include "agent/flow/Bundle.h"
#include "agent/flow/CodeCalls.h"
#include "agent/flow/CodeFile.h"
#include "common/json/Json.h"
#include "tests/unit/flow/FlowFiles.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::flow::Checked;
using belay::flow::Flow;
using belay::flow::Format;
using belay::flow::Severity;
using belay::test::check;
using belay::test::placeOf;

namespace {

const char* const kFunction = "\nexport default async function (ctx, input) {}\n";

std::string read(const std::string& literal) {
  const auto document = belay::flow::readCodeFile("export const flow = " + literal);
  if (document.ok()) return belay::json::print(document->root);
  const auto& place = document.error().place;
  return std::to_string(place.line) + ":" + std::to_string(place.column) + " " +
         document.error().message;
}

}  // namespace

TEST_GROUP(CodeFile){
    /// All that is said about a file with this `flow`.
    std::string said(const std::string& flow, const std::string& rest = kFunction){
        const Checked checked = check("export const flow = " + flow + ";" + rest, Format::kCode);
std::string out;
for (const auto& d : checked.diagnostics) {
  if (d.severity == Severity::kError) out += placeOf(d) + " " + d.message + "|";
}
CHECK(checked.flow.has_value() == out.empty());
return out;
}
Flow flow(const std::string& literal) {
  auto made = belay::flow::parseFlow("export const flow = " + literal + ";" + kFunction, "x",
                                     Format::kCode);
  CHECK(made.ok());
  return std::move(*made);
}
}
;

TEST(CodeFile, readsEveryLiteral) {
  STRCMP_EQUAL(
      R"({"a":1,"b-c":[true,false,null,-2.5,0.5,1000],"d":"x\ty"})",
      read("{a: 1, 'b-c': [true, false, null, -2.5, .5, 1_000,], \"d\": 'x\\ty',}").c_str());
  STRCMP_EQUAL("{\"t\":\"one\\ntwo\",\"u\":\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"}",
               read("{t: `one\ntwo`, u: '\\xe4\\u20ac' + \"\\uD83D\\uDE00\" /* + */}").c_str());
  STRCMP_EQUAL("{\"t\":\"ab'$\"}", read("{ // a comment\n t: 'a\\\nb\\'\\$' }").c_str());
  STRCMP_EQUAL("{\"u\":\"\xF0\x9F\x98\x80\"}", read("{u: '\\u{1F600}'}").c_str());
}

TEST(CodeFile, saysWhereItIsNoLiteral) {
  STRCMP_CONTAINS("1:28 \"name\" is no literal", read("{slug: name}").c_str());
  STRCMP_CONTAINS("2:10 a text with ${…} in it", read("{\n slug: `a${1}`}").c_str());
  STRCMP_CONTAINS("1:27 a comma or } is missing", read("{a: 1 b: 2}").c_str());
  STRCMP_CONTAINS("1:30 the name \"a\" stands twice", read("{a: 1, a: 2}").c_str());
  STRCMP_CONTAINS("goes on behind its literal", read("{a: 1}.a").c_str());
  STRCMP_CONTAINS("a name of a member", read("{...other}").c_str());
  STRCMP_CONTAINS("a name of a member", read("{__proto__: {}}").c_str());
  STRCMP_CONTAINS("a text has no end", read("{a: 'x\n'}").c_str());
  STRCMP_CONTAINS("no number that JSON knows", read("{a: 0x10}").c_str());
  STRCMP_CONTAINS("gives no character", read("{a: '\\uD800'}").c_str());
  STRCMP_CONTAINS("gives no character", read("{a: '\\u0000'}").c_str());
  STRCMP_CONTAINS("an escape is not finished", read("{a: '\\u12'}").c_str());
  STRCMP_CONTAINS("nested too deeply", read(std::string(100, '[')).c_str());
  STRCMP_CONTAINS("a value is missing", read("").c_str());
  const auto none = belay::flow::readCodeFile("export default () => 1;");
  STRCMP_CONTAINS("does not say what flow it is", none.error().message.c_str());
  const auto inner = belay::flow::readCodeFile("function f() { export const flow = {a: 1}; }");
  CHECK(!inner.ok());
}

TEST(CodeFile, checksMetadataAsThatOfAnyFlow) {
  STRCMP_EQUAL("",
               said("{slug: 'x', input: {type: 'object'}, state: {n: 1}, tags: ['a']}").c_str());
  STRCMP_EQUAL("FLOW-UNKNOWN-KEY 2:12 /nmae unknown key \"nmae\" in the flow of a code file|",
               said("{\nslug: 'x', nmae: 'y'}").c_str());
  STRCMP_CONTAINS("FLOW-UNKNOWN-KEY 1:33 /steps unknown key \"steps\"",
                  said("{slug: 'x', steps: [{id: 'a', set: {b: 1}}]}").c_str());
  STRCMP_CONTAINS("FLOW-BAD-SLUG", said("{slug: 'X'}").c_str());
  STRCMP_CONTAINS("FLOW-MISSING-KEY", said("{name: 'X'}").c_str());
}

TEST(CodeFile, checksTheCode) {
  STRCMP_CONTAINS("FLOW-CODE 2:16  the code is not valid JavaScript",
                  said("{slug: 'x'}", "\nexport default =").c_str());
  STRCMP_CONTAINS("exports no function as default", said("{slug: 'x'}", "").c_str());
}

TEST(CodeFile, theShippedExamplesAreRight) {
  const auto paths = belay::test::exampleFlows(".flow.js");
  CHECK(!paths.empty());
  for (const std::string& path : paths) {
    const auto text = belay::base::readFile(path, belay::flow::kFlowBytesMax);
    CHECK(text.ok());
    const Checked checked = check(*text, Format::kCode);
    LONGS_EQUAL(0, checked.diagnostics.size());
    CHECK(checked.flow && checked.flow->code && checked.flow->steps.empty());
  }
}

TEST(CodeFile, theTypesForEditorsAreThoseOfTheTables) {
  // After a change of the tables: BELAY_UPDATE_GOLDEN=1 build/tests/unit_flow -g CodeFile
  const std::string path = "config/belay.d.ts";
  const std::string made = belay::flow::codeTypes();
  if (std::getenv("BELAY_UPDATE_GOLDEN"))
    CHECK(belay::base::writeFileDurably(path, made, 0644).ok());
  const auto shipped = belay::base::readFile(path, 1u << 20);
  CHECK(shipped.ok());
  STRCMP_EQUAL(made.c_str(), shipped->c_str());
}

TEST(CodeFile, isPartOfABundle) {
  belay::flow::Bundle bundle;
  bundle.format = Format::kCode;
  bundle.content =
      std::string("export const flow = {slug: 'x', templates: {t: {file: 'a.md'}}};") + kFunction;
  bundle.files["a.md"] = "Hello";
  const Checked checked = check(belay::flow::printBundle(bundle), Format::kBundle);
  CHECK(checked.flow && checked.flow->code);
  STRCMP_EQUAL("Hello", checked.flow->templates.at("t").c_str());
  STRCMP_EQUAL(bundle.content.c_str(), checked.flow->code->source.c_str());
}

TEST(CodeFile, callsTakeTheDefaultsOfTheFlow) {
  const Flow made = flow("{slug: 'x', defaults: {timeout: '7s', retry: {max_attempts: 4}}}");
  const auto call = belay::flow::callStep(made, "a", R"({"run":{"command":["true"]}})");
  CHECK(call.ok());
  STRCMP_EQUAL("7s", call->step.timeout->c_str());
  LONGS_EQUAL(4, call->step.retry.maxAttempts);
  STRCMP_EQUAL("a", call->step.id.str().c_str());
}

TEST(CodeFile, callsAreCheckedByTheTables) {
  const Flow made =
      flow("{slug: 'x', requires: [{name: 'chat', type: 'chat'}], templates: {t: 'hi'}}");
  const auto said = [&](const std::string& definition) {
    const auto checked = belay::flow::checkCall(made, "a", definition);
    return checked.ok() ? std::string() : checked.error().message;
  };
  STRCMP_EQUAL("", said(R"({"notify":{"connection":"chat","template":"t"}})").c_str());
  STRCMP_EQUAL("", said(R"({"run":{"command":["x"],"callback":"any"}})").c_str());
  STRCMP_EQUAL(
      "",
      said(R"({"wait":{"event":{"name":"e","match":"${{ event.body.n === 1 }}"},"timeout":"1h"}})")
          .c_str());
  STRCMP_CONTAINS("a shell would read", said(R"({"run":{"script":"echo ${{ x }}"}})").c_str());
  STRCMP_EQUAL(
      "", said(R"({"run":{"command":["x"],"stdin":{"text":"a","truncated":true,"ref":"res://1"}}})")
              .c_str());
  STRCMP_EQUAL(
      "", said(R"({"wait":{"approval":{"summary":"?","artifacts":[{"ref":"res://1","size":1}]}}})")
              .c_str());
  STRCMP_CONTAINS("did you mean \"command\"", said(R"({"run":{"comand":["x"]}})").c_str());
  STRCMP_CONTAINS("write: if (", said(R"({"run":{"command":["x"]},"when":"${{ true }}"})").c_str());
  STRCMP_CONTAINS("ctx.parallel", said(R"({"parallel":{"branches":{}}})").c_str());
  STRCMP_CONTAINS("ctx.forEach", said(R"({"for_each":{}})").c_str());
  STRCMP_CONTAINS("ctx.setState", said(R"({"set":{"a":1}})").c_str());
  STRCMP_CONTAINS("first argument", said(R"({"id":"a","run":{"command":["x"]}})").c_str());
  STRCMP_CONTAINS("on_error is fail or skip",
                  said(R"({"run":{"command":["x"]},"on_error":"b"})").c_str());
  STRCMP_CONTAINS("must be an object", said("3").c_str());
}

TEST(CodeFile, callsRenderToWhatWasGiven) {
  const Flow made = flow("{slug: 'x'}");
  const auto call = belay::flow::callStep(
      made, "a", R"({"run":{"command":["${{ 1 }}","$${{ 1 }}","$$${{","${{${{"]}})");
  CHECK(call.ok());
  STRCMP_EQUAL(R"({"command":["$${{ 1 }}","$$${{ 1 }}","$$$${{","$${{$${{"]})",
               belay::json::print(call->spec).c_str());
}
