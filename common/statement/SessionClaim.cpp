#include "common/statement/SessionClaim.h"

#include <array>

#include "common/json/Writer.h"
#include "common/statement/Payload.h"

namespace belay::statement {

using base::Result;

namespace {

constexpr std::size_t kUrlBytesMax = 2048;
constexpr std::size_t kEpochBytesMax = 128;
constexpr std::array<std::string_view, 9> kMembers{"v",      "fleet", "relay", "nonce", "epoch",
                                                   "number", "sent",  "ended", "head"};
constexpr PayloadShape kShape{"session", 8u << 10, 1, kMembers};

}  // namespace

Result<SessionClaim> SessionClaim::parse(std::string_view payload) {
  BELAY_ASSIGN(const json::Value value, openPayload(payload, kShape));
  Members members(value, "the session", kMembers);
  SessionClaim claim;
  claim.fleet = members.digestOrNone("fleet");
  claim.relay = members.text("relay", kUrlBytesMax);
  // As long as a thumbprint, and as strictly written.
  claim.nonce = members.thumbprint("nonce");
  claim.epoch = members.text("epoch", kEpochBytesMax);
  claim.number = members.number("number", 1);
  claim.sent = members.number("sent", 0);
  claim.ended = members.number("ended", 0);
  claim.head = members.digestOrNone("head");
  BELAY_TRY(members.status());
  return claim;
}

std::string SessionClaim::print() const {
  std::string out;
  json::Writer writer(out);
  writer.beginObject()
      .member("v", kPayloadVersion)
      .member("fleet", hexOrNone(fleet))
      .member("relay", relay)
      .member("nonce", nonce)
      .member("epoch", epoch)
      .member("number", std::to_string(number))
      .member("sent", std::to_string(sent))
      .member("ended", std::to_string(ended))
      .member("head", hexOrNone(head))
      .endObject();
  return out;
}

}  // namespace belay::statement
