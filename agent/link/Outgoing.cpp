#include "agent/link/Outgoing.h"

#include <algorithm>
#include <utility>

#include "agent/runtime/HostTrust.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"
#include "common/statement/Sealed.h"
#include "common/wire/Protocol.h"

namespace belay::link {

using base::Result;
using statement::Receipt;
using statement::Request;
using statement::StartReceipt;

namespace {

/// Nothing when the request is gone with its run.
Result<std::optional<Draft::Asked>> askedIn(runtime::Runtime& runtime, const std::string& request) {
  std::optional<Draft::Asked> nothing;
  BELAY_ASSIGN(const auto gate, runtime.journal().gates().find(request));
  if (!gate) return nothing;
  BELAY_ASSIGN(const base::WaitId wait, base::WaitId::parse(gate->wait));
  BELAY_ASSIGN(const std::optional<journal::WaitRow> row, runtime.journal().wait(wait));
  const auto parsed = row ? runtime::gateRequest(row->requestJson) : std::nullopt;
  if (!parsed) return nothing;
  BELAY_ASSIGN(const runtime::HostTrust trust, runtime::hostTrust(runtime.journal()));
  if (!trust.roster) return nothing;
  Draft::Asked asked;
  asked.payload = row->requestJson;
  asked.lastsMs = requestLastsMs(parsed->expiresMs, runtime.clock().wallMs());
  const trust::Disclosure disclosure = runtime.policy().toRelay();
  asked.readable = disclosure == trust::Disclosure::kFull;
  if (disclosure != trust::Disclosure::kSealed) asked.summary = parsed->summary;
  asked.recipients = trust::answererKeys(*parsed, trust.roster->document);
  const bool reachesSomebody = asked.readable || !asked.recipients.empty();
  return reachesSomebody ? std::optional(std::move(asked)) : nothing;
}

std::string finishRequest(const Draft& draft, const crypto::P256PrivateKey& hostKey,
                          base::Random& random) {
  const Draft::Asked& asked = *draft.asked;
  const std::string statement = statement::signJws(hostKey, Request::kTyp, asked.payload);
  const auto row = json::parse(draft.row.body);
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("request", row ? row->text("request") : "");
  writer.member("lasts_ms", asked.lastsMs).member("summary", asked.summary);
  if (asked.readable) {
    writer.member("statement", statement);
  } else {
    writer.member("sealed",
                  statement::seal(statement, statement::kSealedRequest, asked.recipients, random));
  }
  writer.endObject();
  return out;
}

std::string finishReceipt(const Draft& draft, const crypto::P256PrivateKey& hostKey) {
  const auto row = json::parse(draft.row.body);
  if (!row) return "{}";
  std::string out;
  json::Writer(out)
      .beginObject()
      .member("request", row->text("request"))
      .member("decision", row->text("decision"))
      .member("closed", row->flag("closed"))
      .member("statement", statement::signJws(hostKey, Receipt::kTyp, row->text("payload")))
      .endObject();
  return out;
}

/// {"start","statement"} and {"statement"}, of what was put down as `payload`.
std::string finishSigned(const Draft& draft, std::string_view typ,
                         const crypto::P256PrivateKey& hostKey) {
  const auto row = json::parse(draft.row.body);
  if (!row) return "{}";
  std::string out;
  json::Writer writer(out);
  writer.beginObject();
  if (draft.row.kind == wire::kStartReceipt) writer.member("start", row->text("start"));
  writer.member("statement", statement::signJws(hostKey, typ, row->text("payload"))).endObject();
  return out;
}

}  // namespace

std::int64_t requestLastsMs(std::int64_t expiresMs, std::int64_t nowMs) {
  const std::int64_t left = expiresMs - nowMs;
  return left > 0 ? std::min(left, wire::kSequenceMax) : lastsMs(expiresMs, nowMs);
}

std::int64_t lastsMs(std::int64_t expiresMs, std::int64_t nowMs) {
  constexpr std::int64_t kLeast = 60LL * 60 * 1000;
  return expiresMs == 0 ? 0 : std::clamp(expiresMs - nowMs, kLeast, wire::kSequenceMax);
}

std::string requestRow(std::string_view request) {
  std::string out;
  json::Writer(out).beginObject().member("request", request).endObject();
  return out;
}

std::string receiptRow(const Receipt& receipt) {
  std::string out;
  json::Writer(out)
      .beginObject()
      .member("request", receipt.request.hex())
      .member("decision", receipt.decision == crypto::Digest{} ? "" : receipt.decision.hex())
      .member("closed", receipt.gate != Receipt::Gate::kOpen)
      .member("payload", receipt.print())
      .endObject();
  return out;
}

std::string startReceiptRow(const StartReceipt& receipt) {
  std::string out;
  json::Writer(out)
      .beginObject()
      .member("start", receipt.start.hex())
      .member("payload", receipt.print())
      .endObject();
  return out;
}

std::string offerRow(const statement::Offer& offer) {
  std::string out;
  json::Writer(out).beginObject().member("payload", offer.print()).endObject();
  return out;
}

Result<std::vector<Draft>> draftsOf(runtime::Runtime& runtime,
                                    std::vector<journal::OutboxRow> rows) {
  std::vector<Draft> out;
  std::size_t bytes = 0;
  for (journal::OutboxRow& row : rows) {
    Draft draft{std::move(row), std::nullopt};
    if (draft.row.kind == wire::kRequest) {
      BELAY_ASSIGN(const json::Value body, json::parse(draft.row.body));
      BELAY_ASSIGN(draft.asked, askedIn(runtime, body.text("request")));
    }
    // Signed and sealed it is twice as long.
    bytes += draft.row.body.size() + (draft.asked ? 2 * draft.asked->payload.size() : 0);
    out.push_back(std::move(draft));
    if (bytes > wire::kBatchBytesMax) break;
  }
  return out;
}

bool needsKey(const std::vector<Draft>& drafts) {
  return std::any_of(drafts.begin(), drafts.end(), [](const Draft& draft) {
    return draft.asked.has_value() || draft.row.kind == wire::kReceipt ||
           draft.row.kind == wire::kStartReceipt || draft.row.kind == wire::kOffer;
  });
}

std::string finishDraft(const Draft& draft, const crypto::P256PrivateKey& hostKey,
                        base::Random& random) {
  if (draft.asked) return finishRequest(draft, hostKey, random);
  if (draft.row.kind == wire::kReceipt) return finishReceipt(draft, hostKey);
  if (draft.row.kind == wire::kStartReceipt) {
    return finishSigned(draft, StartReceipt::kTyp, hostKey);
  }
  if (draft.row.kind == wire::kOffer) return finishSigned(draft, statement::Offer::kTyp, hostKey);
  return draft.row.body;
}

}  // namespace belay::link
