#include "common/statement/Receipt.h"

#include <array>

#include "common/base/Units.h"
#include "common/json/Writer.h"
#include "common/statement/Payload.h"

namespace belay::statement {

using base::Result;

namespace {

constexpr std::size_t kCodeBytesMax = 64;
constexpr std::array<std::string_view, 3> kOutcomes{"accepted", "refused", "closed"};
constexpr std::array<std::string_view, 6> kGates{"open",      "approved", "rejected",
                                                 "timed_out", "closed",   "superseded"};
constexpr std::array<std::string_view, 9> kMembers{
    "v", "fleet", "host", "request", "decision", "outcome", "code", "gate", "created"};
constexpr PayloadShape kShape{"receipt", 8u << 10, 1, kMembers};

}  // namespace

std::string_view receiptOutcomeName(Receipt::Outcome outcome) {
  return kOutcomes.at(static_cast<std::size_t>(outcome));
}

std::string_view gateName(Receipt::Gate gate) { return kGates.at(static_cast<std::size_t>(gate)); }

Result<Receipt> Receipt::parse(std::string_view payload) {
  BELAY_ASSIGN(const json::Value value, openPayload(payload, kShape));
  Members members(value, "the receipt", kMembers);
  Receipt receipt;
  receipt.fleet = members.digest("fleet");
  receipt.host = members.thumbprint("host");
  receipt.request = members.digest("request");
  receipt.decision = members.digestOrNone("decision");
  receipt.outcome = static_cast<Outcome>(members.word("outcome", kOutcomes));
  receipt.code = members.text("code", kCodeBytesMax);
  receipt.gate = static_cast<Gate>(members.word("gate", kGates));
  receipt.createdMs = members.instant("created");
  if ((receipt.outcome == Outcome::kRefused) == receipt.code.empty()) {
    members.refuse("code", "must be there in a refusal, and in nothing else");
  }
  BELAY_TRY(members.status());
  return receipt;
}

std::string Receipt::print() const {
  std::string out;
  json::Writer writer(out);
  writer.beginObject()
      .member("v", kPayloadVersion)
      .member("fleet", fleet.hex())
      .member("host", host)
      .member("request", request.hex())
      .member("decision", hexOrNone(decision))
      .member("outcome", receiptOutcomeName(outcome))
      .member("code", code)
      .member("gate", gateName(gate))
      .member("created", base::formatInstant(createdMs))
      .endObject();
  return out;
}

}  // namespace belay::statement
