// Single commands where more happens than one request: files, prompts, streams, and a daemon that
// is not there.

#include <unistd.h>

#include "agent/journal/Journal.h"
#include "agent/settings/StateLayout.h"
#include "common/base/Files.h"
#include "common/json/Json.h"
#include "common/log/Log.h"
#include "tests/unit/cli/FakeWorld.h"

#include <CppUTest/TestHarness.h>

using belay::test::FakeWorld;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string line(int seq, const std::string& event, const std::string& body) {
  return R"({"seq":)" + std::to_string(seq) + R"(,"event":")" + event +
         R"(","at":"2027-01-15T08:00:0)" + std::to_string(seq % 10) + R"(.000Z","body":)" + body +
         "}\n";
}

const std::string kCreated = line(
    1, "run_created",
    R"({"flow":"gate","digest":"sha256:1","source":"draft","input":{},"state":{},"by":"uid:0","first":"a","seed":1})");
const std::string kDone =
    line(2, "step_finished", R"({"step":"a","outcome":"succeeded","next":"end"})");
const std::string kFinished = line(3, "run_finished", R"({"end":"succeeded"})");
const std::string kFailed = line(3, "run_finished", R"({"end":"failed","failed_step":"a"})");

}  // namespace

TEST_GROUP(Commands) {
  FakeWorld world;

  void write(const std::string& name, const std::string& text) {
    CHECK(belay::base::writeFileDurably(world.folder.at(name), text).ok());
  }
  std::string envelopeOf(const std::string& data) {
    return R"({"ok":true,"data":)" + data + R"(,"meta":{"schema":1}})";
  }
};

TEST(Commands, aFlowFileIsSentWithItsName) {
  write("x.flow.yaml", "slug: x\n");
  world.daemon.data("POST /v1/runs", R"({"run":{"id":"r1","flow":"x","status":"running"}})");
  LONGS_EQUAL(0, world.run({"flow", "run", world.folder.at("x.flow.yaml"), "-i", "a=1", "-i",
                            "b:=[2]", "--key", "k"}));
  const auto body = belay::json::parse(world.daemon.asked.front().body);
  STRCMP_EQUAL("slug: x\n", body->text("content").c_str());
  STRCMP_EQUAL(R"({"a":"1","b":[2]})", belay::json::print(*body->find("input")).c_str());
  STRCMP_EQUAL("k", world.daemon.asked.front().headers.front().second.c_str());
}

TEST(Commands, inputComesFromStandardInputToo) {
  world.console.input = R"({"a": 1})";
  world.daemon.data("POST /v1/runs", R"({"run":{"id":"r1"}})");
  LONGS_EQUAL(0, world.run({"flow", "run", "gate", "--input-file", "-", "-i", "b=2"}));
  CHECK(has(world.daemon.asked.front().body, R"("input":{"a":1,"b":"2"})"));
  world.console.input = "[1]";
  LONGS_EQUAL(2, world.run({"flow", "run", "gate", "--input-file", "-"}));
}

TEST(Commands, anInputThatWouldLoseDigitsIsNotSent) {
  world.console.input = R"({"n": 9007199254740993})";
  LONGS_EQUAL(2, world.run({"flow", "run", "gate", "--input-file", "-"}));
  LONGS_EQUAL(2, world.run({"flow", "run", "gate", "-i", "n:=9007199254740993"}));
  CHECK(has(world.console.errText, "9007199254740993 is beyond 2^53"));
  LONGS_EQUAL(0, world.daemon.asked.size());
}

TEST(Commands, aFileThatIsNotValidIsNotToBeValidatedNext) {
  write("x.flow.yaml", "slug: x\n");
  LONGS_EQUAL(2, world.run({"flow", "validate", world.folder.at("x.flow.yaml"), "--json"}));
  const auto envelope = belay::json::parse(world.console.outText);
  STRCMP_EQUAL("belay explain BLY-FLOW-MISSING-KEY",
               envelope->at("/error/actions/0")->asString().c_str());
}

