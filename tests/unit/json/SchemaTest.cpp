// Small schemas are asked about small values: each row of a table names both as JSON text, and what
// is expected: nothing, or the pointer of the violation and a piece of its words.
#include <string>
#include <vector>

#include "common/json/Json.h"
#include "common/json/Schema.h"
#include "tests/support/Sanitized.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::json::Schema;
using belay::json::Value;
using belay::json::Violation;

namespace {

Value parsed(const std::string& text) {
  auto value = belay::json::parse(text);
  CHECK_TEXT(value.ok(), text.c_str());
  return std::move(value).value();
}

Schema compiled(const std::string& text) {
  auto schema = Schema::compile(parsed(text));
  CHECK_TEXT(schema.ok(), (text + (schema.ok() ? "" : schema.error().message)).c_str());
  return std::move(schema).value();
}

std::string firstOf(const std::vector<Violation>& violations) {
  return violations.empty() ? "" : violations.front().pointer + " " + violations.front().message;
}

struct Case {
  const char* schema;
  const char* value;
  const char*
      expected;  ///< "" when it matches; else "POINTER WORDS", of which the end may be missing.
};

/// The rows that do not hold, as text; empty when all do.
std::string wrongRows(const std::vector<Case>& rows) {
  std::string wrong;
  for (const Case& row : rows) {
    const auto schema = Schema::compile(parsed(row.schema));
    const std::string was =
        schema.ok() ? firstOf(schema->validate(parsed(row.value))) : schema.error().message;
    const std::string expected = row.expected;
    if (expected.empty() ? was.empty() : was.starts_with(expected)) continue;
    wrong += std::string(row.schema) + "  " + row.value + "\n  expected " + expected +
             "\n  was      " + was + "\n";
  }
  return wrong;
}

void checkRows(const std::vector<Case>& rows) { STRCMP_EQUAL("", wrongRows(rows).c_str()); }

struct Coercion {
  const char* schema;
  const char* value;
  const char* expected;
};

std::string wrongCoercions(const std::vector<Coercion>& rows) {
  std::string wrong;
  for (const Coercion& row : rows) {
    Value value = parsed(row.value);
    const auto violations = compiled(row.schema).coerce(value);
    const std::string was =
        violations.empty() ? belay::json::print(value) : "!" + firstOf(violations);
    if (was == row.expected) continue;
    wrong += std::string(row.schema) + "  " + row.value + "\n  expected " + row.expected +
             "\n  was      " + was + "\n";
  }
  return wrong;
}

}  // namespace

TEST_GROUP(Schema){};

TEST(Schema, typesAndValues) {
  checkRows({
      {"true", "1", ""},
      {"false", "1", " must not be there"},
      {"{}", "[1]", ""},
      {R"({"type":"null"})", "null", ""},
      {R"({"type":"null"})", "0", " must be null, is an integer"},
      {R"({"type":"boolean"})", "false", ""},
      {R"({"type":"boolean"})", "\"true\"", " must be a boolean, is a string"},
      {R"({"type":"integer"})", "3", ""},
      {R"({"type":"integer"})", "3.0", ""},
      {R"({"type":"integer"})", "-0", ""},
      {R"({"type":"integer"})", "3.5", " must be an integer, is a number"},
      {R"({"type":"integer"})", "1e300", " must be an integer, is a number"},
      {R"({"type":"integer"})", "\"3\"", " must be an integer, is a string"},
      {R"({"type":"number"})", "3", ""},
      {R"({"type":"number"})", "3.5", ""},
      {R"({"type":"number"})", "null", " must be a number, is null"},
      {R"({"type":"string"})", "\"\"", ""},
      {R"({"type":"string"})", "[]", " must be a string, is an array"},
      {R"({"type":"array"})", "[]", ""},
      {R"({"type":"array"})", "{}", " must be an array, is an object"},
      {R"({"type":"object"})", "{}", ""},
      {R"({"type":"object"})", "true", " must be an object, is a boolean"},
      {R"({"type":["string","null"]})", "null", ""},
      {R"({"type":["string","null"]})", "1", " must be null or a string, is an integer"},
      {R"({"type":["integer","string"]})", "1.5", " must be an integer or a string, is a number"},
      {R"({"enum":["a",1,null,[1]]})", "\"a\"", ""},
      {R"({"enum":["a",1,null,[1]]})", "1.0", ""},
      {R"({"enum":["a",1,null,[1]]})", "null", ""},
      {R"({"enum":["a",1,null,[1]]})", "[1]", ""},
      {R"({"enum":["a",1,null,[1]]})", "[2]", " must be one of \"a\", 1, null, [1]"},
      {R"({"enum":["queue","skip"]})", "\"queeu\"",
       " must be one of \"queue\", \"skip\"; did you mean \"queue\"?"},
      {R"({"enum":[{"a":1,"b":2}]})", R"({"b":2,"a":1})", ""},
      {R"({"const":{"a":[1,2]}})", R"({"a":[1,2]})", ""},
      {R"({"const":{"a":[1,2]}})", R"({"a":[2,1]})", " must be {\"a\":[1,2]}"},
      {R"({"const":false})", "0", " must be false"},
      {R"({"const":null})", "null", ""},
      {R"({"title":"T","description":"D","examples":[1],"$comment":"c","deprecated":true})", "{}",
       ""},
  });
}

