// The lock file reads back what it prints and says what is wrong; programs are found in a PATH and
// asked with a bound. The programs are scripts in a folder of the test.

#include <sys/stat.h>

#include "agent/agents/KnownAgents.h"
#include "agent/agents/LockFile.h"
#include "agent/agents/Probe.h"
#include "agent/agents/ProgramDigest.h"
#include "common/base/Files.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using namespace belay::agents;

TEST_GROUP(LockFile){
    void refuses(const char* text, const char* said){const auto parsed = parseLockFile(text);
CHECK_FALSE(parsed.ok());
CHECK(parsed.error().code == ErrorCode::kAgentLock);
STRCMP_CONTAINS(said, parsed.error().message.c_str());
}
}
;

TEST(LockFile, readsBackTheSameInTheOrderOfNames) {
  const std::string digest(64, 'b');
  const std::string text = printLockFile(
      {{"codex", "codex", "/b/codex", "2", digest}, {"a", "acp", "/b/a", "1", digest}});
  const auto again = parseLockFile(text);
  CHECK(again.ok());
  LONGS_EQUAL(2, again->size());
  STRCMP_EQUAL("a", again->at(0).name.c_str());
  STRCMP_EQUAL(text.c_str(), printLockFile(*again).c_str());
  CHECK(findLocked(*again, "codex") != nullptr);
  CHECK(findLocked(*again, "other") == nullptr);
  STRCMP_EQUAL("codex", findLocked(*again, "other", "/b/codex")->name.c_str());
}

TEST(LockFile, saysWhatIsWrong) {
  refuses("{", "");
  refuses("{}", "agents must be a JSON object");
  refuses(R"({"agents":{"x":{"binary":"b","digest":""}}})",
          "agents.x.binary must be an absolute path");
  refuses(R"({"agents":{"x":{"binary":"/b","digest":"AA"}}})", "agents.x.digest");
  refuses(R"({"agents":{"x":{"binary":"/b","digst":"AA"}}})", "agents.x.dig");
  refuses(R"({"agents":{},"more":1})", "more");
}

TEST(LockFile, liesBesideTheSettings) {
  STRCMP_EQUAL("/etc/belay/agents.lock.json", lockFilePath("/etc/belay/belay.yaml").c_str());
  CHECK(readLockFile("/nowhere/agents.lock.json")->empty());
}

TEST_GROUP(AgentProbe) {
  belay::test::TempFolder folder;
  belay::base::PosixClock clock;

  Question script(const char* body) {
    const std::string path = folder.at("agent");
    CHECK(belay::base::writeFileDurably(path, std::string("#!/bin/sh\n") + body + "\n", 0755).ok());
    Question question;
    question.program = path;
    question.environment = {"PATH=/usr/bin:/bin"};
    return question;
  }
};

TEST(AgentProbe, asksForAVersion) {
  STRCMP_EQUAL("agent 1.2", askVersion(script("echo \"agent 1.2\"; echo more"), clock)->c_str());
  const auto failed = askVersion(script("echo broken >&2; exit 3"), clock);
  CHECK(failed.error().code == ErrorCode::kAgentFailed);
  STRCMP_CONTAINS("exit status 3: broken", failed.error().message.c_str());
}

TEST(AgentProbe, doesNotWaitForEver) {
  Question question = script("sleep 60");
  question.bound = std::chrono::milliseconds(200);
  CHECK(askVersion(question, clock).error().code == ErrorCode::kAgentNoOutput);
  question.program = "/nowhere";
  CHECK(askVersion(question, clock).error().code == ErrorCode::kAgentNotFound);
}

TEST(AgentProbe, goesThroughTheFirstExchangeOfTheProtocol) {
  constexpr const char* kGood =
      R"(read line; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentInfo":{"name":"a","version":"7"}}}'; sleep 60)";
  STRCMP_EQUAL("a 7", askAcp(script(kGood), clock)->c_str());
  constexpr const char* kOther =
      R"(read line; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":9}}'; sleep 60)";
  CHECK(askAcp(script(kOther), clock).error().code == ErrorCode::kAgentProtocol);
  CHECK(askAcp(script("echo usage: agent"), clock).error().code == ErrorCode::kAgentProtocol);
}

TEST(AgentProbe, aProgramThatDoesNotListenEndsNobody) {
  Question question = script("exec 0<&-; sleep 0.1; echo no");
  question.input = "hello\n";
  for (int i = 0; i < 5; ++i) STRCMP_EQUAL("no\n", askProgram(question, clock)->c_str());
}

TEST(AgentProbe, findsProgramsAndTheirDigests) {
  const Question question = script("exit 0");
  STRCMP_EQUAL(question.program.c_str(),
               findProgram("agent", "relative:" + folder.path())->c_str());
  CHECK_FALSE(findProgram("nothing-of-this-name", "/usr/bin").has_value());
  LONGS_EQUAL(64, programDigest(question.program)->size());
  CHECK(programDigest("/nowhere").error().code == ErrorCode::kAgentNotFound);
  STRCMP_EQUAL("claude", std::string(findKnownAgent("claude-code")->program).c_str());
  CHECK(findKnownAgent("vim") == nullptr);
}