TEST(Commands, quietPrintsTheIdAlone) {
  world.daemon.data("POST /v1/runs", R"({"run":{"id":"r1","flow":"x","status":"running"}})");
  LONGS_EQUAL(0, world.run({"flow", "run", "gate", "-q"}));
  STRCMP_EQUAL("r1\n", world.console.outText.c_str());
  STRCMP_EQUAL("", world.console.errText.c_str());
}

TEST(Commands, waitingForARunShowsItsEventsAndItsEnd) {
  world.daemon.data("POST /v1/runs", R"({"run":{"id":"r1","flow":"gate","status":"running"}})");
  world.daemon.answer("GET /v1/runs/r1/follow?after=0&heartbeat=1s",
                      kCreated + "\n" + kDone + kFinished);
  world.daemon.data(
      "GET /v1/runs/r1",
      R"({"run":{"id":"r1","flow":"gate","status":"succeeded","output":{"n":1}},"steps":[],"actions":[]})");
  LONGS_EQUAL(0, world.run({"flow", "run", "gate", "--wait"}));
  CHECK(has(world.console.errText, "a  succeeded"));
  CHECK(has(world.console.outText, R"({"n":1})"));
}

TEST(Commands, aRunThatFailsGivesExitCodeSixAndWhatToDo) {
  world.daemon.data("POST /v1/runs", R"({"run":{"id":"r1","flow":"gate","status":"running"}})");
  world.daemon.answer("GET /v1/runs/r1/follow?after=0&heartbeat=1s", kCreated + kFailed);
  world.daemon.data(
      "GET /v1/runs/r1",
      R"({"run":{"id":"r1","flow":"gate","status":"failed","error":{"code":"BLY-X","message":"broken"}},)"
      R"("steps":[],"actions":["belay run retry r1"]})");
  LONGS_EQUAL(6, world.run({"flow", "run", "gate", "--wait", "--json"}));
  const auto envelope = belay::json::parse(world.console.outText);
  STRCMP_EQUAL("BLY-RUN-FAILED", envelope->at("/error/code")->asString().c_str());
  STRCMP_EQUAL("belay run retry r1", envelope->at("/error/actions/0")->asString().c_str());
  STRCMP_EQUAL("failed", envelope->at("/data/run/status")->asString().c_str());
}

TEST(Commands, aWaitThatExpiresIsNoFailure) {
  world.daemon.data("POST /v1/runs", R"({"run":{"id":"r1","flow":"gate","status":"running"}})");
  world.daemon.answer("GET /v1/runs/r1/follow?after=0&heartbeat=1s", kCreated);
  world.daemon.answer("GET /v1/runs/r1/follow?after=1&heartbeat=1s", "\n");
  world.daemon.data("GET /v1/runs/r1",
                    R"({"run":{"id":"r1","flow":"gate","status":"waiting"},"steps":[]})");
  LONGS_EQUAL(0, world.run({"flow", "run", "gate", "--wait", "--timeout", "2s", "--json"}));
  const auto envelope = belay::json::parse(world.console.outText);
  CHECK(envelope->at("/meta/timed_out")->asBool());
}

TEST(Commands, aWatchGoesOnAfterTheDaemonCameBack) {
  world.daemon.answer("GET /v1/runs/r1/follow?after=0&heartbeat=1s",
                      kCreated + kDone.substr(0, 20));
  world.daemon.answer(
      "GET /v1/runs/r1/follow?after=1&heartbeat=1s",
      R"({"ok":false,"error":{"code":"BLY-BUSY","message":"x","actions":[]},"meta":{"schema":1}})",
      503);
  world.daemon.answer("GET /v1/runs/r1/follow?after=1&heartbeat=1s", kDone + kFinished);
  world.daemon.data("GET /v1/runs/r1", R"({"run":{"id":"r1","status":"succeeded"}})");
  LONGS_EQUAL(0, world.run({"run", "watch", "r1"}));
  CHECK(has(world.console.outText, "run succeeded"));
}