TEST(Schema, numbers) {
  checkRows({
      {R"({"minimum":3})", "3", ""},
      {R"({"minimum":3})", "2.9", " must be at least 3"},
      {R"({"maximum":3})", "3", ""},
      {R"({"maximum":3})", "3.1", " must be at most 3"},
      {R"({"exclusiveMinimum":3})", "3.1", ""},
      {R"({"exclusiveMinimum":3})", "3", " must be more than 3"},
      {R"({"exclusiveMaximum":3})", "2.9", ""},
      {R"({"exclusiveMaximum":3})", "3", " must be less than 3"},
      {R"({"minimum":-1.5})", "-1.5", ""},
      {R"({"minimum":-1.5})", "-2", " must be at least -1.5"},
      {R"({"minimum":3})", "\"text\"", ""},
      {R"({"multipleOf":5})", "15", ""},
      {R"({"multipleOf":5})", "16", " must be a multiple of 5"},
      {R"({"multipleOf":0.1})", "0.3", ""},
      {R"({"multipleOf":0.01})", "19.99", ""},
      {R"({"multipleOf":0.1})", "0.35", " must be a multiple of 0.1"},
      {R"({"multipleOf":1e-300})", "1e300", " must be a multiple of"},
      {R"({"minimum":1,"maximum":5})", "0", " must be at least 1"},
      {R"({"minimum":1,"maximum":5})", "6", " must be at most 5"},
  });
}

TEST(Schema, texts) {
  checkRows({
      {R"({"minLength":2})", "\"ab\"", ""},
      {R"({"minLength":2})", "\"a\"", " must have at least 2 characters"},
      {R"({"maxLength":2})", "\"ab\"", ""},
      {R"({"maxLength":2})", "\"abc\"", " must have at most 2 characters"},
      {R"({"maxLength":2})", R"("\u00e4\ud83d\ude00")", ""},
      {R"({"minLength":3})", R"("\u00e4\ud83d\ude00")", " must have at least 3 characters"},
      {R"({"maxLength":0})", "5", ""},
      {R"({"pattern":"^[a-z]+$"})", "\"abc\"", ""},
      {R"({"pattern":"^[a-z]+$"})", "\"aBc\"", " must match the pattern ^[a-z]+$"},
      {R"({"pattern":"b"})", "\"abc\"", ""},
      {R"({"pattern":"^$"})", "\"\"", ""},
      {R"({"pattern":"x"})", "7", ""},
  });
}

