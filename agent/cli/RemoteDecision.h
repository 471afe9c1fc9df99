#pragma once

#include <optional>
#include <string>

#include "agent/cli/Invocation.h"
#include "common/base/Result.h"
#include "common/crypto/P256.h"
#include "common/json/Value.h"
#include "common/statement/Verify.h"

namespace belay::cli {

// approve and reject where there is no daemon: the request comes from a relay or a file, is
// verified by a key that came another way, shown, and answered with one's own key.

/// Over --relay, or with --request and --out.
base::Result<api::Envelope> decideRemotely(Invocation& invocation, bool approve);

/// A request that is believed, as its host has signed it.
struct BelievedRequest {
  statement::Believed<statement::Request> request;
  crypto::P256PublicKey host;
  std::string label;    ///< Of the card; empty: there is none.
  std::string payload;  ///< The verbatim bytes.
};
/// `dossier`: {"statement" or "sealed", "host_key"}, as relays and `belay decision request` give
/// it. Errors: kHostUnknown, kSealed, kStatement….
base::Result<BelievedRequest> believeRequest(const Invocation& invocation,
                                             const json::Value& dossier,
                                             const crypto::P256PrivateKey& key);

/// Verifies a request and shows it, as data and as the page; nothing is signed.
base::Result<api::Envelope> showRemotely(Invocation& invocation);

/// What is asked, for people, with whatever could deceive them made visible.
std::string requestPage(const Style& style, const BelievedRequest& believed);

}  // namespace belay::cli
