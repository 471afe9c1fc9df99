#include "relay/service/Relay.h"

#include <malloc.h>
#include <pthread.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "common/base/Files.h"
#include "common/crypto/Wipe.h"
#include "common/http/Client.h"
#include "common/http/Listener.h"
#include "common/http/Server.h"
#include "common/http/TlsTransport.h"
#include "common/http/Url.h"
#include "relay/mailbox/SqliteMailbox.h"
#include "relay/service/EventSender.h"
#include "relay/service/Forwarded.h"
#include "relay/service/Routes.h"
#include "relay/service/TicketKey.h"

namespace belay::service {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::uint64_t kPemBytesMax = 1u << 20;
constexpr std::size_t kRateKeysMax = 100'000;
constexpr std::chrono::milliseconds kLook{20};
/// Between two polls of a host.
constexpr std::chrono::milliseconds kPollSlack{10'000};
constexpr std::chrono::milliseconds kRenewAgain{3'600'000};

Result<std::shared_ptr<tls::TlsServerConfig>> readCertificate(const Settings& settings,
                                                              std::string_view ticketKey) {
  if (settings.certificate.empty() || settings.key.empty()) {
    return Error{ErrorCode::kSettingsInvalid,
                 "tls.certificate and tls.key must be set",
                 {"tls.mode: off, behind a load balancer"}};
  }
  BELAY_ASSIGN(const std::string chain, base::readFile(settings.certificate, kPemBytesMax));
  BELAY_ASSIGN(const std::string key, base::readFile(settings.key, kPemBytesMax));
  return tls::TlsServerConfig::create(chain, key, ticketKey);
}

std::string ticketKeyFile(const Settings& settings) { return settings.socket + ".tickets"; }

/// TLS with a certificate that can be renewed while the server runs, and tickets that outlive it.
class RenewableTls final : public http::TransportFactory {
 public:
  RenewableTls(const Settings& settings, const base::Clock& clock, base::Random& random,
               log::Log& log)
      : settings_(settings), clock_(clock), random_(random), log_(log), transports_(nullptr) {}

  /// Before the first connection.
  Status read() {
    std::string secret = ticketKey(ticketKeyFile(settings_), random_, clock_.wallMs(), log_);
    auto config = readCertificate(settings_, secret);
    crypto::wipe(secret);
    if (!config) return std::move(config).error();
    transports_.use(std::move(*config));
    renewAt_ = clock_.sinceBoot() + std::chrono::milliseconds{kTicketKeyMs};
    return {};
  }

  void renew() { wanted_.store(true); }

  std::unique_ptr<http::Transport> make(base::UniqueFd socket) override {
    const bool wanted = wanted_.exchange(false);
    if (wanted || clock_.sinceBoot() >= renewAt_) {
      const Status done = read();
      if (done) {
        log_.info("certificate.read");
      } else {
        log_.error("certificate.refused", done.error());
        renewAt_ = clock_.sinceBoot() + kRenewAgain;
      }
    }
    return transports_.make(std::move(socket));
  }

 private:
  // Constant after construction.
  const Settings& settings_;
  const base::Clock& clock_;
  base::Random& random_;
  log::Log& log_;

  // Self-synchronised.
  std::atomic<bool> wanted_{false};

  // Of the server's thread.
  http::TlsTransports transports_;
  std::chrono::milliseconds renewAt_{0};
};

Result<http::Address> addressOf(const Settings& settings) {
  // The parser of URLs knows how address and port are written.
  const auto url = http::parseUrl("http://" + settings.address + "/");
  http::Address address;
  if (url && url->target == "/" && http::parseAddress(url->host, url->port, address)) {
    return address;
  }
  return Error{ErrorCode::kSettingsInvalid,
               "listen.address must be an address with its port, for example 0.0.0.0:8443 or "
               "[::]:443"};
}

}  // namespace

std::string storePath(const Settings& settings) { return settings.stateFolder + "/relay.db"; }

Status checkCertificate(const Settings& settings) {
  if (isPlain(settings)) return {};
  auto read = readCertificate(settings, {});
  return read ? Status{} : Status{std::move(read).error()};
}

class Relay::Implementation {
 public:
  Implementation(const Settings& settings, const base::Clock& clock, base::Random& random,
                 log::Log& log)
      : settings_(settings),
        clock_(clock),
        log_(log),
        nonces_(random),
        rates_(kRateKeysMax),
        random_(random) {}

  ~Implementation() { endStore(); }
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;

  Status open() {
    BELAY_ASSIGN(const http::Address address, addressOf(settings_));
    if (!isPlain(settings_)) {
      tls_ = std::make_unique<RenewableTls>(settings_, clock_, random_, log_);
      BELAY_TRY(tls_->read());
    }
    openReconnectKeys();
    mailbox::SqliteOptions options;
    options.path = storePath(settings_);
    options.create = false;
    BELAY_ASSIGN(mailbox_, mailbox::SqliteMailbox::open(options));
    BELAY_ASSIGN(const std::vector<mailbox::TokenRow> tokens, mailbox_->tokens());
    credentials_.loadTokens(tokens);
    StoreSettings bounds;
    bounds.requestsMax = static_cast<std::size_t>(settings_.requestsMax);
    bounds.goneAfter = 2 * settings_.pollMax + kPollSlack;
    bounds.onPresence = [this](mailbox::Mailbox& mailbox, const std::string& host, bool connected,
                               std::int64_t seenMs) -> Status {
      const auto told = tellOfPresence(mailbox, context_->events(), host, connected, seenMs);
      if (told && *told) store_->bell().ring();
      return told ? Status{} : Status{told.error()};
    };
    bounds.onExpired = [this](mailbox::Mailbox& mailbox, const std::string& request) -> Status {
      const auto told = tellOfRequest(mailbox, context_->events(), kRequestClosed, request);
      if (told && *told) store_->bell().ring();
      return told ? Status{} : Status{told.error()};
    };
    store_ = std::make_unique<Store>(*mailbox_, bounds, clock_, metrics_, log_);
    context_.emplace(Context{settings_, clock_, random_, log_, *store_, credentials_, metrics_,
                             nonces_, *reconnectKeys_, rates_});
    table_ = makeRouteTable(*context_);
    openSender();
    return listen(address);
  }

