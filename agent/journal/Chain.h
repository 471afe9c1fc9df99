#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "common/base/Ids.h"

namespace belay::journal {

// The hash chains of the journal, byte by byte in docs/format/journal.md.
// Threads: any. Errors: none.

using Hash = std::array<std::uint8_t, 32>;

/// A hash as it stands in a row; false when it has another length.
bool copyHash(std::span<const std::uint8_t> from, Hash& to);

/// What the first event of a run is chained to: binds the chain to the run's id.
Hash runChainStart(std::string_view runId);
/// The hash of an event that follows the one with hash `previous`.
Hash runChainNext(const Hash& previous, std::uint64_t seq, std::int64_t atMs, std::string_view name,
                  std::string_view body);

/// What the first row of the host's chain is chained to.
Hash hostChainStart();
/// The hash of the row that seals a run's chain at its event `runSeq`, whose hash is `runHash`.
Hash hostChainNext(const Hash& previous, std::uint64_t seq, std::int64_t atMs,
                   std::string_view runId, std::uint64_t runSeq, const Hash& runHash);

/// What the first row of the ledger of flows is chained to.
Hash ledgerChainStart();
/// The hash of a row of the ledger that follows the one with hash `previous`.
Hash ledgerChainNext(const Hash& previous, std::initializer_list<std::int64_t> numbers,
                     std::initializer_list<std::string_view> texts);

/// What the first row of the ledger of statements is chained to.
Hash statementChainStart();
/// The hash of a row of the ledger of statements that follows the one with hash `previous`.
Hash statementChainNext(const Hash& previous, std::initializer_list<std::int64_t> numbers,
                        std::initializer_list<std::string_view> texts);

/// What the first row of the ledger of scrubs is chained to.
Hash scrubChainStart();
/// The hash of a row of the ledger of scrubs that follows the one with hash `previous`.
Hash scrubChainNext(const Hash& previous, std::initializer_list<std::int64_t> numbers,
                    std::initializer_list<std::string_view> texts);

}  // namespace belay::journal