TEST(Schema, formats) {
  checkRows({
      {R"({"format":"date-time"})", "\"2026-11-21T08:00:00Z\"", ""},
      {R"({"format":"date-time"})", "\"2026-11-21T08:00:00.5+02:00\"", ""},
      {R"({"format":"date-time"})", "\"2026-11-21\"", " must be a date and time like"},
      {R"({"format":"date-time"})", "\"2026-02-30T08:00:00Z\"", " must be a date and time like"},
      {R"({"format":"date-time"})", "5", ""},
      {R"({"format":"date"})", "\"2024-02-29\"", ""},
      {R"({"format":"date"})", "\"2026-02-29\"", " must be a date like"},
      {R"({"format":"date"})", "\"21.11.2026\"", " must be a date like"},
      {R"({"format":"email"})", "\"a.b+c@example.org\"", ""},
      {R"({"format":"email"})", "\"a@localhost\"", ""},
      {R"({"format":"email"})", "\"@example.org\"", " must be an e-mail address"},
      {R"({"format":"email"})", "\"a..b@example.org\"", " must be an e-mail address"},
      {R"({"format":"email"})", "\"a b@example.org\"", " must be an e-mail address"},
      {R"({"format":"email"})", "\"a@-x.org\"", " must be an e-mail address"},
      {R"({"format":"uri"})", "\"https://example.org/a?b=c#d\"", ""},
      {R"({"format":"uri"})", "\"urn:isbn:1\"", ""},
      {R"({"format":"uri"})", "\"/just/a/path\"", " must be a URI"},
      {R"({"format":"uri"})", "\"http://a b\"", " must be a URI"},
      {R"({"format":"uri"})", "\"http://a/%zz\"", " must be a URI"},
      {R"({"format":"uri"})", "\"1http://a\"", " must be a URI"},
      {R"({"format":"uuid"})", "\"123e4567-e89b-12d3-a456-426614174000\"", ""},
      {R"({"format":"uuid"})", "\"123e4567e89b12d3a456426614174000\"", " must be a UUID"},
      {R"({"format":"uuid"})", "\"123e4567-e89b-12d3-a456-42661417400g\"", " must be a UUID"},
      {R"({"format":"ipv4"})", "\"192.0.2.255\"", ""},
      {R"({"format":"ipv4"})", "\"192.0.2.256\"", " must be an IPv4 address"},
      {R"({"format":"ipv4"})", "\"192.0.2\"", " must be an IPv4 address"},
      {R"({"format":"ipv4"})", "\"192.0.02.1\"", " must be an IPv4 address"},
      {R"({"format":"ipv6"})", "\"2001:db8::1\"", ""},
      {R"({"format":"ipv6"})", "\"::\"", ""},
      {R"({"format":"ipv6"})", "\"::ffff:192.0.2.1\"", ""},
      {R"({"format":"ipv6"})", "\"1:2:3:4:5:6:7:8\"", ""},
      {R"({"format":"ipv6"})", "\"1:2:3:4:5:6:7\"", " must be an IPv6 address"},
      {R"({"format":"ipv6"})", "\"1::2::3\"", " must be an IPv6 address"},
      {R"({"format":"ipv6"})", "\"12345::\"", " must be an IPv6 address"},
      {R"({"format":"hostname"})", "\"db-1.example.org\"", ""},
      {R"({"format":"hostname"})", "\"-db.example.org\"", " must be a host name"},
      {R"({"format":"hostname"})", "\"a..b\"", " must be a host name"},
  });
}

TEST(Schema, arrays) {
  checkRows({
      {R"({"items":{"type":"integer"}})", "[1,2]", ""},
      {R"({"items":{"type":"integer"}})", "[]", ""},
      {R"({"items":{"type":"integer"}})", "[1,\"2\"]", "/1 must be an integer"},
      {R"({"items":false})", "[]", ""},
      {R"({"items":false})", "[1]", "/0 must not be there"},
      {R"({"prefixItems":[{"type":"string"},{"type":"integer"}]})", "[\"a\",1,true]", ""},
      {R"({"prefixItems":[{"type":"string"},{"type":"integer"}]})", "[\"a\"]", ""},
      {R"({"prefixItems":[{"type":"string"},{"type":"integer"}]})", "[1]", "/0 must be a string"},
      {R"({"prefixItems":[{"type":"string"}],"items":false})", "[\"a\",1]", "/1 must not be there"},
      {R"({"prefixItems":[true],"items":{"type":"null"}})", "[1,null,2]", "/2 must be null"},
      {R"({"minItems":1})", "[1]", ""},
      {R"({"minItems":1})", "[]", " must have at least 1 items"},
      {R"({"maxItems":1})", "[1]", ""},
      {R"({"maxItems":1})", "[1,2]", " must have at most 1 items"},
      {R"({"uniqueItems":true})", "[1,2,\"1\",null,false]", ""},
      {R"({"uniqueItems":true})", "[1,2,1.0]", "/2 must not repeat"},
      {R"({"uniqueItems":true})", R"([{"a":1,"b":2},{"b":2,"a":1}])", "/1 must not repeat"},
      {R"({"uniqueItems":true})", R"([[1,2],[2,1]])", ""},
      {R"({"uniqueItems":true})", R"(["a,","a"])", ""},
      {R"({"uniqueItems":false})", "[1,1]", ""},
      {R"({"items":{"items":{"type":"string"}}})", R"([["a"],["b",3]])", "/1/1 must be a string"},
  });
}

