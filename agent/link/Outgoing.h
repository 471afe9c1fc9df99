#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/journal/LinkTable.h"
#include "agent/runtime/Runtime.h"
#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/crypto/P256.h"

namespace belay::link {

// Messages about approvals lie in the outbox as what they are about. Signing and sealing come when
// they are handed in: a curve takes longer than a commit, and for whom a request is sealed is what
// the roster says then.

/// A message to the relay that has still to be signed and sealed.
struct Draft {
  journal::OutboxRow row;
  /// Of a request.
  struct Asked {
    std::string payload;
    std::string summary;  ///< That the relay may read; empty: none.
    bool readable = false;
    std::int64_t lastsMs = 0;  ///< As requestLastsMs() says.
    std::vector<crypto::P256PublicKey> recipients;
  };
  std::optional<Asked> asked;
};

/// Of so many rows as one batch has room for. Threads: the loop. Errors: of the journal.
base::Result<std::vector<Draft>> draftsOf(runtime::Runtime& runtime,
                                          std::vector<journal::OutboxRow> rows);
/// The body as it is handed in. Threads: any.
std::string finishDraft(const Draft& draft, const crypto::P256PrivateKey& hostKey,
                        base::Random& random);
/// True where a key of the host is needed.
bool needsKey(const std::vector<Draft>& drafts);

/// How long the relay keeps what ends at `expiresMs` (0: never), whose clock may be another: at
/// least an hour, because this host's clock may have been set since.
std::int64_t lastsMs(std::int64_t expiresMs, std::int64_t nowMs);
/// Of a request, which people are shown, to the millisecond. One that is open by a clock that says
/// it is over has an hour: the clock was set.
std::int64_t requestLastsMs(std::int64_t expiresMs, std::int64_t nowMs);

/// Bodies of rows. Threads: any.
std::string requestRow(std::string_view request);
std::string receiptRow(const statement::Receipt& receipt);
std::string startReceiptRow(const statement::StartReceipt& receipt);
std::string offerRow(const statement::Offer& offer);

}  // namespace belay::link
