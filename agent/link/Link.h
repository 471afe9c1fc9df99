#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "agent/link/InboundBudget.h"
#include "agent/link/LinkPart.h"
#include "agent/link/RelayClient.h"
#include "agent/link/Uploads.h"
#include "agent/runtime/Loop.h"
#include "common/base/CancelToken.h"
#include "common/base/Clock.h"
#include "common/base/Mutex.h"
#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/log/Log.h"

namespace belay::link {

/// How the link stands at this moment.
struct LinkState {
  enum class Phase { kUnlinked, kConnecting, kConnected, kWaiting, kFenced, kQuarantined };
  Phase phase = Phase::kUnlinked;
  std::int64_t sinceMs = 0;   ///< Wall.
  std::int64_t sessions = 0;  ///< That were opened since the daemon began.
  std::optional<base::Error> lastError;
  std::int64_t lastErrorMs = 0;
};
/// "unlinked", "connecting", "connected", "waiting", "fenced", "quarantined".
std::string_view phaseName(LinkState::Phase phase);

/// Keeps a session with the relay: takes messages by long polls, hands in what the outbox has, and
/// comes back after any failure, spread at random over the window that the relay gave. To be
/// offline is normal: nothing else of the host waits for it.
///
/// Threads:   enrol(), state() and outboxGrew() any; the rest the owner's. Inside "link" and
///            "link-send". The loop does what concerns the journal.
/// Ownership: borrows the world. The loop must step() until stop() has returned, or step no more at
///            all.
class Link {
 public:
  struct World {
    runtime::Loop& loop;
    LinkPart& part;  ///< Used in the loop's thread only.
    RelayClient::Send send;
    /// The host's key, made when there is none. Any thread.
    std::function<base::Result<crypto::P256PrivateKey>()> hostKey;
    /// Puts a new key in the place of the host's. Any thread.
    std::function<base::Status()> replaceHostKey;
    /// The files that name the machine, as they are now. Any thread.
    std::function<runtime::MachineFacts()> machine;
    /// Called once in the "link" thread, which then owns what it returns.
    std::function<flow::SyntaxCheck()> makeSyntaxCheck;
    Uploads::Read readArtifact;  ///< Any thread.
    const base::Clock& clock;
    base::Random& random;
    log::Log& log;
  };
  Link(World world, std::chrono::seconds pollWait);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void start();
  /// Ends what is under way and both threads.
  void stop();

  /// Enrols this host, and begins the link. Blocks. Errors: of RelayClient and the journal.
  base::Result<Identity> enrol(const std::string& url, const std::string& token,
                               const std::string& label);
  /// Gives this host a new key; the link ends until it is enrolled again. Blocks. Errors: of the
  /// key files and the journal.
  base::Status rekey();
  /// Something has changed that a link which waits should know: a quarantine has ended.
  void wake();
  LinkState state() const;
  void outboxGrew();

 private:
  struct Session {
    std::string url;
    std::string bearer;
    std::chrono::seconds pollMax{0};
    std::uint64_t number = 0;
  };

  void runPolls();
  void runSends();
  /// One session: until it breaks.
  base::Status connect();
  struct Opening {
    std::string url;
    SessionFacts facts;
  };
  /// What the next session statement says; its number is on disk.
  base::Result<Opening> prepareSession();
  /// Goes into quarantine when the relay has proof of another one of this host.
  base::Status weigh(const SessionGrant& grant, const crypto::P256PublicKey& key,
                     std::int64_t number);
  /// Makes `syntax` with the first message.
  base::Status pollOnce(const Session& session, std::optional<flow::SyntaxCheck>& syntax);
  /// Takes those that the budget allows; the others come again. Sets how long they have to wait.
  base::Status takeMessages(const Session& session, std::vector<Incoming>&& messages,
                            const flow::SyntaxCheck& syntax, std::chrono::milliseconds& wait);
  base::Status sendOnce(const Session& session, bool& more);
  base::Status sendAll(const Session& session);
  /// The artifacts of what the relay has been told of.
  base::Status upload(const Session& session);
  /// Until there is something for "link-send"; nothing when the link ends.
  std::optional<Session> awaitWork();
  /// What one batch has room for, signed and sealed.
  base::Result<std::vector<journal::OutboxRow>> takeOutbox();

  /// Does something in the loop's transaction, and returns when that is on disk, or is known not to
  /// be. kCancelled when the link ends meanwhile.
  base::Status onLoop(std::function<base::Status(runtime::Runtime&)> work);
  void sleepFor(std::chrono::milliseconds length);
  std::chrono::milliseconds pause(int failures);
  bool stopping() const { return cancel_.cancelled(); }
  std::optional<Session> session() const;
  void dropSession(std::uint64_t number);
  void endSession();
  void report(LinkState::Phase phase, const base::Error* error = nullptr);

  // Constant after construction.
  const World world_;

  // Self-synchronised.
  base::CancelToken cancel_;

  // Of the "link" thread.
  std::chrono::seconds window_{1};
  std::string reconnectKey_;  ///< Given with the session before, by the relay of
  std::string reconnectUrl_;
  std::chrono::seconds wait_;  ///< Of the next poll: shorter behind a proxy that cuts.
  InboundBudget budget_;
  std::chrono::milliseconds nextPaceLog_{0};

  // Of the "link-send" thread.
  Uploads uploads_;
  std::uint64_t uploadSession_ = 0;
  bool uploadsWanted_ = false;

  mutable base::Mutex mutex_;
  base::ConditionVariable changed_;
  std::optional<Session> session_ BELAY_GUARDED_BY(mutex_);
  std::uint64_t sessions_ BELAY_GUARDED_BY(mutex_) = 0;
  bool wanted_ BELAY_GUARDED_BY(mutex_) = true;  ///< The outbox may hold something.
  bool woken_ BELAY_GUARDED_BY(mutex_) = false;  ///< Since the "link" thread looked.
  LinkState state_ BELAY_GUARDED_BY(mutex_);

  std::thread polls_;
  std::thread sends_;
};

}  // namespace belay::link