TEST(Schema, objects) {
  checkRows({
      {R"({"properties":{"a":{"type":"integer"}}})", R"({"a":1,"b":"x"})", ""},
      {R"({"properties":{"a":{"type":"integer"}}})", R"({"a":"1"})", "/a must be an integer"},
      {R"({"properties":{"a":{"type":"integer"}}})", "[]", ""},
      {R"({"properties":{"a/b":{"type":"integer"}}})", R"({"a/b":null})",
       "/a~1b must be an integer"},
      {R"({"required":["a","b"]})", R"({"a":1,"b":2})", ""},
      {R"({"required":["a","b"]})", R"({"a":1})", " must have the property \"b\""},
      {R"({"required":["a"]})", "[]", ""},
      {R"({"required":[]})", "{}", ""},
      {R"({"properties":{"repo":{}},"additionalProperties":false})", R"({"repo":1})", ""},
      {R"({"properties":{"repo":{}},"additionalProperties":false})", R"({"rpeo":1})",
       "/rpeo is no property that is known here; did you mean \"repo\"?"},
      {R"({"properties":{"repo":{}},"additionalProperties":false})", R"({"zzzzz":1})",
       "/zzzzz is no property that is known here"},
      {R"({"additionalProperties":{"type":"string"}})", R"({"a":"x"})", ""},
      {R"({"additionalProperties":{"type":"string"}})", R"({"a":1})", "/a must be a string"},
      {R"({"properties":{"n":{}},"additionalProperties":{"type":"string"}})", R"({"n":1,"a":"x"})",
       ""},
      {R"({"patternProperties":{"^x-":{"type":"string"}}})", R"({"x-a":"b","y":1})", ""},
      {R"({"patternProperties":{"^x-":{"type":"string"}}})", R"({"x-a":1})",
       "/x-a must be a string"},
      {R"({"patternProperties":{"^x-":true},"additionalProperties":false})", R"({"x-a":1})", ""},
      {R"({"patternProperties":{"^x-":true},"additionalProperties":false})", R"({"y":1})",
       "/y is no property"},
      {R"({"patternProperties":{"a":{"type":"integer"},"b":{"minimum":5}}})", R"({"ab":3})",
       "/ab must be at least 5"},
      {R"({"propertyNames":{"pattern":"^[a-z]+$"}})", R"({"abc":1})", ""},
      {R"({"propertyNames":{"pattern":"^[a-z]+$"}})", R"({"a1":1})", "/a1 must match the pattern"},
      {R"({"minProperties":1})", "{}", " must have at least 1 properties"},
      {R"({"minProperties":1})", R"({"a":1})", ""},
      {R"({"maxProperties":1})", R"({"a":1,"b":2})", " must have at most 1 properties"},
      {R"({"dependentRequired":{"a":["b"]}})", R"({"a":1,"b":1})", ""},
      {R"({"dependentRequired":{"a":["b"]}})", R"({"b":1})", ""},
      {R"({"dependentRequired":{"a":["b"]}})", R"({"a":1})",
       " must have the property \"b\" beside \"a\""},
      {R"({"properties":{"a":false}})", R"({"a":1})", "/a must not be there"},
      {R"({"properties":{"a":{"properties":{"b":{"required":["c"]}}}}})", R"({"a":{"b":{}}})",
       "/a/b must have the property \"c\""},
  });
}

