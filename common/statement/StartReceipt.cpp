#include "common/statement/StartReceipt.h"

#include <array>

#include "common/base/Ids.h"
#include "common/base/Units.h"
#include "common/json/Writer.h"
#include "common/statement/Payload.h"

namespace belay::statement {

using base::Result;

namespace {

constexpr std::size_t kCodeBytesMax = 64;
constexpr std::array<std::string_view, 3> kOutcomes{"accepted", "refused", "skipped"};
constexpr std::array<std::string_view, 9> kMembers{"v",       "fleet", "host", "start",  "signer",
                                                   "outcome", "code",  "run",  "created"};
constexpr PayloadShape kShape{"start receipt", 8u << 10, 1, kMembers};

}  // namespace

std::string_view startOutcomeName(StartReceipt::Outcome outcome) {
  return kOutcomes.at(static_cast<std::size_t>(outcome));
}

Result<StartReceipt> StartReceipt::parse(std::string_view payload) {
  BELAY_ASSIGN(const json::Value value, openPayload(payload, kShape));
  Members members(value, "the start receipt", kMembers);
  StartReceipt receipt;
  receipt.fleet = members.digest("fleet");
  receipt.host = members.thumbprint("host");
  receipt.start = members.digest("start");
  receipt.signer = members.thumbprint("signer");
  receipt.outcome = static_cast<Outcome>(members.word("outcome", kOutcomes));
  receipt.code = members.text("code", kCodeBytesMax);
  receipt.run = members.text("run", kCodeBytesMax);
  receipt.createdMs = members.instant("created");
  if ((receipt.outcome == Outcome::kRefused) == receipt.code.empty()) {
    members.refuse("code", "must be there in a refusal, and in nothing else");
  }
  const bool accepted = receipt.outcome == Outcome::kAccepted;
  if (accepted ? !base::isIdentifier(receipt.run) : !receipt.run.empty()) {
    members.refuse("run", "must be there of what was accepted, and of nothing else");
  }
  BELAY_TRY(members.status());
  return receipt;
}

std::string StartReceipt::print() const {
  std::string out;
  json::Writer writer(out);
  writer.beginObject()
      .member("v", kPayloadVersion)
      .member("fleet", fleet.hex())
      .member("host", host)
      .member("start", start.hex())
      .member("signer", signer)
      .member("outcome", startOutcomeName(outcome))
      .member("code", code)
      .member("run", run)
      .member("created", base::formatInstant(createdMs))
      .endObject();
  return out;
}

}  // namespace belay::statement
