#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "common/log/Log.h"
#include "common/sqlite/Database.h"
#include "common/sqlite/Statement.h"
#include "relay/mailbox/Mailbox.h"

namespace belay::mailbox {

struct SqliteOptions {
  std::string path;                       ///< …/relay.db; its folder must exist.
  std::uint64_t walMaxBytes = 64u << 20;  ///< Checkpoint even when busy beyond this.
  std::uint64_t cacheBytes = 8u << 20;    ///< Bound of SQLite's page cache.
  std::chrono::milliseconds lockWait{2000};
  bool create = true;  ///< Makes the file when it is missing; else kNotInitialised.
};

/// The store of one relay process: one SQLite file, opened for this process alone.
///
/// Threads: owner. Errors: open(): kNotInitialised, kAlreadyRunning when another process has it,
/// kJournalForeign, kJournalNewer, kJournalIo.
class SqliteMailbox final : public Mailbox {
 public:
  static base::Result<std::unique_ptr<SqliteMailbox>> open(const SqliteOptions& options);
  ~SqliteMailbox() override;

  base::Status commit() override;
  void rollback() noexcept override;

  base::Status addToken(const TokenRow& row) override;
  base::Result<std::optional<TokenRow>> token(std::string_view digest) override;
  base::Result<std::vector<TokenRow>> tokens() override;
  base::Result<bool> removeToken(std::string_view prefix) override;

  base::Status enrol(std::string_view tokenDigest, const HostRow& host,
                     std::int64_t nowMs) override;
  base::Result<std::optional<HostRow>> host(std::string_view id) override;
  base::Result<std::vector<HostRow>> hosts() override;
  base::Result<bool> removeHost(std::string_view id) override;
  base::Result<bool> setCard(std::string_view id, std::int64_t counter,
                             std::string_view card, std::string_view label) override;
  base::Result<std::string> card(std::string_view id) override;
  base::Status setConnected(std::string_view id, bool connected, std::int64_t seenMs) override;
  base::Result<OpenedSession> openSession(std::string_view id, std::string_view statement,
                                          std::int64_t nowMs) override;

  base::Result<std::int64_t> put(std::string_view host, std::string_view kind,
                                 std::string_view body, std::int64_t nowMs,
                                 const std::optional<Quota>& quota) override;
  base::Result<std::vector<MessageRow>> messages(std::string_view host, std::int64_t after,
                                                 std::size_t most, std::size_t bytesMost) override;
  base::Status acknowledge(std::string_view host, std::int64_t seq) override;
  base::Result<bool> receive(std::string_view host, std::int64_t seq) override;

  base::Status openCallback(const CallbackRow& row, std::int64_t most) override;
  base::Result<std::optional<CallbackRow>> callback(std::string_view route) override;
  base::Status useCallback(std::string_view route, std::string_view delivery) override;
  base::Status closeCallback(std::string_view host, std::string_view wait) override;
  base::Status setHooks(std::string_view host, const std::vector<std::string>& hooks) override;
  base::Result<bool> hasHook(std::string_view host, std::string_view hook) override;

  base::Status openApproval(const ApprovalRow& row, std::int64_t most) override;
  base::Result<std::optional<ApprovalRow>> approval(std::string_view request) override;
  base::Result<std::vector<std::string>> closeExpired(std::int64_t nowMs,
                                                      std::size_t most) override;
  base::Result<std::optional<std::int64_t>> nextExpiry() override;
  base::Result<std::vector<ApprovalRow>> approvals(std::int64_t after, std::size_t most) override;
  base::Result<bool> wantsDecision(std::string_view request, std::string_view decision,
                                   std::string_view token, std::size_t most,
                                   std::int64_t triesMost) override;
  base::Status handIn(std::string_view request, std::string_view decision, std::string_view token,
                      std::int64_t nowMs) override;
  base::Result<std::vector<HandedRow>> handedIn(std::string_view request) override;
  base::Status addReceipt(std::string_view host, std::string_view request,
                          std::string_view decision, std::string_view receipt, bool closed,
                          std::int64_t nowMs) override;

