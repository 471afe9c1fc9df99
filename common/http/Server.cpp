#include "common/http/Server.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <limits>
#include <vector>

#include "common/base/Files.h"
#include "common/http/Listener.h"
#include "common/http/RetryAfter.h"
#include "common/http/ServerConnection.h"

namespace belay::http {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using base::UniqueFd;
using std::chrono::milliseconds;

constexpr int kEventsMax = 256;
/// So many new connections are taken before the others get their turn; over TLS each costs buffers.
constexpr int kAcceptsMax = 64;
constexpr int kSecureAcceptsMax = 4;
/// In one step one handshake goes on, and one more for so many others who want something.
constexpr int kOthersPerHandshake = 16;
/// Every so many turns somebody may begin a handshake though others are in one.
constexpr std::uint64_t kNewcomersTurn = 4;
/// Without descriptors nothing can be accepted; some are expected back after this.
constexpr milliseconds kAcceptPause{1'000};
constexpr int kPostRoundsMax = 8;
constexpr std::int64_t kDateStepMs = 1'000;

// What an event is about: the slot of a connection, or one of these and above.
constexpr std::uint32_t kWakeTag = 0xFFFF'FFFF;
constexpr std::uint32_t kAnteroomTag = 0xFFFF'FFFE;
constexpr std::uint32_t kListenerTags = 0xFFFF'FF00;

}  // namespace

/// See Server.
class Server::Implementation {
 public:
  Implementation(const ServerSettings& settings, Handler& handler, const base::Clock& clock,
                 log::Log& log)
      : clock_(clock), context_(settings, handler, log) {}
  ~Implementation();
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;

  Status open();
  Status listenUnix(const std::string& path, unsigned mode);
  Status listen(UniqueFd socket, const ListenOptions& options, std::string path);
  Status adopt(UniqueFd connection, const ListenOptions& options);
  Status step(milliseconds maxWait);
  Status run();
  void stop();
  void beginDrain();
  void startDrain();
  bool drained() const { return context_.draining && context_.connections == 0; }
  std::size_t connections() const { return context_.connections; }

 private:
  struct Listener {
    UniqueFd socket;
    ListenOptions options;
    std::string path;  // Of a Unix socket that is ours to remove.
  };
  struct Slot {
    std::unique_ptr<ServerConnection> connection;
    std::uint32_t generation = 0;
  };

  int waitTime(milliseconds maxWait);
  void readClock();
  void handleEvent(const epoll_event& event);
  void serveAnteroom(int others);
  int watcherOf(const Listener& listener) const;
  bool watchListener(std::size_t index);
  void accept(Listener& listener);
  void pauseListeners();
  void resumeListeners();
  bool hasRoomFor(const Peer& peer) const;
  Status addConnection(UniqueFd socket, Peer peer, const ListenOptions& options);
  void refuseConnection(UniqueFd socket, const ListenOptions& options);
  void deliverPosts();
  void expireTimers();
  void freeDead();
  ServerConnection* find(std::uint32_t slot, std::uint32_t generation);

  // Constant after construction.
  const base::Clock& clock_;
  const uid_t ownUser_ = ::geteuid();

  ConnectionContext context_;
  std::vector<Listener> listeners_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> freeSlots_;
  std::vector<std::uint32_t> dirty_;  // Slots with answers to send.
  std::int64_t dateSecond_ = std::numeric_limits<std::int64_t>::min();
  std::optional<milliseconds> acceptAgain_;  // Listeners are paused until then.
  std::uint64_t anteroomTurns_ = 0;

