#include "common/http/ServerConnection.h"

#include <sys/epoll.h>

#include <utility>

#include "common/base/Text.h"

namespace belay::http {

namespace {

using base::Error;
using base::ErrorCode;
using Io = Transport::Io;

/// A peer that never stops sending leaves room for the others after so many reads.
constexpr int kReadsMax = 16;
constexpr std::size_t kReadBytes = 64u << 10;
/// More unsent bytes than this, and no further request is taken.
constexpr std::size_t kUnsentMax = 256u << 10;

PhaseTimers::Timeouts timeoutsOf(const ServerSettings& settings) {
  return {std::chrono::milliseconds{0}, settings.handshakeTimeout, settings.headTimeout,
          settings.bodyTimeout,         settings.idleTimeout,      settings.writeTimeout,
          settings.lingerTimeout};
}

}  // namespace

ConnectionContext::ConnectionContext(const ServerSettings& serverSettings, Handler& requestHandler,
                                     log::Log& serverLog)
    : settings(serverSettings),
      parserLimits{settings.requestLineBytesMax, settings.headerBytesMax, settings.headersMax},
      handler(requestHandler),
      log(serverLog),
      mailbox(std::make_shared<ExchangeMailbox>()),
      epoll(::epoll_create1(EPOLL_CLOEXEC)),
      porch(::epoll_create1(EPOLL_CLOEXEC)),
      anteroom(::epoll_create1(EPOLL_CLOEXEC)),
      timers(timeoutsOf(settings)),
      readBuffer(kReadBytes) {}

ServerConnection::ServerConnection(ConnectionContext& context, std::unique_ptr<Transport> transport,
                                   Peer peer, bool answersHalfClosed, std::uint32_t slot,
                                   std::uint32_t generation)
    : context_(context),
      peer_(std::move(peer)),
      answersHalfClosed_(answersHalfClosed),
      slot_(slot),
      generation_(generation),
      transport_(std::move(transport)),
      parser_(Parser::Kind::kRequest, context.parserLimits),
      queue_(context.mailbox, slot, generation, context.settings.streamBytesMax),
      timer_(context.timers.add(slot)) {}

ServerConnection::~ServerConnection() {
  if (!dead_) die();
  context_.timers.remove(timer_);
}

bool ServerConnection::start() {
  // Over TLS the peer speaks first, and its turn comes.
  if (transport_->secure())
    wantsRead_ = true;
  else
    continueHandshake();
  if (dead_) return true;
  if (!watch(EPOLL_CTL_ADD, EPOLLIN)) return false;
  settle();
  return true;
}

bool ServerConnection::watch(int operation, std::uint32_t events) {
  epoll_event event{};
  event.events = interest_ = events;
  event.data.u64 = (std::uint64_t{generation_} << 32) | slot_;
  return ::epoll_ctl(watcher(), operation, transport_->fd(), &event) == 0;
}

void ServerConnection::continueHandshake() {
  wantsRead_ = wantsWrite_ = false;
  switch (transport_->handshake()) {
    case Io::kDone:
      handshaken_ = true;
      break;
    case Io::kWantRead:
      wantsRead_ = true;
      break;
    case Io::kWantWrite:
      wantsWrite_ = true;
      break;
    case Io::kClosed:
    case Io::kBroken:
      die();
      break;
  }
}

void ServerConnection::onEvents(std::uint32_t events) {
  if (dead_) return;
  if (!handshaken_) {
    onHandshake();
  } else {
    if (queue_.unsent() != 0) flush();
    if (!dead_ && ((events & EPOLLIN) != 0 || readWantsWrite_)) readSome();
    if (!dead_ && (events & EPOLLRDHUP) != 0 && inputBlocked()) onPeerEnd();
  }
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) die();
  flush();
  settle();
}

/// From room to room: to those in a handshake, and to those who are served.
void ServerConnection::onHandshake() {
  const int before = watcher();
  if (!begun_) ++context_.inHandshake;
  begun_ = true;
  continueHandshake();
  if (handshaken_) endHandshake();
  if (dead_ || watcher() == before) return;
  epoll_event none{};
  static_cast<void>(::epoll_ctl(before, EPOLL_CTL_DEL, transport_->fd(), &none));
  if (!watch(EPOLL_CTL_ADD, EPOLLIN)) return die();
  // The first request may have come with the end of the handshake, and would raise no event.
  if (handshaken_) readSome();
}

void ServerConnection::endHandshake() {
  --context_.inHandshake;
  ++context_.handshakes;
}

