#include "agent/tools/SshLink.h"

#include <libssh/callbacks.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "agent/tools/ToolIo.h"
#include "common/base/Text.h"
#include "common/base/UniqueFd.h"
#include "common/base/Utf8.h"
#include "common/crypto/HostKeyFingerprint.h"

namespace belay::tools {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using base::UniqueFd;

namespace {

using SshEvent = std::unique_ptr<ssh_event_struct, base::FreeWith<&ssh_event_free>>;
using SshConnector = std::unique_ptr<ssh_connector_struct, base::FreeWith<&ssh_connector_free>>;

constexpr int kAddressMs = 8'000;  // For one of several addresses.

/// The signature algorithms that go with a type of host key.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kAlgorithms{
    {{"ssh-ed25519", "ssh-ed25519"},
     {"ecdsa", "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"},
     {"ssh-rsa", "rsa-sha2-512,rsa-sha2-256"}}};

std::string_view algorithmsOf(std::string_view type) {
  if (type.starts_with("ecdsa")) return type;
  for (const auto& [name, algorithms] : kAlgorithms) {
    if (name == type) return algorithms;
  }
  return {};
}

std::string placeOf(const SshEndpoint& endpoint) {
  return endpoint.host + ":" + std::to_string(endpoint.port);
}

/// A peer that is gone without a word is noticed after about a minute.
void watchPeer(int fd) {
  const auto set = [fd](int level, int name, int value) {
    static_cast<void>(::setsockopt(fd, level, name, &value, sizeof value));
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 60'000);
}

Result<UniqueFd> connectTo(const addrinfo& address, const std::string& place) {
  UniqueFd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto failed = [&](int reason) {
    return Error{ErrorCode::kConnect, "connect to " + place + ": " + std::strerror(reason)};
  };
  if (!fd.valid()) return failed(errno);
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return failed(errno);
    pollfd polled{fd.get(), POLLOUT, 0};
    const int ready = ::poll(&polled, 1, address.ai_next ? kAddressMs : -1);
    if (ready <= 0) return failed(ready == 0 ? ETIMEDOUT : errno);
    int reason = 0;
    socklen_t size = sizeof reason;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &reason, &size);
    if (reason != 0) return failed(reason);
  }
  watchPeer(fd.get());
  return fd;
}

Result<Addresses> lookUp(const SshEndpoint& endpoint) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(),
                                    &hints, &found);
  if (failure == 0) return Addresses(found);
  return Error{ErrorCode::kConnect,
               "look up " + endpoint.host + ": " + std::string(::gai_strerror(failure))};
}

Result<UniqueFd> connectDirectly(const SshEndpoint& endpoint) {
  Addresses own;
  if (!endpoint.addresses) {
    BELAY_ASSIGN(own, lookUp(endpoint));
  }
  const addrinfo* const found = endpoint.addresses ? endpoint.addresses.get() : own.get();
  Error last{ErrorCode::kConnect, "look up " + endpoint.host + ": it has no address"};
  for (const addrinfo* each = found; each; each = each->ai_next) {
    auto fd = connectTo(*each, placeOf(endpoint));
    if (fd) return fd;
    last = std::move(fd).error();
  }
  return last;
}

