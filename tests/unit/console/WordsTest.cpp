// Command lines, right and wrong.

#include "relay/console/Command.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using namespace belay::console;

namespace {

base::Result<Words> parse(std::initializer_list<std::string> words) {
  const std::vector<std::string> list(words);
  return parseWords(list, allCommands());
}
std::string errorOf(std::initializer_list<std::string> words) {
  const auto parsed = parse(words);
  return parsed.ok() ? "" : parsed.error().message;
}

}  // namespace

TEST_GROUP(Words){};

TEST(Words, theLongestCommandWins) {
  const auto list = parse({"tokens", "--json"});
  POINTERS_EQUAL(&kTokensCommand, list->command);
  CHECK(list->has("json"));
  const auto made = parse({"tokens", "new", "--role", "release", "--expires=1h"});
  POINTERS_EQUAL(&kTokensNewCommand, made->command);
  STRCMP_EQUAL("release", made->text("role").c_str());
  STRCMP_EQUAL("1h", made->text("expires").c_str());
}

TEST(Words, argumentsAreCounted) {
  STRCMP_EQUAL("abc", parse({"hosts", "remove", "abc"})->arguments.front().c_str());
  STRCMP_EQUAL("belay-relay hosts remove takes HOST", errorOf({"hosts", "remove"}).c_str());
  STRCMP_EQUAL("belay-relay serve takes no argument", errorOf({"serve", "x"}).c_str());
}

TEST(Words, aThumbprintIsNoFlagWhateverItBeginsWith) {
  const std::string host = "--" + std::string(41, 'A');
  STRCMP_EQUAL(host.c_str(), parse({"hosts", "remove", host})->arguments.front().c_str());
}

TEST(Words, wrongWordsHaveTheNearestRightOne) {
  STRCMP_EQUAL("unknown command srve; did you mean serve?", errorOf({"srve"}).c_str());
  STRCMP_EQUAL("unknown flag --rol; did you mean --role?",
               errorOf({"tokens", "new", "--rol", "host"}).c_str());
  STRCMP_EQUAL("--role needs ROLE", errorOf({"tokens", "new", "--role"}).c_str());
}

TEST(Words, everyCommandHasHelp) {
  for (const Command* const command : allCommands()) {
    CHECK(helpOf(*command).find(command->path) != std::string::npos);
    CHECK(helpOn(allCommands()).find(command->summary) != std::string::npos);
    CHECK(parse({"--help"}).ok());
  }
}
