#include "agent/cli/Commands.h"
#include "agent/cli/Signing.h"
#include "common/crypto/P256.h"

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {{"out", 0, "FILE", "write the public key too, for `belay trust card`"}};

Result<api::Envelope> showKey(Invocation& invocation) {
  BELAY_ASSIGN(api::Envelope answer, invocation.get("/v1/host/key"));
  if (answer.error || !invocation.has("out")) return answer;
  const Value* jwk = answer.data.find("key");
  if (!jwk) return base::Error{base::ErrorCode::kInternal, "the daemon gave no key"};
  BELAY_ASSIGN(const auto key, crypto::P256PublicKey::fromJwk(*jwk));
  BELAY_TRY(writeNew(invocation.flag("out"), key.jwk() + "\n"));
  return answer;
}

std::string print(const Invocation&, const Value& data) { return data.text("host") + "\n"; }

}  // namespace

const Command kHostKeyCommand{
    "host key",
    "",
    "show the thumbprint of this host's key, by which people and relays know it",
    "Give it to approvers and to the registrar by another way than the relay. The key is made "
    "where there is none, and never leaves the host.",
    kFlags,
    &showKey,
    &print};

}  // namespace belay::cli