/// Carries bytes between a channel of the machine on the way and our own end, until one closes.
void carry(const SshSession& session, const SshChannel& channel, const UniqueFd& end) {
  const SshEvent event(ssh_event_new());
  const SshConnector in(ssh_connector_new(session.get()));
  const SshConnector out(ssh_connector_new(session.get()));
  ssh_connector_set_in_channel(in.get(), channel.get(), SSH_CONNECTOR_STDINOUT);
  ssh_connector_set_out_fd(in.get(), end.get());
  ssh_connector_set_in_fd(out.get(), end.get());
  ssh_connector_set_out_channel(out.get(), channel.get(), SSH_CONNECTOR_STDINOUT);
  ssh_event_add_connector(event.get(), in.get());
  ssh_event_add_connector(event.get(), out.get());
  while (ssh_channel_is_open(channel.get()) && !ssh_channel_is_eof(channel.get())) {
    if (ssh_event_dopoll(event.get(), 10'000) == SSH_ERROR) break;
  }
  ssh_event_remove_connector(event.get(), in.get());
  ssh_event_remove_connector(event.get(), out.get());
  ::shutdown(end.get(), SHUT_RDWR);
}

Result<UniqueFd> connectThrough(const SshEndpoint& jump, const SshEndpoint& endpoint) {
  BELAY_ASSIGN(SshSession session, connectSsh(jump));
  SshChannel channel(ssh_channel_new(session.get()));
  if (!channel || ssh_channel_open_forward(channel.get(), endpoint.host.c_str(), endpoint.port,
                                           "127.0.0.1", 0) != SSH_OK) {
    return Error{ErrorCode::kConnect, "connect to " + placeOf(endpoint) + " through " +
                                          placeOf(jump) + ": " + ssh_get_error(session.get())};
  }
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
    return Error{ErrorCode::kIo, std::string("socketpair: ") + std::strerror(errno)};
  UniqueFd theirs(ends[0]);
  // It lives as long as the process: what it carries for ends with it.
  std::thread([session = std::move(session), channel = std::move(channel),
               theirs = std::move(theirs)]() mutable {
    carry(session, channel, theirs);
    channel.reset();
  }).detach();
  return UniqueFd(ends[1]);
}

/// A session that has exchanged keys, and knows nothing of who is there.
Result<SshSession> meet(const SshEndpoint& endpoint, const std::string& algorithms) {
  auto fd = endpoint.jump ? connectThrough(*endpoint.jump, endpoint) : connectDirectly(endpoint);
  if (!fd) return std::move(fd).error();
  if (endpoint.confine) BELAY_TRY(endpoint.confine());
  SshSession session(ssh_new());
  if (!session) return Error{ErrorCode::kLimit, "no memory for a session"};
  const int socket = fd->release();  // The session's from here on.
  const int no = 0;
  const long patience = 3'600;  // In seconds; Exit bounds the time, and what is done then is slow.
  const std::pair<ssh_options_e, const void*> options[] = {
      {SSH_OPTIONS_HOST, endpoint.host.c_str()},
      {SSH_OPTIONS_FD, &socket},
      {SSH_OPTIONS_USER, endpoint.user.c_str()},
      {SSH_OPTIONS_PROCESS_CONFIG, &no},
      {SSH_OPTIONS_SSH_DIR, "/nonexistent"},
      {SSH_OPTIONS_KNOWNHOSTS, "/dev/null"},
      {SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null"},
      {SSH_OPTIONS_TIMEOUT, &patience},
      {SSH_OPTIONS_HOSTKEYS, algorithms.c_str()}};
  for (const auto& [name, value] : options) {
    if (ssh_options_set(session.get(), name, value) != 0)
      return Error{ErrorCode::kSshProtocol, ssh_get_error(session.get())};
  }
  if (ssh_connect(session.get()) != SSH_OK)
    return sshError(session.get(), "speak SSH with " + placeOf(endpoint));
  return session;
}

Result<std::string> shownKey(ssh_session session) {
  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(session, &raw) != SSH_OK)
    return sshError(session, "read the server's key");
  const SshKey key(raw);
  char* text = nullptr;
  if (ssh_pki_export_pubkey_base64(key.get(), &text) != SSH_OK)
    return Error{ErrorCode::kSshProtocol, "the server's key cannot be written down"};
  const ssh_keytypes_e type = ssh_key_type(key.get());
  const char* const name = ssh_pki_key_ecdsa_name(key.get());
  const bool ecdsa = type == SSH_KEYTYPE_ECDSA_P256 || type == SSH_KEYTYPE_ECDSA_P384 ||
                     type == SSH_KEYTYPE_ECDSA_P521;
  std::string out = std::string(ecdsa && name ? name : ssh_key_type_to_char(type)) + " " + text;
  ssh_string_free_char(text);
  return out;
}

Status checkHostKey(ssh_session session, const SshEndpoint& endpoint) {
  BELAY_ASSIGN(const std::string shown, shownKey(session));
  for (const auto& [type, base64] : endpoint.hostKeys) {
    if (shown == type + " " + base64) return {};
  }
  return Error{ErrorCode::kSshHostKey,
               placeOf(endpoint) + " shows the key " + shown.substr(0, shown.find(' ')) + " " +
                   crypto::hostKeyFingerprint(shown) + ", which is none of the host_keys of connection " +
                   endpoint.name};
}

Status authenticate(ssh_session session, const SshEndpoint& endpoint) {
  ssh_key raw = nullptr;
  const char* const passphrase = endpoint.passphrase.empty() ? nullptr : endpoint.passphrase.c_str();
  if (ssh_pki_import_privkey_base64(endpoint.key.c_str(), passphrase, nullptr, nullptr, &raw) !=
      SSH_OK) {
    return Error{ErrorCode::kConnectionInvalid,
                 "the key of connection " + endpoint.name +
                     (passphrase ? " cannot be read with its passphrase"
                                 : " cannot be read; if it has a passphrase, the connection needs "
                                   "passphrase: {secret: NAME}")};
  }
  const SshKey key(raw);
  switch (ssh_userauth_publickey(session, nullptr, key.get())) {
    case SSH_AUTH_SUCCESS:
      return {};
    case SSH_AUTH_DENIED:
      return Error{ErrorCode::kAuthentication, placeOf(endpoint) + " does not accept the key of " +
                                                   endpoint.user + " (connection " +
                                                   endpoint.name + ")"};
    case SSH_AUTH_PARTIAL:
      return Error{ErrorCode::kAuthentication,
                   placeOf(endpoint) + " wants more of " + endpoint.user + " than a key"};
    default:
      return sshError(session, "prove to " + placeOf(endpoint) + " who we are");
  }
}

}  // namespace

Error sshError(ssh_session session, const std::string& what) {
  const std::string said = ssh_get_error(session);
  const bool broke = !ssh_is_connected(session) ||
                     said.find("disconnect") != std::string::npos ||
                     said.find("Socket error") != std::string::npos ||
                     said.find("closed") != std::string::npos;
  return Error{broke ? ErrorCode::kConnect : ErrorCode::kSshProtocol,
               what + ": " + base::visible(base::wholeCharacters(said, 400))};
}

SshEndpoint readEndpoint(const json::Value& connection) {
  SshEndpoint out;
  out.name = connection.text("name");
  out.host = connection.text("host");
  out.port = static_cast<std::uint16_t>(connection.integer("port", 22));
  out.user = connection.text("user");
  out.key = connection.text("key");
  out.passphrase = connection.text("passphrase");
  for (const std::string& line : textsOf(connection, "host_keys")) {
    const auto words = base::split(line, ' ');
    if (words.size() >= 2) out.hostKeys.emplace_back(words[0], words[1]);
  }
  if (const json::Value* jump = connection.find("jump"))
    out.jump = std::make_unique<SshEndpoint>(readEndpoint(*jump));
  return out;
}

Result<SshSession> connectSsh(const SshEndpoint& endpoint) {
  if (endpoint.hostKeys.empty()) {
    return Error{ErrorCode::kSshHostKey,
                 "connection " + endpoint.name + " has no host_keys, so that nothing says who " +
                     placeOf(endpoint) + " is",
                 {"put its keys into host_keys of the connection"}};
  }
  std::string algorithms;
  for (const auto& [type, base64] : endpoint.hostKeys)
    algorithms += (algorithms.empty() ? "" : ",") + std::string(algorithmsOf(type));
  BELAY_ASSIGN(SshSession session, meet(endpoint, algorithms));
  BELAY_TRY(checkHostKey(session.get(), endpoint));
  BELAY_TRY(authenticate(session.get(), endpoint));
  return session;
}

Result<std::vector<std::string>> learnHostKeys(SshEndpoint& endpoint) {
  SshEndpoint* first = &endpoint;
  while (first->jump) first = first->jump.get();
  BELAY_ASSIGN(first->addresses, lookUp(*first));
  std::vector<std::string> out;
  Error last{ErrorCode::kSshProtocol, placeOf(endpoint) + " shows no key"};
  for (const auto& [type, algorithms] : kAlgorithms) {
    auto session = meet(endpoint, std::string(algorithms));
    if (!session) {
      last = std::move(session).error();
      if (last.code != ErrorCode::kSshProtocol && out.empty()) return last;
      continue;
    }
    BELAY_ASSIGN(std::string key, shownKey(session->get()));
    out.push_back(std::move(key));
    ssh_disconnect(session->get());
  }
  if (out.empty()) return last;
  return out;
}

}  // namespace belay::tools
