#include "agent/link/RemoteStart.h"

#include <utility>

#include "common/statement/Sealed.h"
#include "common/wire/Body.h"
#include "common/wire/Protocol.h"

namespace belay::link {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using statement::SignedStatement;

namespace {

constexpr const char* kBy = "relay";

Result<SignedStatement> open(const Value& body, const HostKey& hostKey) {
  BELAY_TRY(wire::checkMembers(body, "start sealed"));
  BELAY_ASSIGN(const std::string sealed, wire::textMember(body, "sealed", true));
  BELAY_ASSIGN(const crypto::P256PrivateKey key, hostKey());
  BELAY_ASSIGN(const std::string lines, statement::unseal(sealed, statement::kSealedStart, key));
  BELAY_ASSIGN(SignedStatement statement, SignedStatement::parse(lines));
  // What is told about a start goes where its name says.
  if (statement.digest().hex() == body.text("start")) return statement;
  return Error{ErrorCode::kLinkMessage, "a start has another digest than the relay says"};
}

}  // namespace

bool isStart(const Incoming& message) { return message.kind == wire::kStart; }

CheckedStart checkStart(const Value& body, const std::optional<statement::Roster>& roster,
                        const HostKey& hostKey) {
  auto statement = open(body, hostKey);
  if (!statement) return {std::nullopt, statement.error()};
  if (!roster) {
    return {std::move(*statement), Error{ErrorCode::kTrustNone, "this host believes no roster"}};
  }
  auto believed = statement::verifyStart(*statement, *roster);
  return {std::move(*statement), std::move(believed)};
}

Status takeStart(runtime::Runtime& runtime, const CheckedStart& start) {
  if (!start.believed) return start.believed.error();
  const auto taken = runtime.starts().take(*start.statement, *start.believed, kBy);
  return taken ? Status{} : Status{taken.error()};
}

}  // namespace belay::link
