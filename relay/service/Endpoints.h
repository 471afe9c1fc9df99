#pragma once

#include <cstdint>
#include <string>

#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/json/Value.h"
#include "relay/mailbox/Mailbox.h"
#include "relay/service/Events.h"

namespace belay::service {

// What an administrator does with the endpoints of events, through the Unix socket or, while the
// relay is down, to the store itself. Threads: the store's owner. Errors: of the store besides
// those named; kNotFound for an endpoint that is not there.

/// {"hooks":[{"hook","url","label","events","state","waiting","dead","missed","failures",…}]}:
/// no secrets, and of the URL nothing behind "?".
base::Result<json::Value> listEndpoints(mailbox::Mailbox& mailbox);

/// From {"url","label","events","secret"}. Gives {"hook","secret"}; the secret, where it was made
/// here, is shown this once. Errors: kInvalidArgument, kUrlInvalid, kRelayQuota.
base::Result<json::Value> addEndpoint(mailbox::Mailbox& mailbox, const json::Value& body,
                                      base::Random& random, std::int64_t nowMs);

/// {"do": "test"|"resume"|"rotate"}. A test goes out at once, whatever the endpoint wants; to
/// resume begins anew with all that is kept; to rotate gives a new secret, which signs along with
/// the old one for a day. Errors: kInvalidArgument.
base::Result<json::Value> changeEndpoint(mailbox::Mailbox& mailbox, const std::string& id,
                                         const json::Value& body, const EventSource& source);

base::Result<json::Value> removeEndpoint(mailbox::Mailbox& mailbox, const std::string& id);

/// What is wrong with the endpoints of a list; ok when nothing is. Errors: kRelayEndpoint.
base::Status judgeEndpoints(const json::Value& list);

}  // namespace belay::service