  // Self-synchronised.
  std::atomic<bool> stopped_{false};
  std::atomic<bool> drainWanted_{false};
};

Server::Implementation::~Implementation() {
  context_.mailbox->close();
  slots_.clear();
  for (const Listener& listener : listeners_) {
    if (!listener.path.empty()) static_cast<void>(base::removeFile(listener.path));
  }
}

Status Server::Implementation::open() {
  const auto watch = [this](int fd, std::uint32_t tag) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = tag;
    return ::epoll_ctl(context_.epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  };
  if (!context_.epoll.valid() || !context_.porch.valid() || !context_.anteroom.valid() ||
      !watch(context_.mailbox->fd(), kWakeTag) || !watch(context_.porch.get(), kAnteroomTag) ||
      !watch(context_.anteroom.get(), kAnteroomTag)) {
    return base::errnoError(errno, "set up epoll");
  }
  readClock();
  return {};
}

Status Server::Implementation::listenUnix(const std::string& path, unsigned mode) {
  BELAY_ASSIGN(UniqueFd socket, listenOnUnixSocket(path, mode));
  return listen(std::move(socket), {nullptr, true}, path);
}

Status Server::Implementation::listen(UniqueFd socket, const ListenOptions& options,
                                      std::string path) {
  BELAY_CHECK(listeners_.size() < kAnteroomTag - kListenerTags);
  listeners_.push_back({std::move(socket), options, std::move(path)});
  if (watchListener(listeners_.size() - 1)) return {};
  const int failure = errno;
  listeners_.pop_back();
  return base::errnoError(failure, "watch a listening socket");
}

int Server::Implementation::watcherOf(const Listener& listener) const {
  return (listener.options.transports ? context_.porch : context_.epoll).get();
}

bool Server::Implementation::watchListener(std::size_t index) {
  const Listener& listener = listeners_[index];
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kListenerTags + index;
  return ::epoll_ctl(watcherOf(listener), EPOLL_CTL_ADD, listener.socket.get(), &event) == 0;
}

Status Server::Implementation::adopt(UniqueFd connection, const ListenOptions& options) {
  readClock();
  Peer peer = peerOf(connection.get());
  return addConnection(std::move(connection), std::move(peer), options);
}

Status Server::Implementation::addConnection(UniqueFd socket, Peer peer,
                                             const ListenOptions& options) {
  auto transport = options.transports != nullptr ? options.transports->make(std::move(socket))
                                                 : makePlainTransport(std::move(socket));
  if (!transport) return Error{ErrorCode::kTls, "a connection could not be set up"};
  peer.secure = transport->secure();
  if (freeSlots_.empty()) {
    freeSlots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = freeSlots_.back();
  freeSlots_.pop_back();
  Slot& slot = slots_[index];
  ++slot.generation;
  slot.connection =
      std::make_unique<ServerConnection>(context_, std::move(transport), std::move(peer),
                                         options.answersHalfClosed, index, slot.generation);
  ++context_.connections;
  if (slot.connection->start()) return {};
  const Status failed = base::errnoError(errno, "watch a connection");
  slot.connection->onDeadline();
  return failed;
}

void Server::Implementation::refuseConnection(UniqueFd socket, const ListenOptions& options) {
  // Over TLS the answer would cost a handshake: there the closed connection must do.
  if (options.transports != nullptr) return;
  const Error error{ErrorCode::kBusy, "there are " + std::to_string(context_.connections) +
                                          " connections, which is connections_max"};
  std::string bytes;
  ResponseShape shape;
  shape.keepAlive = false;
  const ServerResponse answer = context_.handler.renderError(503, error);
  if (!appendResponse(bytes, answer, shape, context_.date)) return;
  // As much as the empty buffer of a new socket takes, which is all of it.
  static_cast<void>(makePlainTransport(std::move(socket))->write(bytes));
}

bool Server::Implementation::hasRoomFor(const Peer& peer) const {
  const ServerSettings& settings = context_.settings;
  const bool stranger =
      peer.credentials && peer.credentials->uid != 0 && peer.credentials->uid != ownUser_;
  const std::size_t kept = stranger ? settings.connectionsReserved : 0;
  return context_.connections + kept < settings.connectionsMax;
}

void Server::Implementation::accept(Listener& listener) {
  const int most = listener.options.transports ? kSecureAcceptsMax : kAcceptsMax;
  for (int count = 0; count < most; ++count) {
    auto socket = acceptConnection(listener.socket.get());
    if (!socket.ok()) {
      context_.log.error("accept_failed", socket.error());
      return pauseListeners();
    }
    if (!socket->valid()) return;
    Peer peer = peerOf(socket->get());
    if (!hasRoomFor(peer)) {
      refuseConnection(std::move(*socket), listener.options);
      continue;
    }
    const Status added = addConnection(std::move(*socket), std::move(peer), listener.options);
    if (!added.ok()) context_.log.error("connection_failed", added.error());
  }
}

void Server::Implementation::pauseListeners() {
  for (const Listener& listener : listeners_) {
    static_cast<void>(
        ::epoll_ctl(watcherOf(listener), EPOLL_CTL_DEL, listener.socket.get(), nullptr));
  }
  acceptAgain_ = context_.now + kAcceptPause;
}

void Server::Implementation::resumeListeners() {
  acceptAgain_.reset();
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    if (!watchListener(i)) {
      context_.log.error("listen_failed", base::errnoError(errno, "watch a listening socket"));
    }
  }
}

ServerConnection* Server::Implementation::find(std::uint32_t slot, std::uint32_t generation) {
  if (slot >= slots_.size() || slots_[slot].generation != generation) return nullptr;
  return slots_[slot].connection.get();
}

void Server::Implementation::handleEvent(const epoll_event& event) {
  const auto slot = static_cast<std::uint32_t>(event.data.u64);
  if (slot == kWakeTag) return;      // wake() clears it.
  if (slot == kAnteroomTag) return;  // Its turn comes when the others have had theirs.
  if (slot >= kListenerTags) {
    if (slot - kListenerTags < listeners_.size()) accept(listeners_[slot - kListenerTags]);
    return;
  }
  ServerConnection* connection = find(slot, static_cast<std::uint32_t>(event.data.u64 >> 32));
  if (connection != nullptr) connection->onEvents(event.events);
}

/// What is left is found again in the next step, whose wait ends at once.
void Server::Implementation::serveAnteroom(int others) {
  std::array<epoll_event, 1 + kEventsMax / kOthersPerHandshake> events{};
  const int most = 1 + others / kOthersPerHandshake;
  // Clients that let their handshakes trickle must not keep others from beginning one.
  const bool newcomers = ++anteroomTurns_ % kNewcomersTurn == 0;
  int count = newcomers ? ::epoll_wait(context_.porch.get(), events.data(), 1, 0) : 0;
  count = std::max(count, 0);
  for (const base::UniqueFd* const room : {&context_.anteroom, &context_.porch}) {
    if (count >= most) break;
    const int more = ::epoll_wait(room->get(), events.data() + count, most - count, 0);
    count += std::max(more, 0);
  }
  for (int k = 0; k < count; ++k) handleEvent(events[static_cast<std::size_t>(k)]);
}

/// An answer can make room for a request that is answered at once, and so on; but other threads
/// must not keep the loop from its sockets.
void Server::Implementation::deliverPosts() {
  for (int round = 0; round < kPostRoundsMax; ++round) {
    std::vector<ExchangePost> posts = context_.mailbox->take();
    if (posts.empty()) return;
    for (ExchangePost& post : posts) {
      const std::uint32_t slot = post.id.slot;
      ServerConnection* connection = find(slot, post.id.generation);
      if (connection != nullptr && !connection->dead()) {
        connection->onPost(std::move(post));
        if (dirty_.empty() || dirty_.back() != slot) dirty_.push_back(slot);
      } else if (post.events.closed) {
        post.events.closed();
      }
    }
    // Once per connection, however many of its answers came.
    std::vector<std::uint32_t> slots;
    slots.swap(dirty_);
    std::sort(slots.begin(), slots.end());
    slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
    for (const std::uint32_t slot : slots) slots_[slot].connection->flush();
  }
}

void Server::Implementation::expireTimers() {
  while (const auto next = context_.timers.next()) {
    if (next->deadline > context_.now) break;
    slots_[next->slot].connection->onDeadline();
  }
  if (acceptAgain_ && *acceptAgain_ <= context_.now) resumeListeners();
}

void Server::Implementation::freeDead() {
  while (!context_.dead.empty()) {
    const std::uint32_t slot = context_.dead.back();
    context_.dead.pop_back();
    slots_[slot].connection.reset();
    freeSlots_.push_back(slot);
    --context_.connections;
  }
}

void Server::Implementation::readClock() {
  context_.now = clock_.sinceBoot();
  const std::int64_t second = clock_.wallMs() / kDateStepMs;
  if (second == dateSecond_) return;
  dateSecond_ = second;
  context_.date = formatHttpDate(second * kDateStepMs);
}

/// What epoll_wait(2) takes: -1 waits for good.
int Server::Implementation::waitTime(milliseconds maxWait) {
  if (!context_.again.empty()) return 0;
  milliseconds wait = maxWait;
  const auto until = [&](milliseconds deadline) {
    const milliseconds left = std::max(milliseconds{0}, deadline - clock_.sinceBoot());
    if (wait.count() < 0 || left < wait) wait = left;
  };
  if (const auto next = context_.timers.next()) until(next->deadline);
  if (acceptAgain_) until(*acceptAgain_);
  return static_cast<int>(
      std::clamp<std::int64_t>(wait.count(), -1, std::numeric_limits<int>::max()));
}

Status Server::Implementation::step(milliseconds maxWait) {
  std::array<epoll_event, kEventsMax> events{};
  const int wait = waitTime(maxWait);
  const bool sleeps = context_.mailbox->trySleep();
  const int count =
      ::epoll_wait(context_.epoll.get(), events.data(), kEventsMax, sleeps ? wait : 0);
  const int failure = errno;
  context_.mailbox->wake();
  if (count < 0 && failure != EINTR) return base::errnoError(failure, "wait for sockets");
  readClock();
  if (drainWanted_.load() && !context_.draining) startDrain();
  bool anteroom = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    anteroom = anteroom || event.data.u64 == kAnteroomTag;
    handleEvent(event);
  }
  for (const std::uint32_t slot : std::exchange(context_.again, {})) {
    if (slots_[slot].connection) slots_[slot].connection->onEvents(EPOLLIN);
  }
  deliverPosts();
  if (anteroom) serveAnteroom(count);
  expireTimers();
  deliverPosts();
  freeDead();
  if (context_.inHandshake == 0 && context_.handshakes >= context_.settings.calmAfter) {
    context_.handshakes = 0;
    if (context_.settings.onCalm) context_.settings.onCalm();
  }
  return {};
}

