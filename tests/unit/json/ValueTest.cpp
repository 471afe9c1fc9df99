// Builds values, writes them and reads them back; what was written must be what is read.

#include <cmath>
#include <limits>
#include <string>

#include "common/json/Json.h"
#include "common/json/Writer.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using belay::json::Array;
using belay::json::Object;
using belay::json::parse;
using belay::json::print;
using belay::json::Value;
using belay::json::Writer;

TEST_GROUP(Value){};

TEST(Value, keepsMembersInTheirOrder) {
  const Value value = parse(R"({"z":1,"a":2,"m":3})").value();
  STRCMP_EQUAL(R"({"z":1,"a":2,"m":3})", print(value).c_str());
}

TEST(Value, setsReplacesAndErasesMembers) {
  Value value;
  value.set("a", 1);
  value.set("b", "x");
  value.set("a", true);
  STRCMP_EQUAL(R"({"a":true,"b":"x"})", print(value).c_str());
  value.erase("a");
  value.erase("missing");
  STRCMP_EQUAL(R"({"b":"x"})", print(value).c_str());
  Value list;
  list.push(1);
  list.push(nullptr);
  STRCMP_EQUAL("[1,null]", print(list).c_str());
}

TEST(Value, followsPointers) {
  const Value value = parse(R"({"a":[{"b/c":1,"~":2}],"":3})").value();
  LONGS_EQUAL(1, value.at("/a/0/b~1c")->asInteger());
  LONGS_EQUAL(2, value.at("/a/0/~0")->asInteger());
  LONGS_EQUAL(3, value.at("/")->asInteger());
  POINTERS_EQUAL(&value, value.at(""));
  for (const char* nowhere : {"/a/1", "/a/x", "/b", "a", "/a/-1", "/a/0/b~1c/x"}) {
    POINTERS_EQUAL(nullptr, value.at(nowhere));
  }
}

TEST(Value, knowsIntegersByTheirValue) {
  CHECK(Value(1.0).isInteger());
  CHECK(Value(9007199254740992.0).isInteger());
  CHECK_FALSE(Value(1.5).isInteger());
  CHECK_FALSE(Value(1e300).isInteger());
  CHECK_FALSE(Value("1").isInteger());
  CHECK(belay::json::kindName(Value(2)) == "integer");
  CHECK(belay::json::kindName(Value(2.5)) == "number");
}

TEST(Value, readsLenientlyWhatIsMissingOrOfAnotherKind) {
  const Value value = parse(R"({"text":"t","number":7,"flag":true})").value();
  STRCMP_EQUAL("t", value.text("text").c_str());
  STRCMP_EQUAL("d", value.text("number", "d").c_str());
  LONGS_EQUAL(7, value.integer("number"));
  LONGS_EQUAL(-1, value.integer("text", -1));
  CHECK(value.flag("flag"));
  CHECK_FALSE(value.flag("missing"));
}

TEST(Value, comparesObjectsInAnyOrder) {
  CHECK(parse(R"({"a":1,"b":[1,2]})").value() == parse(R"({"b":[1,2],"a":1})").value());
  CHECK_FALSE(parse(R"({"a":[1,2]})").value() == parse(R"({"a":[2,1]})").value());
  CHECK_FALSE(parse(R"({"a":1})").value() == parse(R"({"a":1,"b":1})").value());
  CHECK_FALSE(Value(1) == Value("1"));
}

TEST_GROUP(Writer){};

TEST(Writer, escapesWhatMustBeEscaped) {
  const std::string all = std::string("\"\\/\b\f\n\r\t\x01\x1f\x7f", 11) + "\xc3\xa4";
  STRCMP_EQUAL("\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa4\"",
               print(Value(all)).c_str());
  CHECK(parse(print(Value(all)))->asString() == all);
}

TEST(Writer, putsCommasWhereTheyBelong) {
  std::string out;
  Writer(out)
      .beginObject()
      .member("a", std::int64_t{1})
      .name("b")
      .beginArray()
      .integer(1)
      .beginObject()
      .endObject()
      .null()
      .endArray()
      .rawMember("c", "[true]")
      .member("d", false)
      .endObject();
  STRCMP_EQUAL(R"({"a":1,"b":[1,{},null],"c":[true],"d":false})", out.c_str());
}

TEST(Writer, writesDoublesThatReadBackTheSame) {
  belay::test::SeededRandom random(7);
  for (int i = 0; i < 5000; ++i) {
    const double number = static_cast<double>(random.below(1u << 30)) *
                          std::pow(10.0, static_cast<double>(random.below(600)) - 300.0) /
                          static_cast<double>(1 + random.below(1000));
    const auto read = parse(print(Value(number)));
    CHECK(read.ok());
    CHECK(read->asNumber() == number);
  }
  for (const double number :
       {std::numeric_limits<double>::max(), std::numeric_limits<double>::denorm_min(), 0.1, 1e21,
        -1.5, 9007199254740993.0}) {
    CHECK(parse(print(Value(number)))->asNumber() == number);
  }
  STRCMP_EQUAL("0", print(Value(-0.0)).c_str());
}

TEST(Writer, writesWhatJsonCannotHoldAsNull) {
  STRCMP_EQUAL("null", print(Value(std::nan(""))).c_str());
  STRCMP_EQUAL("null", print(Value(HUGE_VAL)).c_str());
}

TEST(Writer, indentsForPeople) {
  const Value value = parse(R"({"a":[1,{"b":[]}],"c":{}})").value();
  STRCMP_EQUAL("{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {}\n}",
               belay::json::printPretty(value).c_str());
}