TEST(Commands, aWatchOfNoRunSaysSoAtOnce) {
  world.daemon.error("GET /v1/runs/rx/follow?after=0&heartbeat=1s", "BLY-RUN-NOT-FOUND",
                     "there is no run rx");
  LONGS_EQUAL(8, world.run({"run", "watch", "rx"}));
}

TEST(Commands, aWatchForProgramsIsTheEventsThemselves) {
  world.daemon.answer("GET /v1/runs/r1/follow?after=0&heartbeat=1s",
                      kCreated + "\n" + kDone + kFinished);
  world.daemon.data("GET /v1/runs/r1", R"({"run":{"id":"r1","status":"succeeded"}})");
  LONGS_EQUAL(0, world.run({"run", "watch", "r1", "--json"}));
  STRCMP_EQUAL((kCreated + kDone + kFinished).c_str(), world.console.outText.c_str());
}

TEST(Commands, aWatchOnATerminalDrawsInPlace) {
  world.console.outTerminal = true;
  world.daemon.answer("GET /v1/runs/r1/follow?after=0&heartbeat=1s", kCreated + kDone + kFinished);
  world.daemon.data("GET /v1/runs/r1", R"({"run":{"id":"r1","status":"succeeded"}})");
  LONGS_EQUAL(0, world.run({"run", "watch", "r1", "--no-color"}));
  CHECK(has(world.console.outText, "\x1b[J"));
  CHECK(has(world.console.outText, "of gate  succeeded"));
}

TEST(Commands, logsGoWhereTheJobSentThem) {
  world.daemon.answer("GET /v1/runs/r1/logs?step=a",
                      R"({"step":"a","visit":1,"attempt":1,"stream":"stdout","text":"one\n"})"
                      "\n"
                      R"({"step":"a","visit":1,"attempt":1,"stream":"stderr","text":"two\n"})"
                      "\n"
                      R"({"step":"a","visit":1,"attempt":1,"stream":"stdout","base64":"/wA="})"
                      "\n");
  LONGS_EQUAL(0, world.run({"run", "logs", "r1", "--step", "a", "--quiet"}));
  CHECK(world.console.outText == std::string("one\n\xff\0", 6));
  STRCMP_EQUAL("two\n", world.console.errText.c_str());
}

