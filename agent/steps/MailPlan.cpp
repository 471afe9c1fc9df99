#include "agent/steps/Fields.h"
#include "agent/steps/ToolPlans.h"
#include "agent/tools/MailText.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr std::size_t kRecipientsMax = 200;

/// A text, or a list of texts: addresses.
Result<std::vector<std::string>> addressesOf(const Value& values, const Fields& fields,
                                             std::string_view name) {
  const Value* given = values.find(name);
  if (given && given->isString()) return std::vector<std::string>{given->asString()};
  return fields.texts(name);
}

Status readRecipients(const Value& values, const Fields& fields, ToolPlan& plan,
                      std::vector<std::string>& all) {
  for (const std::string_view name : {"to", "cc", "bcc", "reply_to"}) {
    BELAY_ASSIGN(const std::vector<std::string> texts, addressesOf(values, fields, name));
    Value list{json::Array{}};
    for (const std::string& text : texts) {
      BELAY_ASSIGN(const tools::Mailbox box, tools::parseMailbox(text));
      list.push(text);
      if (name != "reply_to") all.push_back(box.address);
    }
    plan.request.set(name, std::move(list));
  }
  if (!plan.request.find("to")->asArray().empty() && all.size() <= kRecipientsMax) return {};
  if (all.size() > kRecipientsMax)
    return fields.wrong("to", "has more than " + std::to_string(kRecipientsMax) + " recipients");
  return fields.wrong("to", "is missing: a mail needs a recipient");
}

}  // namespace

namespace {

/// What a mail and a test of the connection have in common.
Result<ToolPlan> planConnection(const runtime::Attempt& attempt, const Fields& fields,
                                const vault::ConnectionStore& connections) {
  ToolPlan plan;
  plan.command = {"/proc/self/exe", "step", "mail"};
  plan.ours = true;
  plan.effect.section = "mail";
  BELAY_ASSIGN(const std::string name, fields.text("connection"));
  BELAY_ASSIGN(const vault::ConnectionPtr found,
               toolConnection(connections, attempt, name, "smtp"));
  useConnection(*found, plan);
  const Value& definition = std::get<vault::ToolConnection>(found->kind).fields;
  BELAY_ASSIGN(const tools::Mailbox sender, tools::parseMailbox(definition.text("from")));
  plan.effect.facts = {
      {"hosts", {base::toLower(definition.text("host"))}}, {"from", {sender.address}}, {"to", {}}};
  if (const auto bound = base::parseDuration(definition.text("connect_timeout")))
    plan.request.set("connect_timeout_ms", static_cast<std::int64_t>(bound->count()));
  return plan;
}

}  // namespace

Result<ToolPlan> planMail(const runtime::Attempt& attempt,
                          const vault::ConnectionStore& connections) {
  BELAY_ASSIGN(const Value values, json::parse(attempt.renderedJson));
  const Fields fields(values, attempt.key.path);
  BELAY_ASSIGN(ToolPlan plan, planConnection(attempt, fields, connections));
  // Of an operator who tries the connection; no flow can say it.
  if (fields.has("probe")) {
    plan.request.set("probe", "test");
    return plan;
  }
  BELAY_ASSIGN(const std::string subject, fields.text("title", attempt.slug + ": " + attempt.key.path));
  BELAY_ASSIGN(const std::string text, fields.text("text"));
  BELAY_ASSIGN(const std::string html, fields.text("html"));
  std::vector<std::string> recipients;
  BELAY_TRY(readRecipients(values, fields, plan, recipients));
  // What cannot be written is refused here, before the policy is asked and a job is made.
  tools::Mail probe;
  probe.subject = subject;
  BELAY_TRY([&]() -> Status {
    const auto printed = tools::printMail(probe);
    return printed ? Status() : Status(printed.error());
  }());
  plan.request.set("subject", subject).set("text", text).set("html", html);
  plan.effect.facts.back().second = recipients;
  plan.effect.inputDigest = crypto::sha256(json::print(plan.request)).hex();
  return plan;
}

}  // namespace belay::steps
