// Pages that repeat a table of the code are compared with it: what is written by hand in two places
// drifts.

#include <algorithm>
#include <set>

#include "agent/cli/Command.h"
#include "common/base/ErrorCode.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "tests/support/GeneratedPart.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorRow;
using belay::base::errorTable;

TEST_GROUP(Docs){};

TEST(Docs, theReferenceOfTheCommandLineIsItsTable) {
  const std::string wanted = "\n" + belay::cli::referenceMarkdown(belay::cli::allCommands()) + "\n";
  STRCMP_EQUAL(wanted.c_str(),
               belay::test::generatedPart("docs/cli.md", "commands", wanted).c_str());
}

TEST(Docs, eachErrorCodeHasItsPageAndEachPageItsCode) {
  std::set<std::string> pages;
  const auto names = belay::base::listFolder("docs/errors");
  CHECK(names.ok());
  pages.insert(names->begin(), names->end());
  for (const ErrorRow& row : errorTable()) {
    const std::string name = std::string(row.text) + ".md";
    const auto page = belay::base::readFile("docs/errors/" + name, 1u << 16);
    CHECK_TEXT(page.ok(), name.c_str());
    const std::string head = "# " + std::string(row.text) + "\n\n" + std::string(row.summary) +
                             ". Exit code " + std::to_string(row.exitCode) + ", HTTP status " +
                             std::to_string(row.httpStatus) + ".\n";
    STRCMP_EQUAL(head.c_str(), page->substr(0, head.size()).c_str());
    for (const char* part : {"\n## Causes\n", "\n## What to do\n"})
      CHECK_TEXT(page->find(part) != std::string::npos, name.c_str());
    pages.erase(name);
  }
  CHECK_TEXT(pages.empty(), pages.empty() ? "" : pages.begin()->c_str());
}

TEST(Docs, commandsThatPagesNameExist) {
  std::set<std::string> known;
  for (const auto* command : belay::cli::allCommands()) known.insert(std::string(command->path));
  for (const ErrorRow& row : errorTable()) {
    const auto page =
        belay::base::readFile("docs/errors/" + std::string(row.text) + ".md", 1u << 16);
    std::size_t at = 0;
    while ((at = page->find("`belay ", at)) != std::string::npos) {
      at += 7;
      const std::string rest = page->substr(at, page->find('`', at) - at);
      // Of one to three words.
      const auto words = belay::base::split(rest, ' ');
      std::string path(words[0]);
      for (std::size_t i = 1; i < std::min<std::size_t>(words.size(), 3) && !known.contains(path);
           ++i)
        path += " " + std::string(words[i]);
      CHECK_TEXT(words[0] == "COMMAND" || known.contains(path),
                 (std::string(row.text) + ": " + rest).c_str());
    }
  }
}

TEST(Docs, everyExitCodeIsInTheTable) {
  const auto page = belay::base::readFile("docs/exit-codes.md", 1u << 16);
  std::set<int> codes{0};
  for (const ErrorRow& row : errorTable()) codes.insert(row.exitCode);
  for (const int code : codes) {
    CHECK_TEXT(page->find("\n| " + std::to_string(code) + " | ") != std::string::npos,
               std::to_string(code).c_str());
  }
}