TEST(Commands, logsCannotDriveATerminal) {
  world.console.outTerminal = true;
  world.daemon.answer("GET /v1/runs/r1/logs",
                      R"({"step":"a","stream":"stdout","text":"\u001b[2Jx\n"})"
                      "\n");
  LONGS_EQUAL(0, world.run({"run", "logs", "r1", "--no-color"}));
  CHECK(!has(world.console.outText, "\x1b"));
}

TEST(Commands, anOpenVaultWaitsForNoPassphrase) {
  world.console.input = "passphrase\n";
  LONGS_EQUAL(1, world.run({"secret", "unlock"}));
  CHECK(has(world.console.errText, "the vault is open"));
}

TEST(Commands, whatIsSuggestedLeadsToTheSameDaemon) {
  world.daemon.data("POST /v1/runs", R"({"run":{"id":"r1","flow":"gate","status":"running"}})");
  LONGS_EQUAL(0, world.run({"--user", "flow", "run", "gate", "--socket=/s"}));
  CHECK(has(world.console.errText, "watch it: belay --user --socket=/s run watch r1"));
  world.daemon.error("GET /v1/runs/r1", "BLY-PERMISSION", "no");
  LONGS_EQUAL(7, world.run({"run", "show", "r1", "--socket", "/s"}));
  CHECK(has(world.console.errText, "try: belay --socket /s doctor"));
  LONGS_EQUAL(7, world.run({"run", "show", "r1", "--user", "--json"}));
  CHECK(has(world.console.outText, "\"belay --user doctor\""));
  LONGS_EQUAL(0, world.run({"init", "--user"}));
  CHECK(has(world.console.outText, "  belay --user daemon\n"));
}

TEST(Commands, theTokenOfACallbackComesFromTheEnvironment) {
  world.environment["BELAY_CALLBACK_TOKEN"] = "t1";
  world.daemon.data("POST /v1/callbacks/w1", R"({"wait":"w1"})");
  LONGS_EQUAL(0, world.run({"callback", "w1"}));
  STRCMP_EQUAL("Bearer t1", world.daemon.asked.front().headers.front().second.c_str());
}

TEST(Commands, aSecretIsReadAndNeverShown) {
  world.console.input = "hunter2\n";
  world.daemon.data("PUT /v1/secrets/TOKEN",
                    R"({"secret":{"name":"TOKEN","version":1,"redacted":true}})");
  LONGS_EQUAL(0, world.run({"secret", "set", "TOKEN"}));
  STRCMP_EQUAL("hunter2", world.daemon.asked.front().body.c_str());
  CHECK(!has(world.console.outText + world.console.errText, "hunter2"));
  world.console.inputTerminal = true;
  world.console.hidden = "typed";
  LONGS_EQUAL(0, world.run({"secret", "set", "TOKEN"}));
  STRCMP_EQUAL("typed", world.daemon.asked.back().body.c_str());
  LONGS_EQUAL(2, world.run({"secret", "set", "TOKEN", "hunter2"}));
}

TEST(Commands, aSecretOfAnImpossibleNameIsRefusedBeforeItsValueIsTyped) {
  world.console.inputTerminal = true;
  world.console.hidden = "typed";
  LONGS_EQUAL(2, world.run({"secret", "set", "a.b"}));
  CHECK(has(world.console.errText, "[A-Za-z0-9_][A-Za-z0-9_-]{0,63}"));
  CHECK(!has(world.console.errText, "value of"));
  CHECK(world.daemon.asked.empty());
}

TEST(Commands, validationNeedsNoDaemonAndShowsEveryProblem) {
  world.daemon.reachable = false;
  write("bad.flow.yaml", "slug: X\nsteps:\n  - id: a\n    rum: {command: [ls]}\n");
  write("good.flow.yaml", "slug: x\nsteps:\n  - {id: a, set: {n: 1}}\n");
  LONGS_EQUAL(2, world.run({"flow", "validate", world.folder.at("good.flow.yaml"),
                            world.folder.at("bad.flow.yaml")}));
  CHECK(has(world.console.outText, "good.flow.yaml: ok, flow x, 1 steps"));
  CHECK(has(world.console.errText, "bad.flow.yaml:4:"));
  CHECK(has(world.console.errText, "bad.flow.yaml:1:"));
}

TEST(Commands, initMakesWhatIsMissingAndCanBeRepeated) {
  LONGS_EQUAL(0, world.run({"init", "--user"}));
  CHECK(has(world.console.outText, "made"));
  const std::string state = world.folder.at(".local/state/belay");
  CHECK(belay::base::fileExists(state + "/keys/local.key"));
  CHECK(belay::base::fileExists(state + "/keys/vault.key"));
  const auto key = belay::base::readFile(state + "/keys/vault.key", 100);
  LONGS_EQUAL(0, world.run({"init", "--user"}));
  CHECK(!has(world.console.outText, "made "));
  CHECK(*key == *belay::base::readFile(state + "/keys/vault.key", 100));
}

TEST(Commands, initMakesADaemonApart) {
  const std::string config = world.folder.at("demo/belay.yaml");
  LONGS_EQUAL(0,
              world.run({"init", "--user", "--config", config, "--state-folder",
                         world.folder.at("demo/state"), "--socket", world.folder.at("demo/sock")}));
  LONGS_EQUAL(0, world.run({"daemon", "--user", "--config", config}));
  STRCMP_EQUAL(world.folder.at("demo/state").c_str(),
               world.daemonOptions->paths.stateFolder.c_str());
  STRCMP_EQUAL(world.folder.at("demo/sock").c_str(), world.daemonOptions->paths.socket.c_str());
  STRCMP_EQUAL(config.c_str(), world.daemonOptions->configFile.c_str());
}

TEST(Commands, initWithSettingsOfItsOwnSharesNothingWithTheOtherDaemon) {
  const std::string config = world.folder.at("demo/belay.yaml");
  LONGS_EQUAL(0, world.run({"init", "--user", "--config", config}));
  LONGS_EQUAL(0, world.run({"daemon", "--user", "--config", config}));
  STRCMP_EQUAL(world.folder.at("demo/state").c_str(),
               world.daemonOptions->paths.stateFolder.c_str());
  STRCMP_EQUAL(world.folder.at("demo/state/belay.sock").c_str(),
               world.daemonOptions->paths.socket.c_str());
  // The settings of the mode, by their name: nothing else than without.
  const std::string usual = world.folder.at(".config/belay/belay.yaml");
  LONGS_EQUAL(0, world.run({"init", "--user", "--config", usual}));
  LONGS_EQUAL(0, world.run({"daemon", "--user"}));
  STRCMP_EQUAL(world.folder.at(".local/state/belay").c_str(),
               world.daemonOptions->paths.stateFolder.c_str());
}

TEST(Commands, theDaemonRefusesBadSettings) {
  write("bad.yaml", "stat: {}\n");
  LONGS_EQUAL(3, world.run({"daemon", "--config", world.folder.at("bad.yaml")}));
  CHECK(world.daemonOptions == nullptr);
  LONGS_EQUAL(3, world.run({"config", "check", world.folder.at("bad.yaml")}));
  LONGS_EQUAL(3, world.run({"daemon", "--config", world.folder.at("none.yaml")}));
  LONGS_EQUAL(0, world.run({"config", "defaults"}));
  write("defaults.yaml", world.console.outText);
  LONGS_EQUAL(0, world.run({"config", "check", world.folder.at("defaults.yaml")}));
}

TEST(Commands, socketComesFromFlagEnvironmentSettingsAndMode) {
  world.daemon.data("GET /v1/flows", R"({"flows":[]})");
  world.run({"flow", "list", "--user"});
  STRCMP_EQUAL(world.folder.at(".local/state/belay/belay.sock").c_str(), world.socket.c_str());
  world.run({"flow", "list", "--system"});
  STRCMP_EQUAL(world.folder.at("system/run/belay/belay.sock").c_str(), world.socket.c_str());
  write("s.yaml", "api: {socket: /s/a}\n");
  world.run({"flow", "list", "--config", world.folder.at("s.yaml")});
  STRCMP_EQUAL("/s/a", world.socket.c_str());
  world.environment["BELAY_SOCKET"] = "/s/b";
  world.run({"flow", "list", "--config", world.folder.at("s.yaml")});
  STRCMP_EQUAL("/s/b", world.socket.c_str());
  world.run({"flow", "list", "--socket", "/s/c"});
  STRCMP_EQUAL("/s/c", world.socket.c_str());
  LONGS_EQUAL(2, world.run({"flow", "list", "--user", "--system"}));
}

TEST(Commands, docsAreInTheBinary) {
  LONGS_EQUAL(0, world.run({"docs"}));
  CHECK(has(world.console.outText, "cli"));
  LONGS_EQUAL(0, world.run({"docs", "exit-codes"}));
  CHECK(has(world.console.outText, "# "));
  LONGS_EQUAL(8, world.run({"docs", "exit-code"}));
  CHECK(has(world.console.errText, "did you mean \"exit-codes\"?"));
}

// With the daemon down: its journal answers.
TEST_GROUP(DaemonDown) {
  FakeWorld world;
  belay::log::NoLog log;

  void setup() override {
    LONGS_EQUAL(0, world.run({"init", "--user"}));
    world.daemon.reachable = false;
    belay::journal::JournalOptions options;
    options.path = belay::settings::StateLayout{world.folder.at(".local/state/belay")}.journal();
    auto journal = belay::journal::Journal::open(options, world.clock, log);
    CHECK(journal.ok());
    belay::journal::RunRow row;
    row.id = *belay::base::RunId::parse("r01abc");
    row.slug = "gate";
    row.flowDigest = "sha256:1";
    row.source = "draft";
    row.status = belay::engine::RunStatus::kSucceeded;
    row.createdMs = row.finishedMs = world.clock.wallMs();
    belay::journal::RunHead head;
    CHECK((*journal)->addRun(row, head).ok());
    CHECK((*journal)
              ->appendEvent(
                  head, "run_created", row.createdMs,
                  R"({"flow":"gate","digest":"sha256:1","source":"draft","input":{},"state":{},)"
                  R"("by":"uid:0","first":"a","seed":1})")
              .ok());
    CHECK((*journal)
              ->appendEvent(head, "run_finished", row.createdMs, R"({"end":"succeeded"})")
              .ok());
    CHECK((*journal)->sealRun(head, row.createdMs).ok());
    CHECK((*journal)->putKv({"default", "k", "\"v\"", 0, row.createdMs}).ok());
    CHECK((*journal)->commit().ok());
    CHECK((*journal)->close().ok());
  }
};

TEST(DaemonDown, readsComeFromTheJournal) {
  LONGS_EQUAL(0, world.run({"run", "list", "--user", "--json"}));
  const auto envelope = belay::json::parse(world.console.outText);
  STRCMP_EQUAL("journal", envelope->at("/meta/source")->asString().c_str());
  STRCMP_EQUAL("r01abc", envelope->at("/data/runs/0/id")->asString().c_str());
  LONGS_EQUAL(0, world.run({"run", "show", "r01", "--user"}));
  LONGS_EQUAL(0, world.run({"kv", "get", "k", "--user"}));
  STRCMP_EQUAL("v\n", world.console.outText.c_str());
  LONGS_EQUAL(0, world.run({"journal", "verify", "--user"}));
  LONGS_EQUAL(0, world.run({"journal", "stats", "--user"}));
  LONGS_EQUAL(0, world.run({"journal", "backup", "--user", world.folder.at("copy.db")}));
  CHECK(belay::base::fileExists(world.folder.at("copy.db")));
}

TEST(DaemonDown, changesNeedTheDaemon) {
  LONGS_EQUAL(9, world.run({"run", "cancel", "r01", "--user"}));
  LONGS_EQUAL(9, world.run({"kv", "set", "k", "v", "--user"}));
  LONGS_EQUAL(9, world.run({"run", "logs", "r01", "--user"}));
}

TEST(DaemonDown, whatIsNotThereIsNotFoundAllTheSame) {
  LONGS_EQUAL(8, world.run({"run", "show", "rnone", "--user"}));
}

TEST(DaemonDown, secretsAreKeptByTheCommandItself) {
  world.console.input = "hunter2-hunter2";
  LONGS_EQUAL(0, world.run({"secret", "set", "TOKEN", "--user"}));
  LONGS_EQUAL(0, world.run({"secret", "list", "--user"}));
  CHECK(has(world.console.outText, "TOKEN"));
  LONGS_EQUAL(0, world.run({"secret", "delete", "TOKEN", "--force", "--user"}));
}

TEST(DaemonDown, theDoctorSaysSo) {
  world.world.uid = ::geteuid();
  world.run({"doctor", "--user"});
  CHECK(has(world.console.outText, "signing key"));
  CHECK(has(world.console.outText, "no daemon runs"));
}

TEST(Commands, aPushSaysWhereItsFileIs) {
  CHECK(belay::base::writeFileDurably(world.folder.at("x.flow.yaml"), "slug: x\n").ok());
  world.daemon.data("POST /v1/flows", R"({"flow":"x","digest":"sha256:01"})");
  LONGS_EQUAL(
      0, world.run({"flow", "push", world.folder.at("x.flow.yaml"), "--if-draft", "sha256:02"}));
  const auto body = belay::json::parse(world.daemon.asked.back().body);
  STRCMP_EQUAL(world.folder.at("x.flow.yaml").c_str(), body->text("origin").c_str());
  STRCMP_EQUAL("sha256:02", body->text("if_draft").c_str());
}

TEST(Commands, aRunThatReplacedTheDraftOfSomebodyElseSaysHowToGetItBack) {
  CHECK(belay::base::writeFileDurably(world.folder.at("x.flow.yaml"), "slug: x\n").ok());
  world.daemon.data("POST /v1/runs",
                    R"({"run":{"id":"r1","flow":"x","status":"running"},)"
                    R"J("replaced_draft":"sha256:01","replaced_draft_by":"uid:7 (bob)"})J");
  LONGS_EQUAL(0, world.run({"flow", "run", world.folder.at("x.flow.yaml")}));
  CHECK(
      has(world.console.errText,
          "replaced the draft of uid:7 (bob); it is kept: belay flow draft x --digest sha256:01"));
  LONGS_EQUAL(2, world.run({"flow", "run", world.folder.at("x.flow.yaml"), "--draft"}));
}

TEST(Commands, aDiffWithAFileIsMadeHere) {
  CHECK(belay::base::writeFileDurably(world.folder.at("x.flow.yaml"), "slug: x\nname: b\n").ok());
  world.daemon.data(
      "GET /v1/flows/x/content?of=draft",
      R"({"flow":"x","name":"draft","digest":"sha256:01","content":"slug: x\nname: a\n"})");
  LONGS_EQUAL(0, world.run({"flow", "diff", "x", "--from", "draft", "--to",
                            world.folder.at("x.flow.yaml")}));
  CHECK(has(world.console.outText, "@@ -1,2 +1,2 @@\n slug: x\n-name: a\n+name: b\n"));
}

TEST(Commands, anExportIsWrittenOnceAndTakenInAgain) {
  world.daemon.data(
      "GET /v1/flows/x/export?release=2",
      R"({"export":{"belay_export":1,"slug":"x","release":2,"digest":"sha256:01","content":"slug: x\n"}})");
  const std::string file = world.folder.at("x.json");
  LONGS_EQUAL(0, world.run({"flow", "export", "x", "2", file}));
  LONGS_EQUAL(1, world.run({"flow", "export", "x", "2", file}));
  LONGS_EQUAL(0, world.run({"flow", "export", "x", "2", file, "--force"}));
  LONGS_EQUAL(2, world.run({"flow", "export", "x", "two", file}));
  world.daemon.data("POST /v1/imports",
                    R"({"flow":"x","digest":"sha256:01","release":{"number":1},"existing":false})");
  LONGS_EQUAL(0, world.run({"flow", "import", file, "-q"}));
  STRCMP_EQUAL("1\n", world.console.outText.c_str());
  STRCMP_EQUAL(
      "x",
      belay::json::parse(world.daemon.asked.back().body)->at("/export/slug")->asString().c_str());
}

TEST(Commands, aCheckOfConnectionsFailsWhenOneIsMissing) {
  world.daemon.data(
      "GET /v1/flows/x/bindings",
      R"({"flow":"x","ready":false,"requires":[{"name":"chat","type":"chat","required_by":["draft"],)"
      R"("problem":"it is not bound","code":"BLY-CONNECTION-UNBOUND"}]})");
  LONGS_EQUAL(1, world.run({"flow", "configure", "x", "--check"}));
  CHECK(has(world.console.errText, "belay flow configure x chat=CONNECTION"));
  CHECK(has(world.console.outText, "it is not bound"));
  LONGS_EQUAL(2, world.run({"flow", "configure", "x"}));
}

TEST(Commands, aSearchGoesOnUntilThereIsEnough) {
  const char* const kFound =
      R"({"slug":"a","name":"","tags":[],"matches":["tag"],"archived":false})";
  world.daemon.data("GET /v1/search/flows?tag=t&limit=2",
                    std::string(R"({"flows":[)") + kFound + R"(],"next_after":"m"})");
  world.daemon.data("GET /v1/search/flows?tag=t&after=m&limit=1",
                    std::string(R"({"flows":[)") + kFound + "]}");
  LONGS_EQUAL(0, world.run({"flow", "search", "--tag", "t", "-n", "2", "-q"}));
  STRCMP_EQUAL("a\na\n", world.console.outText.c_str());
  LONGS_EQUAL(2, world.run({"flow", "search"}));
}
