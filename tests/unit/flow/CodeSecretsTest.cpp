// Codes that name a secret in the ways there are, and codes that only look like it.

#include "agent/flow/CodeSecrets.h"

#include <CppUTest/TestHarness.h>

using belay::flow::codeNamesSecret;

TEST_GROUP(CodeSecrets){};

TEST(CodeSecrets, seesTheKeyHoweverItIsWritten) {
  for (const char* code : {R"(env: {A: {secret: "TOKEN"}})", R"({secret:'TOKEN'})", R"({secret: `TOKEN`})",
                           R"({"secret" : "TOKEN"})", "{secret:\n  \"TOKEN\"}", R"({'secret':"TOKEN"})"}) {
    CHECK_TRUE_TEXT(codeNamesSecret(code, "TOKEN"), code);
    CHECK_FALSE_TEXT(codeNamesSecret(code, "TOKE"), code);
    CHECK_FALSE_TEXT(codeNamesSecret(code, "TOKEN2"), code);
  }
}

TEST(CodeSecrets, seesNamesThatAreComputedFromTextsOfTheCode) {
  CHECK(codeNamesSecret(R"(const n = prod ? "LIVE" : "TEST"; use({secret: n}))", "TEST"));
  CHECK(codeNamesSecret(R"(const secret = "LIVE"; use({secret}))", "LIVE"));
  CHECK(codeNamesSecret(R"(for (const n of ['A1', 'B2']) use({secret: n}))", "B2"));
  CHECK_FALSE(codeNamesSecret(R"(for (const n of ['A1', 'B2']) use({secret: n}))", "C3"));
}

TEST(CodeSecrets, seesKeysThatAreSetAndComputed) {
  CHECK(codeNamesSecret(R"(const x = {}; x.secret = "TOKEN"; use(x))", "TOKEN"));
  CHECK(codeNamesSecret(R"(use({["secret"]: "TOKEN"}))", "TOKEN"));
  CHECK(codeNamesSecret(R"(const x = {}; x["secret"] = "TOKEN"; use(x))", "TOKEN"));
  CHECK_FALSE(codeNamesSecret(R"(x.secret = "OTHER")", "TOKEN"));
}

TEST(CodeSecrets, seesNothingWhereNoSecretIsNamed) {
  CHECK_FALSE(codeNamesSecret(R"(log("TOKEN"))", "TOKEN"));
  CHECK_FALSE(codeNamesSecret(R"({mysecret: "TOKEN"})", "TOKEN"));
  CHECK_FALSE(codeNamesSecret(R"({secrets: "TOKEN"})", "TOKEN"));
  CHECK_FALSE(codeNamesSecret(R"(x.secrets = "TOKEN")", "TOKEN"));
  CHECK_FALSE(codeNamesSecret("", "TOKEN"));
  CHECK_FALSE(codeNamesSecret("secret", "TOKEN"));
  CHECK_FALSE(codeNamesSecret("{secret:", "TOKEN"));
}
