#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/json/Value.h"
#include "relay/mailbox/Mailbox.h"
#include "relay/service/Events.h"

namespace belay::service {

// What an administrator asks of a relay, through its Unix socket or, while it is down, of the store
// itself. Threads: the store's owner. Errors: of the store besides those named.

/// {"hosts":[{"host","label","enrolled_at","seen_at","connected","queued",
/// "queued_bytes"}]}
base::Result<json::Value> listHosts(mailbox::Mailbox& mailbox);
/// Others are told. Errors: kRelayHost.
base::Result<json::Value> removeHost(mailbox::Mailbox& mailbox, const std::string& id,
                                     const EventSource& source);

/// {"tokens":[{"token","role","label","expires_at","host"}]}: "token" is the beginning of its
/// digest, by which it can be removed.
base::Result<json::Value> listTokens(mailbox::Mailbox& mailbox, std::int64_t nowMs);

/// By the beginning of its digest. Errors: kNotFound, kInvalidArgument when several begin so.
base::Result<json::Value> removeToken(mailbox::Mailbox& mailbox, const std::string& prefix);

struct NewToken {
  mailbox::TokenRow row;
  std::string secret;  ///< Shown once: nothing keeps it.
};
/// What makes a token of this role, for whoever has none.
std::string newTokenCommand(std::string_view role);
/// From {"role","label","expires_s"}. Errors: kInvalidArgument.
base::Result<NewToken> makeToken(const json::Value& body, base::Random& random, std::int64_t nowMs);
/// {"token","role","secret","expires_at"}
json::Value toJson(const NewToken& token);

}  // namespace belay::service