  base::Result<bool> putStart(const StartRow& row, std::int64_t most,
                              std::int64_t triesMost) override;
  base::Result<std::optional<StartRow>> start(std::string_view start) override;
  base::Status addStartReceipt(std::string_view host, std::string_view start,
                               std::string_view receipt) override;
  base::Status setOffer(std::string_view host, std::string_view offer, std::int64_t nowMs) override;
  base::Result<std::vector<OfferRow>> offers(std::string_view after, std::size_t most) override;
  base::Result<std::vector<OfferRow>> offersOf(std::string_view name) override;

  base::Status putBlob(std::string_view host, const BlobPart& part,
                       std::int64_t bytesMost) override;
  base::Result<std::optional<BlobState>> blob(std::string_view request,
                                              std::string_view name) override;
  base::Result<std::optional<std::string>> blobPart(std::string_view request, std::string_view name,
                                                    std::int64_t part) override;

  base::Result<bool> addPin(const PinRow& row, const PinBounds& bounds) override;
  base::Result<std::vector<PinRow>> pins() override;
  base::Result<bool> addRelease(std::string_view digest, std::string_view content,
                                std::int64_t nowMs) override;
  base::Result<std::optional<std::string>> release(std::string_view digest) override;

  base::Status addEndpoint(const EndpointRow& row, std::int64_t most) override;
  base::Result<std::vector<EndpointRow>> endpoints() override;
  base::Status saveEndpoint(const EndpointRow& row) override;
  base::Result<bool> removeEndpoint(std::string_view id) override;
  base::Result<bool> wantsEvent(std::string_view kind) override;
  base::Status addEvent(const EventRow& row, std::int64_t most) override;
  base::Result<std::optional<EventRow>> dueEvent(std::string_view endpoint, std::int64_t nowMs,
                                                 std::int64_t longestMs) override;
  base::Result<std::optional<std::int64_t>> nextEvent(std::string_view endpoint,
                                                      std::int64_t nowMs) override;
  base::Status finishEvent(std::int64_t number) override;
  base::Status putEventOff(std::int64_t number, std::int64_t attempts, std::int64_t firstMs,
                           std::int64_t nextMs) override;
  base::Status giveEventUp(std::int64_t number, std::int64_t nowMs) override;
  base::Status reviveEvents(std::string_view endpoint) override;

  base::Result<Totals> totals() override;
  base::Status sweep(std::int64_t nowMs, std::size_t most) override;
  base::Status upkeep(bool idle) override;

 private:
  struct Statements;
  struct EventStatements;
  struct BlobStatements;
  struct FleetStatements;
  SqliteMailbox(std::unique_ptr<sqlite::Database> database, const SqliteOptions& options);

  template <typename... Values>
  base::Status write(sqlite::Statement& statement, const Values&... values) {
    BELAY_TRY(beginWrite());
    sqlite::Execution execution(statement, values...);
    return execution.run();
  }
  base::Status beginWrite();
  base::Result<std::optional<std::int64_t>> number(std::string_view host);
  base::Status dropMessages(std::int64_t host, std::int64_t upTo);
  base::Status sweepEvents(std::int64_t nowMs, std::size_t most);
  base::Status dropBlobs(std::string_view request);
  base::Status removeBlobs(std::int64_t host);
  base::Status sweepBlobs(std::int64_t nowMs, std::size_t most);
  base::Status sweepStarts(std::int64_t nowMs, std::size_t most);
  base::Status removeStarts(std::int64_t host);

  const std::unique_ptr<sqlite::Database> database_;
  const std::uint64_t walMaxBytes_;
  const std::unique_ptr<Statements> statements_;  // Before the database goes, they are finalised.
  const std::unique_ptr<EventStatements> events_;
  const std::unique_ptr<BlobStatements> blobs_;
  const std::unique_ptr<FleetStatements> fleet_;
  bool inTransaction_ = false;
  int walPages_ = 0;  // Written by SQLite's hook after each commit.
};

}  // namespace belay::mailbox
