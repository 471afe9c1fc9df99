// What YAML may not hold in a flow: for each rule a text that breaks it, all that is then said, and
// a text beside it that is taken. tests/style holds the table against the sources, so that no
// message is left out.

#include <string>
#include <vector>

#include "common/yaml/Yaml.h"

#include <CppUTest/TestHarness.h>

using belay::yaml::Limits;

namespace {

struct Row {
  const char* bad;
  const char* said;
  const char* good;
};

const Row kRows[] = {
    {"a: 1\n---\nb: 2\n",
     "YAML at line 2, column 1: a second document begins here; one file holds one", "---\na: 1\n"},
    {"%YAML 1.1\n---\na\n",
     "YAML at line 1, column 1: only YAML 1.2 is read, the file asks for 1.1",
     "%YAML 1.2\n---\na\n"},
    {"%TAG ! tag:example.org:\n---\na\n",
     "YAML at line 1, column 1: %TAG is refused: tags are not read", "---\na\n"},
    {"a: !!str 1\n",
     "YAML at line 1, column 4: the tag !!str is refused; quote a value to make it text, leave it "
     "plain to make it a number",
     "a: '1'\n"},
    {"[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]",
     "YAML at line 1, column 37: the document holds more than 12 values after its aliases are "
     "expanded",
     "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]"},
    {"a: &a 12345\nb: [*a, *a, *a]",
     "YAML at line 2, column 9: the document holds more than 20 B of text after its aliases are "
     "expanded",
     "a: &a 12345\nb: [*a]"},
    {"? [a]\n: b\n", "YAML at line 1, column 3: a name must be text, here is a list or an object",
     "? a\n: b\n"},
    {"[[[[[x]]]]]", "YAML at line 1, column 5: nested deeper than 4", "[[[[x]]]]"},
    {"a: &a [[x]]\nb: [[*a]]\n", "YAML at line 2, column 6: nested deeper than 4",
     "a: &a [[x]]\nb: [*a]\n"},
    {"a: \"x\\0y\"\n", "YAML at line 1, column 4: the NUL character is refused", "a: \"x\\ty\"\n"},
    {"&k a: b\n", "YAML at line 1, column 1: an anchor on a name is refused", "a: &k b\n"},
    {"a: &x {b: 1}\nc: {<<: *x}\n",
     "YAML at line 2, column 5: the merge key << is refused; write the members out",
     "a: &x {b: 1}\nc: *x\n"},
    {"?\n: b\n", "YAML at line 1, column 2: a name must be text, here is none", "'': b\n"},
    {"1: a\n", "YAML at line 1, column 1: a name must be text, \"1\" is of type integer; quote it",
     "'1': a\n"},
    {"a: 1\n'a': 3\n", "YAML at line 2, column 1: the name \"a\" stands twice in the object",
     "a: 1\n'A': 3\n"},
    {"a: &k x\n*k : b\n", "YAML at line 2, column 1: an alias cannot be a name; write the name out",
     "a: &k x\nb: *k\n"},
    {"a: &a [*a]\n", "YAML at line 1, column 8: the alias *a has no anchor that ends before it",
     "a: [&a 1, *a]\n"},
};

std::string said(const char* text) {
  Limits limits;
  limits.depthMax = 4;
  limits.nodesMax = 12;
  limits.textBytesMax = 20;
  const auto document = belay::yaml::parse(text, limits);
  return document.ok() ? "" : document.error().message;
}

}  // namespace

TEST_GROUP(Mistakes){};

TEST(Mistakes, ofYaml) {
  for (const Row& row : kRows) {
    STRCMP_EQUAL(row.said, said(row.bad).c_str());
    STRCMP_EQUAL_TEXT("", said(row.good).c_str(), row.good);
  }
}