void ServerConnection::readSome() {
  for (int reads = 0; reads < kReadsMax && !dead_ && !inputBlocked(); ++reads) {
    const Transport::Moved moved = transport_->read(context_.readBuffer);
    readWantsWrite_ = moved.io == Io::kWantWrite;
    switch (moved.io) {
      case Io::kDone:
        break;
      case Io::kWantRead:
        return;
      case Io::kWantWrite:
        wantsWrite_ = true;
        return;
      case Io::kClosed:
        return onPeerEnd();
      case Io::kBroken:
        return die();
    }
    if (!lingering_) onInput({context_.readBuffer.data(), moved.bytes});
    // A plain socket that gave less than it could has no more; it raises an event if that is wrong.
    if (!transport_->secure() && moved.bytes < context_.readBuffer.size()) return;
  }
  // Decrypted bytes raise no event.
  if (!dead_ && transport_->secure() && !inputBlocked()) context_.again.push_back(slot_);
}

bool ServerConnection::inputBlocked() const {
  return inputEnded_ || (stopped_ && !lingering_) || !backlog_.empty();
}

void ServerConnection::onInput(std::string_view bytes) {
  while (!bytes.empty() && !stopped_ && !dead_) {
    const bool full =
        queue_.waiting() >= context_.settings.pipelineMax || queue_.unsent() > kUnsentMax;
    if (full && parser_.fresh()) {
      backlog_.assign(bytes);
      return;
    }
    bytes.remove_prefix(parser_.feed(bytes));
    if (!advance()) return;
  }
}

/// Follows the parser as far as its state leads without new bytes; false when the connection takes
/// no more.
bool ServerConnection::advance() {
  if (parser_.state() == Parser::State::kHeadComplete) onHead();
  if (!stopped_ && parser_.state() == Parser::State::kBody && !accountBody()) {
    refuse(503, Error{ErrorCode::kBusy,
                      "the bodies of all requests together exceed their bound of " +
                          std::to_string(context_.settings.bodiesBytesMax) + " bytes"});
  }
  if (!stopped_ && parser_.state() == Parser::State::kFailed) {
    refuse(parser_.failure().status, parser_.failure().error);
  }
  if (!stopped_ && parser_.state() == Parser::State::kComplete) dispatch();
  return !stopped_ && !dead_;
}

void ServerConnection::onHead() {
  MessageHead& head = parser_.head();
  pending_ = ServerRequest{};
  pending_.method = head.method;
  const std::size_t query = head.target.find('?');
  pending_.path = head.target.substr(0, query);
  if (query != std::string::npos) pending_.query = head.target.substr(query + 1);
  pending_.headers = std::move(head.headers);
  pending_.peer = peer_;
  Handler::Admission admission = context_.handler.admit(pending_);
  // A body that nobody will read would be taken for the next request.
  if (admission.refusal && parser_.hasBody()) return stopWith(*admission.refusal);
  parser_.beginBody(admission.bodyBytesMax);
  if (admission.refusal) {
    ++requests_;
    queue_.push({head.keepAlive, pending_.method == "HEAD", head.minorVersion == 1},
                *admission.refusal, context_.date);
    stopped_ = !head.keepAlive;
    parser_.reset();
  } else if (head.expectsContinue && parser_.state() == Parser::State::kBody) {
    queue_.pushContinue();
  }
}

void ServerConnection::dispatch() {
  ++requests_;
  const MessageHead& head = parser_.head();
  const ResponseQueue::Terms terms{head.keepAlive, pending_.method == "HEAD",
                                   head.minorVersion == 1};
  pending_.body = std::move(parser_.body());
  forgetBody();
  stopped_ = !terms.keepAlive;
  parser_.reset();
  auto port = queue_.open(terms);
  context_.handler.handle(std::move(pending_), Responder(std::move(port)));
}

void ServerConnection::refuse(int status, const Error& error) {
  stopWith(context_.handler.renderError(status, error));
}

void ServerConnection::stopWith(const ServerResponse& response) {
  forgetBody();
  ++requests_;
  queue_.push({false, false, true}, response, context_.date);
  parser_.reset();
  stopped_ = true;
}

bool ServerConnection::accountBody() {
  const std::size_t size = parser_.body().size();
  context_.bodiesBytes += size - accountedBody_;
  accountedBody_ = size;
  return context_.bodiesBytes <= context_.settings.bodiesBytesMax;
}

void ServerConnection::forgetBody() { context_.bodiesBytes -= std::exchange(accountedBody_, 0); }

void ServerConnection::onPeerEnd() {
  inputEnded_ = true;
  const bool owesAnswers = !queue_.empty() || !backlog_.empty();
  if (lingering_ || !owesAnswers || !answersHalfClosed_) die();
}

void ServerConnection::onPost(ExchangePost&& post) {
  if (dead_) return;
  const bool lastIfIdle = context_.draining && parser_.fresh() && backlog_.empty();
  queue_.apply(std::move(post), context_.date, lastIfIdle, [this](int status, const Error& error) {
    return context_.handler.renderError(status, error);
  });
}

