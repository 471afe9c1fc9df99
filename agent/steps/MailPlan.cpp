#include "agent/steps/Fields.h"
#include "agent/steps/ToolPlans.h"
#include "agent/tools/MailText.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
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

/// The reference of a resource: a text, or the output of a step that kept one.
Result<std::string> refOf(const Value& item, const Fields& fields) {
  const Value* from = item.find("from");
  const std::string ref = !from             ? std::string()
                          : from->isString() ? from->asString()
                                             : from->text("ref");
  if (ref.starts_with("res://")) return ref;
  return fields.wrong("attachments",
                      "is no resource: give res://sha256/…, or an output that was kept (persist)");
}

class Attachments {
 public:
  Attachments(const Value& values, const Fields& fields, const ResourceLookup& resources)
      : values_(values), fields_(fields), resources_(resources) {}

  Status read(ToolPlan& plan) {
    const Value* list = values_.find("attachments");
    if (!list || list->isNull()) return {};
    Value out{json::Array{}};
    for (const Value& item : list->asArray()) {
      BELAY_ASSIGN(Value each, one(item, plan));
      out.push(std::move(each));
    }
    plan.request.set("attachments", std::move(out));
    BELAY_ASSIGN(const std::uint64_t most,
                 base::parseBytes(plan.connection.text("attachments_max", "20 MB")));
    if (bytes_ <= most) return {};
    return Error{ErrorCode::kLimit,
                 "the attachments have " + base::formatBytes(bytes_) + ", more than the " +
                     base::formatBytes(most) + " of attachments_max of the connection",
                 {"send a link: belay resource url"}};
  }

 private:
  Result<Value> one(const Value& item, ToolPlan& plan) {
    BELAY_ASSIGN(const std::string ref, refOf(item, fields_));
    BELAY_ASSIGN(const std::optional<journal::ResourceRow> row, resources_(ref));
    if (!row) return Error{ErrorCode::kResourceNotFound, "the host has no resource " + base::visible(ref)};
    bytes_ += row->size;
    // The same content may have several names; an output says which one is meant.
    const Value& from = *item.find("from");
    std::string known = from.text("name", row->name);
    known.erase(0, known.rfind('/') + 1);
    tools::Attachment attachment;
    attachment.name = item.text("filename", known.empty() ? "attachment" : known);
    attachment.type = item.text("content_type", from.text("media_type", row->mediaType));
    if (attachment.type.empty()) attachment.type = "application/octet-stream";
    // Parameters of the resource's own type, such as a charset, are not needed to give it back.
    if (!item.find("content_type"))
      attachment.type = base::trim(attachment.type.substr(0, attachment.type.find(';')));
    BELAY_TRY(tools::checkAttachment(attachment));
    plan.files.push_back(ref);
    Value out;
    out.set("name", attachment.name).set("type", attachment.type).set("digest", row->digest);
    return out;
  }

  const Value& values_;
  const Fields& fields_;
  const ResourceLookup& resources_;
  std::uint64_t bytes_ = 0;
};

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

Result<ToolPlan> planMail(const runtime::Attempt& attempt, const vault::ConnectionStore& connections,
                          const ResourceLookup& resources) {
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
  BELAY_TRY(Attachments(values, fields, resources).read(plan));
  plan.effect.facts.back().second = recipients;
  plan.effect.inputDigest = crypto::sha256(json::print(plan.request)).hex();
  return plan;
}

}  // namespace belay::steps