  void openReconnectKeys() {
    std::string secret = ticketKey(ticketKeyFile(settings_), random_, clock_.wallMs(), log_);
    reconnectKeys_.emplace(secret);
    crypto::wipe(secret);
  }

  Status run() {
    thread_ = std::thread([this] { runStore(); });
    sender_->start();
    log_.info("relay.ready", {{"url", settings_.url}, {"address", settings_.address}});
    Status served = server_->run();
    sender_->stop();
    endStore();
    BELAY_TRY(served);
    BELAY_TRY(storeEnd_);
    log_.info("relay.stopped");
    return {};
  }

  void stop() {
    log_.info("relay.draining");
    server_->beginDrain();
    store_->drain();
    // Whoever does not take its answer must not keep the process.
    const auto end = clock_.sinceBoot() + settings_.drain;
    while (!ending_.load() && clock_.sinceBoot() < end) std::this_thread::sleep_for(kLook);
    server_->stop();
  }

  void reload() {
    if (tls_) tls_->renew();
  }

 private:
  Status listen(const http::Address& address) {
    http::ServerSettings bounds;
    bounds.connectionsMax = static_cast<std::size_t>(settings_.connectionsMax);
    // A parked poll is no silence of the peer; between two of them there is hardly any.
    bounds.idleTimeout = std::chrono::seconds{60};
    // When all hosts come at once, some wait for their turn; who is slow himself costs two pages.
    bounds.handshakeTimeout = std::chrono::seconds{30};
    bounds.onCalm = [] { static_cast<void>(::malloc_trim(0)); };
    BELAY_ASSIGN(server_, http::Server::create(bounds, *table_, clock_, log_));
    // First the socket: whoever reaches the relay from outside may call its administrator.
    BELAY_TRY(server_->listenUnix(settings_.socket, 0600));
    BELAY_ASSIGN(base::UniqueFd socket, http::listenOnTcp(address));
    return server_->listen(std::move(socket), {tls_.get(), false});
  }

  void openSender() {
    http::ClientSettings client;
    // It was looked at when the settings were read.
    if (auto proxy = http::parseProxy(settings_.eventProxy); proxy && !settings_.eventProxy.empty())
      client.proxy.http = client.proxy.https = std::move(*proxy);
    client.proxy.except = http::NoProxy(settings_.eventNoProxy);
    client.userAgent = "belay-relay";
    client_ = std::make_unique<http::Client>(std::move(client), clock_, resolver_);
    sender_ = std::make_unique<EventSender>(
        EventSender::World{
            *store_, clock_, random_, metrics_, log_,
            [this](const http::ClientRequest& request) { return client_->send(request); }},
        EventSettings{settings_.eventTimeout, settings_.eventRetryFor, settings_.eventCaFile});
  }

  void runStore() noexcept {
    ::pthread_setname_np(::pthread_self(), "store");
    while (!ending_.load()) {
      const auto next = store_->step();
      if (!next) {
        storeEnd_ = next.error();
        server_->stop();
        return;
      }
      store_->wait(*next);
    }
  }

  void endStore() {
    ending_.store(true);
    if (store_) store_->interrupt();
    if (thread_.joinable()) thread_.join();
  }

  // Constant after construction.
  const Settings settings_;
  const base::Clock& clock_;
  log::Log& log_;

  // Self-synchronised.
  Metrics metrics_;
  Credentials credentials_;
  std::atomic<bool> ending_{false};

  // Of the threads that Context names.
  Nonces nonces_;
  std::optional<ReconnectKeys> reconnectKeys_;
  Rates rates_;
  base::Random& random_;

  http::SystemResolver resolver_;
  std::unique_ptr<http::Client> client_;
  std::unique_ptr<RenewableTls> tls_;
  std::unique_ptr<mailbox::Mailbox> mailbox_;
  std::unique_ptr<Store> store_;
  std::optional<Context> context_;
  std::unique_ptr<http::RouteTable> table_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<EventSender> sender_;
  Status storeEnd_;  // Written by the store's thread before it ends.
  std::thread thread_;
};

Relay::Relay(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
Relay::~Relay() = default;

Result<std::unique_ptr<Relay>> Relay::create(const Settings& settings, const base::Clock& clock,
                                             base::Random& random, log::Log& log) {
  auto implementation = std::make_unique<Implementation>(settings, clock, random, log);
  BELAY_TRY(implementation->open());
  return std::unique_ptr<Relay>(new Relay(std::move(implementation)));
}

Status Relay::run() { return implementation_->run(); }
void Relay::stop() { implementation_->stop(); }
void Relay::reload() { implementation_->reload(); }

}  // namespace belay::service