TEST(Schema, combinations) {
  checkRows({
      {R"({"allOf":[{"minimum":1},{"maximum":3}]})", "2", ""},
      {R"({"allOf":[{"minimum":1},{"maximum":3}]})", "4", " must be at most 3"},
      {R"({"anyOf":[{"type":"string"},{"type":"integer"}]})", "1", ""},
      {R"({"anyOf":[{"type":"string"},{"type":"integer"}]})", "true",
       " matches none of the 2 alternatives"},
      {R"({"anyOf":[{"type":"string","minLength":2}]})", "\"a\"",
       " must have at least 2 characters"},
      {R"({"oneOf":[{"minimum":1},{"maximum":3}]})", "0", ""},
      {R"({"oneOf":[{"minimum":1},{"maximum":3}]})", "2",
       " must match exactly one of the alternatives, matches 2"},
      {R"({"oneOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"type":"string"}]})",
       R"({"a":"x"})", "/a must be an integer"},
      {R"({"not":{"type":"string"}})", "1", ""},
      {R"({"not":{"type":"string"}})", "\"x\"", " must not match the schema under \"not\""},
      {R"({"not":{"not":{"type":"string"}}})", "\"x\"", ""},
      {R"({"if":{"type":"integer"},"then":{"minimum":5},"else":{"type":"string"}})", "5", ""},
      {R"({"if":{"type":"integer"},"then":{"minimum":5},"else":{"type":"string"}})", "4",
       " must be at least 5"},
      {R"({"if":{"type":"integer"},"then":{"minimum":5},"else":{"type":"string"}})", "\"x\"", ""},
      {R"({"if":{"type":"integer"},"then":{"minimum":5},"else":{"type":"string"}})", "null",
       " must be a string"},
      {R"({"if":{"type":"integer"},"then":{"minimum":5}})", "null", ""},
      {R"({"if":{"type":"integer"}})", "null", ""},
      {R"({"if":{"properties":{"k":{"const":"a"}}},"then":{"required":["x"]}})", R"({"k":"a"})",
       " must have the property \"x\""},
      {R"({"anyOf":[true,false]})", "1", ""},
      {R"({"oneOf":[true,true]})", "1", " must match exactly one"},
  });
}

TEST(Schema, references) {
  checkRows({
      {R"({"$ref":"#/$defs/n","$defs":{"n":{"type":"integer"}}})", "1", ""},
      {R"({"$ref":"#/$defs/n","$defs":{"n":{"type":"integer"}}})", "\"1\"", " must be an integer"},
      {R"({"$ref":"#/$defs/n","minimum":3,"$defs":{"n":{"type":"integer"}}})", "2",
       " must be at least 3"},
      {R"({"properties":{"next":{"$ref":"#"},"v":{"type":"integer"}}})",
       R"({"next":{"next":{"v":1}}})", ""},
      {R"({"properties":{"next":{"$ref":"#"},"v":{"type":"integer"}}})",
       R"({"next":{"next":{"v":"x"}}})", "/next/next/v must be an integer"},
      {R"({"properties":{"a":{"type":"integer"},"b":{"$ref":"#/properties/a"}}})", R"({"b":true})",
       "/b must be an integer"},
      {R"({"$defs":{"a/b":{"type":"null"},"t":{"$ref":"#/$defs/a~1b"}},"$ref":"#/$defs/t"})", "1",
       " must be null"},
      {R"({"$defs":{"tree":{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#/$defs/tree"}}}}},
          "$ref":"#/$defs/tree"})",
       R"({"kids":[{"kids":[]},{"kids":[1]}]})", "/kids/1/kids/0 must be an object"},
  });
}

TEST(Schema, allViolationsAreListedUpToTheBound) {
  const Schema schema = compiled(R"({"items":{"type":"integer"}})");
  LONGS_EQUAL(3, schema.validate(parsed(R"(["a",1,"b","c"])")).size());
  std::string many = "[";
  for (int i = 0; i < 200; ++i) many += "\"x\",";
  LONGS_EQUAL(Schema::kViolationsMax, schema.validate(parsed(many + "1]")).size());
}

TEST(Schema, describeNamesEveryPlace) {
  const Schema schema = compiled(R"({"required":["x"],"properties":{"a":{"type":"string"}}})");
  STRCMP_EQUAL("it must have the property \"x\"\n/a must be a string, is an integer",
               belay::json::describe(schema.validate(parsed(R"({"a":1})"))).c_str());
}

