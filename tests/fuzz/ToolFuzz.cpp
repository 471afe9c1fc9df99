// What programs of steps and mail servers' addresses are read from: the result of a plugin, by the
// first byte, or a mail with the rest as its texts. A verdict is never both "nothing left" and
// "unknown"; a printed mail has no line that the texts could have made a header of.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/steps/ToolEnding.h"
#include "agent/tools/MailText.h"
#include "agent/tools/RemoteCommand.h"
#include "common/base/Check.h"
#include "common/json/Json.h"
#include "tests/fuzz/Input.h"

namespace {

using namespace belay;

void judge(std::string_view text) {
  auto parsed = json::parse(text);
  if (!parsed) return;
  jobs::JobOutcome outcome;
  outcome.result = std::move(*parsed);
  steps::ToolPlan plan;
  plan.okExitCodes = {0};
  const steps::ToolVerdict verdict = steps::judgeTool(runtime::Attempt{}, plan, outcome);
  BELAY_CHECK(verdict.output.isObject());
  BELAY_CHECK(!verdict.unknown || verdict.failure.has_value());
  BELAY_CHECK(!verdict.failure || !verdict.failure->nothingLeft || !verdict.unknown);
}

void print(std::string_view text) {
  const auto [address, rest] = fuzz::split(text, '\x1f');
  const auto box = tools::parseMailbox(address);
  tools::Mail mail;
  if (box) {
    BELAY_CHECK(box->address.find_first_of("\r\n <>") == std::string::npos);
    mail.from = *box;
    mail.to = {*box};
  }
  mail.subject = rest.substr(0, rest.size() / 2);
  mail.text = rest;
  mail.html = rest.substr(rest.size() / 2);
  mail.id = "a@b";
  const auto printed = tools::printMail(mail);
  if (!printed) return;
  for (std::size_t at = 0; at < printed->size(); ++at) {
    const auto byte = static_cast<unsigned char>((*printed)[at]);
    BELAY_CHECK(byte < 0x80);
    if (byte == '\n') BELAY_CHECK(at > 0 && (*printed)[at - 1] == '\r');
    if (byte == '\r') BELAY_CHECK(at + 1 < printed->size() && (*printed)[at + 1] == '\n');
  }
  BELAY_CHECK(tools::stuffDots(*printed).find("\r\n.\r\n") == std::string::npos);
}

void quote(std::string_view text) {
  tools::RemoteCommand command;
  command.argv = {std::string(text)};
  command.environment = {{"A", std::string(text)}};
  const tools::RemoteLine line = tools::remoteLine(command);
  BELAY_CHECK(line.prelude.find('\n') == line.prelude.size() - 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = belay::fuzz::textOf(data + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      judge(text);
      break;
    case 1:
      print(text);
      break;
    default:
      quote(text);
  }
  return 0;
}
