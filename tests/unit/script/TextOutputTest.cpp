// Makes text outputs and asks values whether they are some. Nothing but the exact form may count.

#include "agent/script/TextOutput.h"
#include "common/json/Json.h"

#include <CppUTest/TestHarness.h>

using belay::json::parse;
using belay::script::isTextOutput;
using belay::script::makeTextOutput;
using belay::script::textOf;

TEST_GROUP(TextOutput){};

TEST(TextOutput, hasItsThreeMembersInOrder) {
  STRCMP_EQUAL(R"({"text":"a","truncated":false,"ref":null})",
               belay::json::print(makeTextOutput("a")).c_str());
  STRCMP_EQUAL(R"({"text":"a","truncated":true,"ref":"res://x"})",
               belay::json::print(makeTextOutput("a", true, "res://x")).c_str());
}

TEST(TextOutput, isKnownByItsExactForm) {
  CHECK_TRUE(isTextOutput(makeTextOutput("")));
  CHECK_TRUE(isTextOutput(*parse(R"({"ref":"r","text":"a","truncated":true})")));
  for (const char* text :
       {R"({"text":"a","truncated":false})", R"({"text":1,"truncated":false,"ref":null})",
        R"({"text":"a","truncated":false,"ref":null,"x":1})", R"("a")", "null", "[]",
        R"({"text":"a","truncated":false,"Ref":null})"}) {
    CHECK_FALSE_TEXT(isTextOutput(*parse(text)), text);
  }
}

TEST(TextOutput, givesTheTextOfStringsToo) {
  STRCMP_EQUAL("a", textOf(makeTextOutput("a"))->c_str());
  STRCMP_EQUAL("b", textOf(belay::json::Value("b"))->c_str());
  CHECK_TRUE(textOf(belay::json::Value(1)) == nullptr);
  CHECK_TRUE(textOf(belay::json::Value()) == nullptr);
}
