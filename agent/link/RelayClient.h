#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/CancelToken.h"
#include "common/base/Result.h"
#include "common/crypto/Digest.h"
#include "common/crypto/P256.h"
#include "common/http/Client.h"
#include "common/json/Value.h"

namespace belay::link {

/// What a host knows of its relay and of itself.
struct Identity {
  std::string url;     ///< "https://relay.example.org", as it is signed.
  std::string host;    ///< Thumbprint.
  std::string label;   ///< For people.
  bool fresh = false;  ///< The relay has made a new mailbox for it. Not kept.
};

/// What a relay answers to a session statement.
struct SessionGrant {
  std::string bearer;
  std::int64_t received = 0;  ///< The highest number of a message that the relay has.
  std::chrono::seconds pollMax{0};
  std::chrono::seconds reconnectWindow{0};
  std::string statement;  ///< The one that was granted.
  std::string previous;   ///< The one before, as the relay says; not verified. Empty: none.
  /// With which the next session is proved to this relay. A secret as `bearer` is; empty: none.
  std::string reconnectKey;
};

/// A message from the relay.
struct Incoming {
  std::int64_t seq = 0;
  std::string kind;
  json::Value body;
};

/// What a host says about itself in a session statement.
struct SessionFacts {
  std::string fleet;  ///< Hex; empty: none.
  std::string epoch;
  std::int64_t number = 1;  ///< Of the session statement.
  std::int64_t sent = 0;
  std::int64_t ended = 0;  ///< Runs in the host's chain,
  crypto::Digest head;     ///< and where that is.
  /// What this relay gave with the session before; empty: none.
  std::string reconnectKey = {};
};

/// The calls of docs/format/link.md.
///
/// Threads:   any; each call blocks its own thread until the answer, the timeout or the cancel.
/// Ownership: `send` and the token must outlive it.
/// Errors:    of the connection (kConnect, kTls…, kProxy, kTimeout, kCancelled); of the relay, as
/// it
///            says them; kHttpProtocol for an answer that is none.
class RelayClient {
 public:
  using Send = std::function<http::ClientOutcome(const http::ClientRequest&)>;
  RelayClient(Send send, const base::CancelToken* cancel)
      : send_(std::move(send)), cancel_(cancel) {}

  /// Gives the relay's own word for its URL. Errors: kUrlInvalid, kRelayUrl when it is another one.
  base::Result<Identity> enrol(const std::string& url, const std::string& token,
                               const crypto::P256PublicKey& key, const std::string& label);
  base::Result<SessionGrant> openSession(const std::string& url, const crypto::P256PrivateKey& key,
                                         const SessionFacts& facts);
  /// Messages after `acknowledged`, or none.
  base::Result<std::vector<Incoming>> poll(const std::string& url, const std::string& bearer,
                                           std::int64_t acknowledged, std::chrono::seconds wait);

  struct Refusal {
    std::int64_t seq = 0;
    std::string code;
    std::string message;
  };
  struct Handed {
    std::int64_t acknowledged = 0;
    std::vector<Refusal> refused;
  };
  /// `messagesJson`: the list.
  base::Result<Handed> hand(const std::string& url, const std::string& bearer,
                            const std::string& messagesJson);

  /// An artifact of a request, as it travels.
  struct Blob {
    std::string request;
    std::string name;
    std::string seal;
    std::int64_t parts = 1;
  };
  /// So many parts of it are there, of this seal.
  base::Result<std::int64_t> blobParts(const std::string& url, const std::string& bearer,
                                       const Blob& blob);
  base::Status putBlob(const std::string& url, const std::string& bearer, const Blob& blob,
                       std::int64_t part, const std::string& sealed);

 private:
  struct Call {
    std::string url;
    std::string path;
    std::string body;
    std::string bearer;
    std::string method = "POST";
    std::string contentType = "application/json";
    std::chrono::milliseconds timeout{30'000};
  };
  /// The data of the answer; with an error `data` is what came along with it.
  base::Result<json::Value> ask(const Call& call, json::Value* errorData = nullptr);

  const Send send_;
  const base::CancelToken* const cancel_;
};

/// The one spelling of a relay's URL: https, no path. Errors: kUrlInvalid.
base::Result<std::string> relayUrl(const std::string& text);

}  // namespace belay::link
