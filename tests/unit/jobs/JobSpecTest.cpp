// What checkJobSpec() refuses, and that a request comes out of the socket as it went in.
// The requests are cut and changed at every byte, because the supervisor hands out pointers into
// them.

#include <cstring>

#include "agent/jobs/JobRequest.h"
#include "agent/jobs/JobSpec.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using namespace belay::jobs;

TEST_GROUP(JobSpec) {
  JobSpec spec;

  void setup() override {
    spec.id = belay::base::JobId::parse("job").value();
    spec.command = {"/bin/echo", "a", ""};
    spec.workFolder = "/tmp";
    spec.environment = {{"PATH", "/bin:/usr/bin"}, {"EMPTY", ""}};
  }
  void refuses(ErrorCode code) {
    const auto status = checkJobSpec(spec);
    CHECK_FALSE(status.ok());
    CHECK(status.error().code == code);
  }
};

TEST(JobSpec, acceptsACommandAndAScript) {
  CHECK(checkJobSpec(spec).ok());
  spec.command.clear();
  spec.script = "exit 0";
  CHECK(checkJobSpec(spec).ok());
}

TEST(JobSpec, refusesNeitherAndBothOfCommandAndScript) {
  spec.script = "exit 0";
  refuses(ErrorCode::kInvalidArgument);
  spec.script.clear();
  spec.command.clear();
  refuses(ErrorCode::kInvalidArgument);
}

TEST(JobSpec, refusesNulAnywhere) {
  const std::string nul("a\0b", 3);
  spec.command[1] = nul;
  refuses(ErrorCode::kInvalidArgument);
  setup();
  spec.environment[0].second = nul;
  refuses(ErrorCode::kInvalidArgument);
  setup();
  spec.workFolder = "/" + nul;
  refuses(ErrorCode::kInvalidArgument);
  setup();
  spec.command.clear();
  spec.script = nul;
  refuses(ErrorCode::kInvalidArgument);
}

TEST(JobSpec, refusesNamesThatAreNoVariables) {
  for (const char* name :
       {"", "1A", "A-B", "A=B", "A B", "\xC3\xA4", "BELAY_JOB_ID", "BELAY_RESULT_FD", "PATH"}) {
    setup();
    spec.environment.emplace_back(name, "x");
    refuses(ErrorCode::kInvalidArgument);
  }
}

TEST(JobSpec, neverShowsTheValueOfAVariable) {
  spec.environment.emplace_back("TOKEN", std::string("canary\0", 7));
  CHECK(checkJobSpec(spec).error().message.find("canary") == std::string::npos);
}

TEST(JobSpec, refusesRelativeFoldersAndTwoInputs) {
  spec.workFolder = "tmp";
  refuses(ErrorCode::kInvalidArgument);
  setup();
  spec.stdinPath = "relative";
  refuses(ErrorCode::kInvalidArgument);
  setup();
  spec.stdinPath = "/etc/hostname";
  spec.stdinText = "text";
  refuses(ErrorCode::kInvalidArgument);
}

TEST(JobSpec, refusesWhatTheKernelWouldRefuse) {
  spec.command.emplace_back(128 * 1024, 'x');
  refuses(ErrorCode::kLimit);
  setup();
  for (int i = 0; i < 12; ++i)
    spec.environment.emplace_back("V" + std::to_string(i), std::string(100'000, 'x'));
  refuses(ErrorCode::kLimit);
  setup();
  for (int i = 0; i < 5000; ++i) spec.command.emplace_back("x");
  refuses(ErrorCode::kLimit);
}

TEST_GROUP(JobRequest){std::string encoded(){JobSpec spec;
spec.id = belay::base::JobId::parse("job").value();
spec.command = {"tool", "", "a b"};
spec.workFolder = "/work";
spec.environment = {{"PATH", "/a:relative::/b"}, {"EMPTY", ""}};
spec.deadline = std::chrono::milliseconds(77);
spec.limits.openFiles = 9;
return encodeRequest(spec, "/jobs", "/cgroup");
}
}
;

TEST(JobRequest, isReadAsItWasWritten) {
  std::string payload = encoded();
  const auto request = parseRequest(payload);
  CHECK(request.ok());
  STRCMP_EQUAL("job", request->id);
  STRCMP_EQUAL("/work", request->workFolder);
  STRCMP_EQUAL("/cgroup", request->cgroup);
  LONGS_EQUAL(3, request->programs.size());
  STRCMP_EQUAL("/a/tool", request->programs[0]);
  STRCMP_EQUAL("/b/tool", request->programs[1]);
  LONGS_EQUAL(4, request->arguments.size());
  STRCMP_EQUAL("", request->arguments[1]);
  POINTERS_EQUAL(nullptr, request->arguments[3]);
  STRCMP_EQUAL("EMPTY=", request->environment[1]);
  STRCMP_EQUAL("BELAY_JOB_ID=job", request->environment[2]);
  LONGS_EQUAL(77, request->deadlineBootMs);
  LONGS_EQUAL(9, request->openFiles);
  LONGS_EQUAL(-1, request->user);
}

TEST(JobRequest, isRefusedWhenItWasCut) {
  const std::string whole = encoded();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    std::string cut = whole.substr(0, length);
    CHECK_FALSE(parseRequest(cut).ok());
  }
}

TEST(JobRequest, neverLeadsOutsideOfItsPayload) {
  belay::test::SeededRandom random(7);
  const std::string whole = encoded();
  for (int round = 0; round < 20'000; ++round) {
    std::uint8_t bytes[4];
    random.fill(bytes);
    std::string changed = whole;
    changed[(bytes[0] | bytes[1] << 8) % changed.size()] = static_cast<char>(bytes[2]);
    changed[(bytes[1] | bytes[3] << 8) % changed.size()] = static_cast<char>(bytes[0]);
    const auto request = parseRequest(changed);
    if (!request.ok()) continue;
    for (const auto& list : {request->programs, request->arguments, request->environment}) {
      for (const char* text : list) {
        if (text == nullptr) continue;
        CHECK(text >= changed.data());
        CHECK(text + std::strlen(text) < changed.data() + changed.size());
      }
    }
  }
}
