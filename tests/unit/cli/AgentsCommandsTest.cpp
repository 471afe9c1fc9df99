// belay agents list, probe and lock, over programs in a folder of the test. What is printed is
// compared as a whole, with the folder and digests put in its place.

#include "common/base/Files.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"
#include "tests/unit/cli/FakeWorld.h"

#include <CppUTest/TestHarness.h>

using belay::test::FakeWorld;

TEST_GROUP(AgentsCommands) {
  FakeWorld world;
  std::string digest;

  void setup() override {
    const std::string settings = "jobs: {path: \"" + world.folder.at("bin") + ":/usr/bin:/bin\"}\n";
    CHECK(belay::base::makeFolders(world.folder.at("bin")).ok());
    CHECK(belay::base::writeFileDurably(world.folder.at("belay.yaml"), settings).ok());
    install("echo 'codex-cli 0.1'");
  }
  void install(const std::string& body) {
    const std::string program = "#!/bin/sh\n" + body + "\n";
    CHECK(belay::base::writeFileDurably(world.folder.at("bin/codex"), program, 0755).ok());
    digest = belay::crypto::sha256(program).hex();
  }
  std::string call(std::vector<std::string> words, int status = 0) {
    words.insert(words.end(), {"--config", world.folder.at("belay.yaml")});
    LONGS_EQUAL(status, world.run(words));
    std::string out = world.console.outText + world.console.errText;
    replace(out, world.folder.path(), "FOLDER");
    replace(out, digest, "DIGEST");
    replace(out, digest.substr(0, 12), "DIG");
    return out;
  }
  void replace(std::string & text, const std::string& what, const std::string& with) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what)) {
      text.replace(at, what.size(), with);
    }
  }
  void has(const std::string& text, const char* part) { STRCMP_CONTAINS(part, text.c_str()); }
};

TEST(AgentsCommands, listShowsWhatIsThereAndWhatIsNot) {
  const std::string out = call({"agents", "list"});
  has(out, "AGENT");
  has(out, "codex            codex        codex-cli 0.1  none  FOLDER/bin/codex\n");
  has(out, "goose            acp          not found");
  const std::string json = call({"agents", "list", "--json"});
  has(json,
      R"({"name":"codex","adapter":"codex","program":"codex","path":"FOLDER/bin/codex","version":"codex-cli 0.1","problem":null,"lock":"none"})");
  has(json, R"("lock_file":"FOLDER/agents.lock.json")");
  install("echo broken >&2; exit 3");
  has(call({"agents", "list", "--json"}),
      R"("version":null,"problem":"FOLDER/bin/codex ended with exit status 3: broken")");
}

TEST(AgentsCommands, lockWritesDownTheProgram) {
  has(call({"agents", "lock", "codex", "--json"}),
      R"("agents":[{"name":"codex","what":"new","binary":"FOLDER/bin/codex","version":"codex-cli 0.1","digest":"DIGEST"}])");
  std::string file = *belay::base::readFile(world.folder.at("agents.lock.json"), 1u << 16);
  has(file, digest.c_str());
  has(call({"agents", "lock", "codex"}), "codex  same  codex-cli 0.1  DIG");
  has(call({"agents", "list", "--json"}), R"("lock":"same")");
  install("echo 'codex-cli 0.2'");
  has(call({"agents", "list", "--json"}), R"("lock":"other")");
  has(call({"agents", "lock", "codex"}), "codex  changed  codex-cli 0.2");
  has(call({"agents", "lock", "codex", "--remove"}), "removed");
  has(call({"agents", "list", "--json"}), R"("lock":"none")");
  call({"agents", "lock", "codex", "--remove"}, 8);
}

TEST(AgentsCommands, lockTakesAProgramOfAnyName) {
  const std::string program = world.folder.at("bin/codex");
  call({"agents", "lock", "coder", "--binary", program, "--adapter", "acp"});
  has(call({"agents", "list", "--json"}),
      R"({"name":"coder","adapter":"acp","program":"FOLDER/bin/codex")");
  call({"agents", "lock", "coder2", "--binary", program}, 8);
  call({"agents", "lock", "coder2", "--binary", program, "--adapter", "vim"}, 2);
  call({"agents", "lock", "--binary", program, "--adapter", "acp"}, 2);
}

TEST(AgentsCommands, probeSaysWhatWorks) {
  call({"agents", "lock", "codex"});
  has(call({"agents", "probe", "codex"}),
      "ok version: codex-cli 0.1\n  ok digest: DIGEST\n  ok lock: it is the locked program\n");
  install("echo 'codex-cli 0.2'");
  const std::string out = call({"agents", "probe", "codex", "--json"}, 7);
  has(out,
      R"({"name":"lock","ok":false,"message":"the lock of codex: other","code":"BLY-AGENT-DRIFTED"})");
  has(call({"agents", "probe", "goose"}, 8), "there is no program goose in the PATH of jobs");
  has(call({"agents", "probe", "codx"}, 8), "did you mean \"codex\"?");
}

TEST(AgentsCommands, probeGoesThroughTheProtocol) {
  install(
      R"(case $1 in --version) echo 1;; *) read line; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentInfo":{"name":"a","version":"7"}}}'; sleep 60;; esac)");
  const std::string program = world.folder.at("bin/codex");
  has(call({"agents", "probe", "mine", "--binary", program, "--adapter", "acp"}),
      "ok initialize: a 7\n");
}

TEST(AgentsCommands, aDamagedLockFileIsSaid) {
  CHECK(belay::base::writeFileDurably(world.folder.at("agents.lock.json"), "{\"agents\":[]}").ok());
  has(call({"agents", "list"}, 3), "BLY-AGENT-LOCK");
}
