#pragma once

#include <libssh/libssh.h>
#include <netdb.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/FreeWith.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::tools {

using SshSession = std::unique_ptr<ssh_session_struct, base::FreeWith<&ssh_free>>;
using SshChannel = std::unique_ptr<ssh_channel_struct, base::FreeWith<&ssh_channel_free>>;
using SshKey = std::unique_ptr<ssh_key_struct, base::FreeWith<&ssh_key_free>>;

using Addresses = std::unique_ptr<addrinfo, base::FreeWith<&::freeaddrinfo>>;

/// A server and who we are there.
struct SshEndpoint {
  std::string name;  ///< Of the connection, for messages.
  std::string host;
  std::uint16_t port = 22;
  std::string user;
  std::string key;  ///< PEM or OpenSSH's own form.
  std::string passphrase;
  std::vector<std::pair<std::string, std::string>> hostKeys;  ///< Type and base64.
  std::unique_ptr<SshEndpoint> jump;                          ///< The way there leads through it.
  /// Called when a connection is there, before anything that came through it is read.
  std::function<base::Status()> confine;
  Addresses addresses;  ///< Looked up before; null: when it is connected to.
};
/// From a connection whose secrets are filled in, `jump` included.
SshEndpoint readEndpoint(const json::Value& connection);

/// Connects, checks the server's key against those that are known, and proves who we are with the
/// key. No agent, no password, and no file of the host is asked. Blocks; the time is for Exit to
/// bound. Errors: kConnect, kSshHostKey, kAuthentication, kConnectionInvalid (the key cannot be
/// read), kSshProtocol.
base::Result<SshSession> connectSsh(const SshEndpoint& endpoint);

/// The keys that the server shows, as "TYPE BASE64", one of each kind that it has. Proves nothing.
/// Connects several times; the name is looked up before the first. Errors: kConnect, kSshProtocol,
/// and those of connectSsh() for the way there.
base::Result<std::vector<std::string>> learnHostKeys(SshEndpoint& endpoint);

/// kConnect where the connection broke, else kSshProtocol, with libssh's own words.
base::Error sshError(ssh_session session, const std::string& what);

}  // namespace belay::tools