Status Server::Implementation::run() {
  while (!stopped_.load() && !drained()) BELAY_TRY(step(milliseconds{-1}));
  return {};
}

void Server::Implementation::stop() {
  stopped_.store(true);
  context_.mailbox->interrupt();
}

void Server::Implementation::beginDrain() {
  drainWanted_.store(true);
  context_.mailbox->interrupt();
}

void Server::Implementation::startDrain() {
  context_.draining = true;
  for (Listener& listener : listeners_) {
    if (!listener.path.empty()) static_cast<void>(base::removeFile(listener.path));
  }
  listeners_.clear();
  acceptAgain_.reset();
  for (Slot& slot : slots_) {
    if (slot.connection) slot.connection->onDrain();
  }
}

Server::Server(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::create(const ServerSettings& settings, Handler& handler,
                                               const base::Clock& clock, log::Log& log) {
  auto implementation = std::make_unique<Implementation>(settings, handler, clock, log);
  BELAY_TRY(implementation->open());
  return std::unique_ptr<Server>(new Server(std::move(implementation)));
}

Status Server::listenUnix(const std::string& path, unsigned mode) {
  return implementation_->listenUnix(path, mode);
}
Status Server::listen(UniqueFd socket, const ListenOptions& options) {
  return implementation_->listen(std::move(socket), options, {});
}
Status Server::adopt(UniqueFd connection, const ListenOptions& options) {
  return implementation_->adopt(std::move(connection), options);
}
Status Server::step(milliseconds maxWait) { return implementation_->step(maxWait); }
Status Server::run() { return implementation_->run(); }
void Server::stop() { implementation_->stop(); }
void Server::beginDrain() { implementation_->beginDrain(); }
bool Server::drained() const { return implementation_->drained(); }
std::size_t Server::connections() const { return implementation_->connections(); }

}  // namespace belay::http
