#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/link/RelayClient.h"
#include "agent/runtime/Runtime.h"
#include "common/base/Clock.h"
#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/crypto/P256.h"
#include "common/log/Log.h"

namespace belay::link {

/// An artifact of a request that the relay has been told of.
struct Upload {
  std::string request;  ///< Digest, hex.
  std::string name;     ///< By which it travels.
  std::string seal;     ///< Of the recipients.
  crypto::Digest digest;
  std::int64_t size = 0;
  std::vector<crypto::P256PublicKey> recipients;

  std::string key() const { return name + seal; }
};

/// Of the open requests after `request`, at most so many as a step of the loop has time for;
/// `request` becomes the last one that was looked at, or empty at the end. Nothing where the policy
/// lets no artifact leave. Threads: the loop. Errors: of the journal.
base::Result<std::vector<Upload>> uploadsAfter(runtime::Runtime& runtime, std::string& request);

/// Brings the artifacts of open requests to the relay, sealed part by part for those who may
/// answer, in bounded memory. The relay says how much it has: after any crash it goes on from
/// there, and begins anew for another roster.
///
/// Threads:   "link-send".
/// Ownership: borrows the world.
class Uploads {
 public:
  /// Gives a content in pieces, checked; an error of the sink ends it and is returned.
  using Read = std::function<base::Status(const crypto::Digest&,
                                          const std::function<base::Status(std::string_view)>&)>;
  struct World {
    Read read;
    const base::Clock& clock;
    base::Random& random;
    log::Log& log;
    /// Called between two parts; its error ends the upload.
    std::function<base::Status()> between;
  };
  explicit Uploads(World world) : world_(std::move(world)) {}

  /// A session has begun: the relay is asked again what it has.
  void begin() { done_.clear(); }
  /// Brings those that are not there yet. An artifact that is refused is logged, and tried again in
  /// the next session, or after `retryAt()`; one whose request the relay does not know, or no
  /// longer, in the next round. Errors: of the connection and the session.
  base::Status bring(RelayClient& relay, const std::string& url, const std::string& bearer,
                     const std::vector<Upload>& uploads);
  /// When something that the relay had no room for is worth another try.
  std::optional<std::chrono::milliseconds> retryAt() const { return retryAt_; }
  void retry() { retryAt_.reset(); }

 private:
  base::Status bringOne(RelayClient& relay, const std::string& url, const std::string& bearer,
                        const Upload& upload);

  const World world_;
  std::set<std::string> done_;  ///< Upload::key() of what the relay has, or has refused for good.
  std::optional<std::chrono::milliseconds> retryAt_;
};

}  // namespace belay::link