void ServerConnection::flush() {
  if (dead_ || !handshaken_) return;
  // Requests that waited for room may be refused at once, and so give something to send again.
  while (writeSome() && !backlog_.empty() && !stopped_ &&
         queue_.waiting() < context_.settings.pipelineMax && queue_.unsent() <= kUnsentMax) {
    const std::string bytes = std::exchange(backlog_, {});
    onInput(bytes);
    if (dead_) return;
  }
  settle();
}

/// False when the connection is gone.
bool ServerConnection::writeSome() {
  wantsWrite_ = wantsRead_ = false;
  while (true) {
    const std::string_view bytes = queue_.output();
    if (bytes.empty()) break;
    const Transport::Moved moved = transport_->write(bytes);
    if (moved.io == Io::kDone) {
      queue_.consume(moved.bytes);
      wroteSome_ = true;
      continue;
    }
    wantsWrite_ = moved.io == Io::kWantWrite;
    wantsRead_ = moved.io == Io::kWantRead;
    if (!wantsWrite_ && !wantsRead_) die();
    return !dead_;
  }
  if (queue_.cut()) die();
  return !dead_;
}

void ServerConnection::onDeadline() {
  if (dead_) return;
  const Phase phase = timer_->phase;
  if (phase == Phase::kHead && maySlacken()) {
    context_.timers.start(timer_, phase, context_.now);
  } else if (phase == Phase::kHead || phase == Phase::kBody) {
    refuse(408, Error{ErrorCode::kTimeout, "the request did not come in time"});
    flush();
  } else {
    endQuietly();
  }
}

/// A slow head is no worse than an idle connection as long as nobody else wants the room.
bool ServerConnection::maySlacken() const {
  const ServerSettings& settings = context_.settings;
  return context_.connections < settings.crowdedAt() && !context_.draining &&
         context_.now - phaseBegan_ < settings.idleTimeout;
}

void ServerConnection::onDrain() {
  if (idle()) endQuietly();
}

void ServerConnection::endQuietly() {
  // A peer that reads hears that this is the end, and no attack on the connection.
  if (!dead_ && handshaken_ && queue_.empty()) transport_->endWriting();
  die();
}

Phase ServerConnection::currentPhase() const {
  if (!handshaken_) return Phase::kHandshake;
  if (lingering_) return Phase::kLinger;
  if (queue_.unsent() != 0) return Phase::kWrite;
  if (stopped_ || !backlog_.empty() || inputEnded_) return Phase::kNone;
  if (parser_.state() == Parser::State::kBody) return Phase::kBody;
  if (!parser_.fresh()) return Phase::kHead;
  return queue_.waiting() != 0 ? Phase::kNone : Phase::kIdle;
}

/// Brings timer and interest in line with the state; ends what is finished.
void ServerConnection::settle() {
  if (dead_) return;
  const bool answered = queue_.unsent() == 0 && (queue_.ended() || queue_.waiting() == 0);
  const bool over = queue_.ended() || inputEnded_ || (context_.draining && idle());
  if (handshaken_ && answered && over && !lingering_) {
    if (inputEnded_) return die();
    // Closing at once could destroy the answer: bytes that we have not read make the peer's kernel
    // drop it.
    lingering_ = stopped_ = true;
    backlog_.clear();
    transport_->endWriting();
  }
  const Phase phase = currentPhase();
  const bool newRequest =
      (phase == Phase::kHead || phase == Phase::kBody) && timedRequest_ != requests_;
  const bool progress = phase == Phase::kWrite && wroteSome_;
  if (phase != timer_->phase || newRequest || progress) {
    context_.timers.start(timer_, phase, context_.now);
    phaseBegan_ = context_.now;
  }
  timedRequest_ = requests_;
  wroteSome_ = false;
  updateInterest();
}

void ServerConnection::updateInterest() {
  std::uint32_t wanted = 0;
  const bool reads = handshaken_ ? !inputBlocked() : wantsRead_;
  if (reads || wantsRead_) wanted |= EPOLLIN;
  if (wantsWrite_ || readWantsWrite_) wanted |= EPOLLOUT;
  // While nothing is read, this alone says that the peer has gone.
  if (!reads && !inputEnded_) wanted |= EPOLLRDHUP;
  if (wanted != interest_ && !watch(EPOLL_CTL_MOD, wanted)) die();
}

void ServerConnection::die() {
  if (dead_) return;
  dead_ = true;
  if (begun_ && !handshaken_) endHandshake();
  forgetBody();
  context_.timers.start(timer_, Phase::kNone, context_.now);
  context_.dead.push_back(slot_);
  queue_.abandon();
  transport_.reset();
}

}  // namespace belay::http