TEST(Schema, whatIsNotUnderstoodIsAnError) {
  const std::vector<Case> rows{
      {"3", "", " must be a schema"},
      {R"({"tpye":"string"})", "",
       "/tpye is a keyword that is not supported; did you mean \"type\"?"},
      {R"({"properties":{"a":{"requierd":[]}}})", "",
       "/properties/a/requierd is a keyword that is not supported; did you mean \"required\"?"},
      {R"({"definitions":{}})", "", "/definitions is a keyword that is not supported; use $defs"},
      {R"({"nullable":true})", "", "/nullable is a keyword that is not supported; use type:"},
      {R"({"unevaluatedProperties":false})", "", "/unevaluatedProperties is a keyword"},
      {R"({"$dynamicRef":"#a"})", "", "/$dynamicRef is a keyword"},
      {R"({"contains":{}})", "", "/contains is a keyword"},
      {R"({"$schema":"http://json-schema.org/draft-07/schema#"})", "",
       "/$schema must be \"https://json-schema.org"},
      {R"({"type":"strng"})", "",
       "/type must be one of null, boolean, integer, number, string, array, object; did you mean "
       "\"string\"?"},
      {R"({"type":[]})", "", "/type must name at least one type"},
      {R"({"type":7})", "", "/type must be one of"},
      {R"({"enum":[]})", "", "/enum must be a list of at least one value"},
      {R"({"enum":"a"})", "", "/enum must be a list"},
      {R"({"required":true})", "", "/required must be a list of names"},
      {R"({"required":[1]})", "", "/required must be a list of names"},
      {R"({"properties":[]})", "", "/properties must be an object of schemas"},
      {R"({"properties":{"a":1}})", "", "/properties/a must be a schema"},
      {R"({"items":[{}]})", "",
       "/items must be one schema; for a list of schemas by position use prefixItems"},
      {R"({"prefixItems":{}})", "", "/prefixItems must be a list of at least one schema"},
      {R"({"allOf":[]})", "", "/allOf must be a list of at least one schema"},
      {R"({"anyOf":[1]})", "", "/anyOf/0 must be a schema"},
      {R"({"minimum":"1"})", "", "/minimum must be a number"},
      {R"({"minLength":-1})", "", "/minLength must be a whole number from 0"},
      {R"({"minLength":1.5})", "", "/minLength must be a whole number from 0"},
      {R"({"exclusiveMinimum":true})", "", "/exclusiveMinimum must be a number"},
      {R"({"multipleOf":0})", "", "/multipleOf must be a number above 0"},
      {R"({"uniqueItems":1})", "", "/uniqueItems must be true or false"},
      {R"({"minItems":3,"maxItems":2})", "", " minItems is larger than maxItems"},
      {R"x({"pattern":"("})x", "", "/pattern is refused: the pattern has a missing )"},
      {R"x({"pattern":"(?=a)"})x", "", "/pattern is refused"},
      {R"({"patternProperties":{"[":true}})", "",
       "/patternProperties \"[\": the pattern has a missing ]"},
      {R"({"format":"emial"})", "",
       "/format is a format that is not checked here; did you mean \"email\"?"},
      {R"({"format":"regex"})", "", "/format is a format that is not checked here"},
      {R"({"then":{}})", "", " has then or else without if"},
      {R"({"$ref":"other.json"})", "", "/$ref must begin with #"},
      {R"({"$ref":"#/$defs/none"})", "", "/$ref leads to no schema of this document"},
      {R"({"$ref":"#/title","title":"x"})", "", "/$ref leads to no schema of this document"},
      {R"({"$ref":"#"})", "", " has a $ref that comes back to itself"},
      {R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"allOf":[{"$ref":"#/$defs/a"}]}}})", "",
       " has a $ref that comes back to itself"},
      {R"({"if":{"$ref":"#"}})", "", " has a $ref that comes back to itself"},
      {R"({"properties":{"n":{"type":"integer","default":"3"}}})", "",
       "/properties/n/default does not match its own schema: it must be an integer, is a string"},
      {R"({"dependentRequired":{"a":"b"}})", "", "/dependentRequired must be a list of names"},
  };
  std::string wrong;
  for (const Case& row : rows) {
    const std::string was = firstOf(Schema::problemsOf(parsed(row.schema)));
    if (was.starts_with(row.expected) && !was.empty()) continue;
    wrong +=
        std::string(row.schema) + "\n  expected " + row.expected + "\n  was      " + was + "\n";
  }
  STRCMP_EQUAL("", wrong.c_str());
}

TEST(Schema, theErrorOfCompileCarriesItsPlace) {
  const auto schema = Schema::compile(parsed(R"({"properties":{"a":{"tpye":"string"}}})"));
  CHECK(!schema.ok());
  CHECK(schema.error().code == ErrorCode::kSchemaInvalid);
  STRCMP_EQUAL("/properties/a/tpye", schema.error().place.pointer.c_str());
}

TEST(Schema, coercionIsExactOrNotAtAll) {
  STRCMP_EQUAL(
      "", wrongCoercions(
              {
                  {R"({"type":"integer"})", "\"3\"", "3"},
                  {R"({"type":"integer"})", "\"-3\"", "-3"},
                  {R"({"type":"integer"})", "\"0\"", "0"},
                  {R"({"type":"integer"})", "\"03\"", "! must be an integer, is a string"},
                  {R"({"type":"integer"})", "\"3.0\"", "! must be an integer, is a string"},
                  {R"({"type":"integer"})", "\"1e3\"", "! must be an integer, is a string"},
                  {R"({"type":"integer"})", "\" 3\"", "! must be an integer, is a string"},
                  {R"({"type":"integer"})", "\"+3\"", "! must be an integer, is a string"},
                  {R"({"type":"integer"})", "\"\"", "! must be an integer, is a string"},
                  {R"({"type":"integer"})", "\"9007199254740992\"", "9007199254740992"},
                  {R"({"type":"integer"})", "\"9007199254740993\"",
                   "! must be an integer, is a string"},
                  {R"({"type":"integer"})", "\"123456789012345678901234567890\"",
                   "! must be an integer, is a string"},
                  {R"({"type":"integer"})", "\"0x10\"", "! must be an integer, is a string"},
                  {R"({"type":"integer"})", "3", "3"},
                  {R"({"type":"number"})", "\"0.5\"", "0.5"},
                  {R"({"type":"number"})", "\"-2e3\"", "-2000"},
                  {R"({"type":"number"})", "\".5\"", "! must be a number, is a string"},
                  {R"({"type":"number"})", "\"NaN\"", "! must be a number, is a string"},
                  {R"({"type":"number"})", "\"1e999\"", "! must be a number, is a string"},
                  {R"({"type":"boolean"})", "\"true\"", "true"},
                  {R"({"type":"boolean"})", "\"false\"", "false"},
                  {R"({"type":"boolean"})", "\"yes\"", "! must be a boolean, is a string"},
                  {R"({"type":"boolean"})", "\"True\"", "! must be a boolean, is a string"},
                  {R"({"type":"boolean"})", "1", "! must be a boolean, is an integer"},
                  {R"({"type":"string"})", "\"3\"", "\"3\""},
                  {R"({"type":["string","integer"]})", "\"3\"", "\"3\""},
                  {R"({"type":["boolean","integer"]})", "\"3\"", "3"},
                  {R"({"type":["null","integer"]})", "\"null\"",
                   "! must be null or an integer, is a string"},
                  {"{}", "\"3\"", "\"3\""},
                  {R"({"anyOf":[{"type":"integer"},{"type":"boolean"}]})", "\"3\"",
                   "! matches none of the 2 alternatives; by one of them it must be an integer, is "
                   "a string"},
                  {R"({"properties":{"n":{"type":"integer"}}})", R"({"n":"3","m":"4"})",
                   R"({"n":3,"m":"4"})"},
                  {R"({"additionalProperties":{"type":"integer"}})", R"({"n":"3"})", R"({"n":3})"},
                  {R"({"patternProperties":{"^n":{"type":"integer"}}})", R"({"n1":"3","x":"3"})",
                   R"({"n1":3,"x":"3"})"},
                  {R"({"items":{"type":"integer"}})", R"(["1",2,"3"])", "[1,2,3]"},
                  {R"({"prefixItems":[{"type":"boolean"}],"items":{"type":"integer"}})",
                   R"(["true","2"])", "[true,2]"},
                  {R"({"$ref":"#/$defs/n","$defs":{"n":{"type":"integer"}}})", "\"7\"", "7"},
                  {R"({"allOf":[{"type":"integer"}]})", "\"7\"", "7"},
                  {R"({"type":"integer","minimum":5})", "\"3\"", "! must be at least 5"},
                  {R"({"type":"integer","enum":[1,2]})", "\"2\"", "2"},
              })
              .c_str());
}

TEST(Schema, coercionPutsDefaultsWhereNothingStands) {
  STRCMP_EQUAL(
      "", wrongCoercions(
              {
                  {R"({"properties":{"n":{"default":3}}})", "{}", R"({"n":3})"},
                  {R"({"properties":{"n":{"default":3}}})", R"({"n":4})", R"({"n":4})"},
                  {R"({"properties":{"n":{"default":3}}})", R"({"n":null})", R"({"n":null})"},
                  {R"({"properties":{"n":{"default":3}},"required":["n"]})", "{}", R"({"n":3})"},
                  {R"({"properties":{"o":{"default":{},"properties":{"x":{"default":1}}}}})", "{}",
                   R"({"o":{"x":1}})"},
                  {R"({"properties":{"o":{"properties":{"x":{"default":1}}}}})", "{}", "{}"},
                  {R"({"properties":{"o":{"properties":{"x":{"default":1}}}}})", R"({"o":{}})",
                   R"({"o":{"x":1}})"},
                  {R"({"items":{"properties":{"x":{"default":1}}}})", "[{},{\"x\":2}]",
                   R"([{"x":1},{"x":2}])"},
                  {R"({"allOf":[{"properties":{"x":{"default":1}}}]})", "{}", R"({"x":1})"},
                  {R"({"properties":{"b":{"default":2},"a":{"default":1}}})", R"({"z":0})",
                   R"({"z":0,"b":2,"a":1})"},
                  {R"({"properties":{"n":{"default":3}}})", "[]", "[]"},
              })
              .c_str());
}

TEST(Schema, aCheckThatMultipliesIsStopped) {
  std::string schema = R"({"$ref":"#/$defs/d0","$defs":{)";
  for (int i = 0; i < 40; ++i) {
    const std::string next = R"({"$ref":"#/$defs/d)" + std::to_string(i + 1) + "\"}";
    schema += "\"d" + std::to_string(i) + R"(":{"allOf":[)" + next + "," + next + "]},";
  }
  const Schema bomb = compiled(schema + R"("d40":{"type":"integer"}}})");
  STRCMP_EQUAL(" cannot be checked in 1000000 steps", firstOf(bomb.validate(Value(1))).c_str());
  Value text("1");
  CHECK(!bomb.coerce(text).empty());
}

TEST(Schema, aChainOfReferencesIsBounded) {
  std::string schema = R"({"$ref":"#/$defs/d0","$defs":{)";
  for (int i = 0; i < 5000; ++i) {
    schema +=
        "\"d" + std::to_string(i) + R"(":{"$ref":"#/$defs/d)" + std::to_string(i + 1) + "\"},";
  }
  const Schema chain = compiled(schema + R"("d5000":true}})");
  CHECK(firstOf(chain.validate(Value(1))).find("nest deeper than") != std::string::npos);
}

TEST(Schema, aBoundThatIsHitIsNotHiddenByNot) {
  std::string schema = R"({"not":{"$ref":"#/$defs/d0"},"$defs":{)";
  for (int i = 0; i < 40; ++i) {
    const std::string next = R"({"$ref":"#/$defs/d)" + std::to_string(i + 1) + "\"}";
    schema += "\"d" + std::to_string(i) + R"(":{"allOf":[)" + next + "," + next + "]},";
  }
  CHECK(!compiled(schema + R"("d40":true}})").validate(Value(1)).empty());
}

TEST(Schema, allPatternsOfACheckShareOneBound) {
  std::string schema = R"({"items":{"allOf":[)";
  for (int i = 0; i < 100; ++i) schema += R"({"pattern":"(a?){900}b"},)";
  Value list{belay::json::Array{}};
  for (int i = 0; i < 100; ++i) list.push(Value(std::string(2000, 'a')));
  const belay::test::CpuTime used;
  const auto violations = compiled(schema + "true]}}").validate(list);
  CHECK(used.seconds() < 5);
  STRCMP_EQUAL(" is too long for the pattern of its schema", firstOf(violations).c_str());
}

TEST(Schema, tooManySchemasAreRefused) {
  std::string schema = R"({"properties":{)";
  for (int i = 0; i < 10'000; ++i) schema += (i > 0 ? ",\"p" : "\"p") + std::to_string(i) + "\":{}";
  CHECK(!Schema::compile(parsed(schema + "}}")).ok());
}

TEST(Schema, largeValuesAreCheckedInTimeThatGrowsWithThem) {
  Value object{belay::json::Object{}};
  std::string schema = R"({"required":[)";
  for (int i = 0; i < 5000; ++i) {
    object.asObject().emplace_back("name" + std::to_string(i), Value(i));
    schema += (i > 0 ? ",\"name" : "\"name") + std::to_string(i) + "\"";
  }
  const Schema all = compiled(schema + "]}");
  const belay::test::CpuTime used;
  for (int i = 0; i < 10; ++i) CHECK(all.validate(object).empty());
  CHECK(used.seconds() < 1);
}
