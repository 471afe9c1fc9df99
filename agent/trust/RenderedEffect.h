#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/crypto/Digest.h"
#include "common/http/Url.h"

namespace belay::trust {

/// A value of an effect: text, or a secret by name and version, whose value is never part of it.
struct EffectValue {
  std::string name;  ///< Of the variable or header.
  std::string text;  ///< Empty when `secret` is set.
  std::string secret;
  std::uint64_t secretVersion = 0;
};

/// A command, exactly as it would be started.
struct RunEffect {
  std::string executable;         ///< Absolute, links resolved.
  std::vector<std::string> argv;  ///< With argv[0] as it is passed.
  std::string cwd;                ///< Absolute, links resolved.
  std::vector<EffectValue> env;
  std::string stdinDigest;  ///< Hex SHA-256; empty: no input.
  std::string payloadDigest;         ///< Of payload.json; empty: there is none.
  std::vector<std::string> collect;  ///< Files that are kept.
  std::string user;         ///< Empty: the daemon's own.
  std::string profile;      ///< "bare", "user", "strong"
};

/// A secret as it is now, never its value.
struct SecretVersion {
  std::string name;
  std::uint64_t version = 0;
};

/// A coding agent, as it would be let to work.
struct AgentEffect {
  std::string agent;              ///< Of the host's settings; empty: the flow defines it.
  std::string adapter;
  std::string executable;         ///< Absolute, links resolved.
  std::vector<std::string> args;  ///< That flow and settings add.
  std::string model;
  std::string workspace;  ///< "git:URL", "dir:PATH" with links resolved, "scratch".
  std::string ref;        ///< Of a repository.
  std::vector<EffectValue> env;
  std::string promptDigest;       ///< Hex SHA-256 of prompt and addition to the system prompt.
  std::string permissionsDigest;  ///< Of the rules, as canonical JSON.
  std::vector<std::pair<std::string, std::string>> files;  ///< Path below it, and the digest.
  std::string accepted;  ///< Digest of a program that is not the locked one.
  std::string profile;
};

/// A statement for a database, exactly as it would be run.
struct DbEffect {
  std::string connection;
  std::string connectionVersion;
  std::string driver;  ///< "sqlite"
  std::string file;    ///< Absolute, links resolved; empty: no file.
  std::string sql;
  std::string paramsDigest;  ///< Hex SHA-256 of the parameters as JSON; empty: none.
  bool write = false;
};

/// A request, exactly as it would be sent.
struct HttpEffect {
  std::string method;  ///< Upper case.
  http::Url url;
  /// Set when the URL is a secret (a chat's webhook): path and query are then shown as this
  /// secret's name and version, and `url` has none.
  std::string urlSecret;
  std::uint64_t urlSecretVersion = 0;
  std::string connection;  ///< Empty: none.
  std::string connectionVersion;
  std::vector<SecretVersion> connectionSecrets;  ///< That the connection fills in; by name.
  std::vector<EffectValue> headers;
  std::string bodyDigest;  ///< Hex SHA-256; empty: no body.
};

/// What a connection of this host is used for where it is no request: a command on another machine,
/// files that are put there or taken from it, a mail, the work of a plugin.
struct ReachEffect {
  std::string section;  ///< Of the policy, which says what facts there are: ReachRules.h.
  std::string connection;
  std::string connectionVersion;
  std::vector<SecretVersion> connectionSecrets;
  /// By the keys of the section's rules, in its order.
  std::vector<std::pair<std::string, std::vector<std::string>>> facts;
  std::vector<std::string> argv;  ///< Of a command; empty: none.
  std::vector<EffectValue> env;
  std::string inputDigest;  ///< Hex SHA-256 of all else that goes there; empty: nothing.
};

/// What a step is about to do to the world. Families that change nothing outside of the journal
/// have no part of their own.
struct RenderedEffect {
  std::string family;  ///< "run", "http", "notify", "kv", …
  std::string flow;    ///< Slug.
  std::string step;    ///< Path.
  std::variant<std::monostate, RunEffect, HttpEffect, AgentEffect, DbEffect, ReachEffect> what;
};

/// The effect as JSON, the same bytes for the same effect: what is shown, journaled and signed.
std::string effectJson(const RenderedEffect& effect);

/// SHA-256 of those bytes.
crypto::Digest effectDigest(std::string_view effectJson);

}  // namespace belay::trust
