// Addresses and mails in a table: what is written, what is refused, and that nothing of a text
// becomes a header or ends the mail.

#include "agent/tools/MailText.h"

#include <CppUTest/TestHarness.h>

using belay::tools::Mail;
using belay::tools::parseMailbox;
using belay::tools::printMail;
using belay::tools::stuffDots;

TEST_GROUP(MailText) {
  Mail mail;

  void setup() override {
    mail.from = *parseMailbox("Belay <belay@example.com>");
    mail.to = {*parseMailbox("ada@example.com")};
    mail.id = "belay.1@example.com";
    mail.origin = "run step";
    mail.wallMs = 1'764'400'000'000;
  }
  std::string printed() {
    const auto text = printMail(mail);
    CHECK(text.ok());
    return *text;
  }
  void has(const char* part) { STRCMP_CONTAINS(part, printed().c_str()); }
};

TEST(MailText, addressesWithAndWithoutANameAreRead) {
  CHECK_EQUAL(std::string("a@b.c"), parseMailbox("a@b.c")->address);
  const auto named = parseMailbox("  Ada \"L\" <a.l+x@b-c.org> ");
  CHECK_EQUAL(std::string("a.l+x@b-c.org"), named->address);
  CHECK_EQUAL(std::string("Ada \"L\""), named->name);
  CHECK_EQUAL(std::string("Ada"), parseMailbox("\"Ada\" <a@b>")->name);
  for (const char* text : {"", "a", "@b", "a@", "a b@c", "a@b c", "<a@b", "a@b>", "a@b\nX: y", "a\r@b", "a@b, c@d",
                           "N <a@b> <c@d>x", "\xc3\xa9@b", "a@.b", "a@b.", "a@b\x7f", "\xff <a@b>"})
    CHECK_FALSE_TEXT(parseMailbox(text).ok(), text);
}

TEST(MailText, headersAreThoseOfTheMailAndNoOthers) {
  mail.cc = {*parseMailbox("B\xc3\xb8" "b <bob@example.com>")};
  mail.subject = "Hello";
  has("From: \"Belay\" <belay@example.com>\r\n");
  has("To: ada@example.com\r\n");
  has("Cc: =?utf-8?B?QsO4Yg==?=\r\n <bob@example.com>\r\n");
  has("Date: Sat, 29 Nov 2025 07:06:40 +0000\r\n");
  has("Message-ID: <belay.1@example.com>\r\n");
  mail.subject = "a\r\nBcc: x@example.com";
  CHECK_FALSE(printMail(mail).ok());
  mail.subject = "=?utf-8?B?QQ==?=";
  has("Subject: =?utf-8?B?PT91dGYtOD9CP1FRPT0/PQ==?=\r\n");
}

TEST(MailText, aLongSubjectIsFoldedBetweenCharacters) {
  for (int i = 0; i < 60; ++i) mail.subject += "\xc3\xa9";
  for (const std::string_view word : {"Subject: =?utf-8?B?", "?=\r\n =?utf-8?B?"}) has(std::string(word).c_str());
}

TEST(MailText, textsKeepTheirLinesAndLongOnesAreCut) {
  mail.text = "one\n.\ntab\t\nspace \n= \xc3\xa9\n" + std::string(200, 'x');
  has("one\r\n.\r\ntab=09\r\nspace=20\r\n=3D =C3=A9\r\n");
  has("x=\r\nx");
  STRCMP_CONTAINS("one\r\n..\r\n", stuffDots(printed()).c_str());
}

TEST(MailText, anAttachmentIsNoMailInWhateverCase) {
  for (const char* type : {"message/rfc822", "Message/RFC822", "multipart/mixed", "MULTIPART/Mixed"})
    CHECK_FALSE_TEXT(belay::tools::checkAttachment({"a", type}).ok(), type);
  for (const char* type : {"text/plain", "Text/PLAIN", "application/message"})
    CHECK_TRUE_TEXT(belay::tools::checkAttachment({"a", type}).ok(), type);
}

TEST(MailText, htmlStandsBesideTheText) {
  mail.text = "plain";
  mail.html = "<p>html</p>";
  has("multipart/alternative; boundary=\"=_");
  has("Content-Type: text/plain; charset=utf-8");
  has("Content-Type: text/html; charset=utf-8");
  CHECK(printed().ends_with("--\r\n"));
}
