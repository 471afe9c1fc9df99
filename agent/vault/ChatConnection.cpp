#include "agent/vault/ChatConnection.h"

#include <array>

#include "agent/vault/ConnectionReader.h"
#include "common/http/Url.h"

namespace belay::vault {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::array<std::string_view, 8> kKeys{
    "type", "url", "format", "signing_secret", "ca_file", "proxy", "rate_limit", "addresses"};

base::Status readUrl(const ConnectionReader& reader, const std::string& format,
                     ChatConnection& out) {
  const json::Value* url = reader.definition().find("url");
  if (!url) return reader.invalid("", "url is missing");
  BELAY_ASSIGN(out.url, reader.textOrSecret(*url, "/url"));
  const auto* plain = std::get_if<std::string>(&out.url);
  if (!plain) return {};
  if (out.format != ChatFormat::kGeneric) {
    return reader.invalid(
        "/url", "the URL of a " + format +
                    " webhook is a credential; keep it in the vault: {secret: NAME}");
  }
  const auto parsed = http::parseUrl(*plain);
  if (!parsed.ok()) return reader.invalid("/url", parsed.error().message);
  return {};
}

}  // namespace

Result<ChatConnection> readChatConnection(const ConnectionReader& reader) {
  BELAY_TRY(reader.onlyKeys(reader.definition(), "", kKeys));
  ChatConnection out;
  BELAY_ASSIGN(const std::string format, reader.text("format", false));
  if (format == "slack") {
    out.format = ChatFormat::kSlack;
  } else if (format == "mattermost") {
    out.format = ChatFormat::kMattermost;
  } else if (!format.empty() && format != "generic") {
    return reader.invalid("/format", "it must be generic, slack or mattermost");
  }
  BELAY_TRY(readUrl(reader, format, out));
  if (const json::Value* secret = reader.definition().find("signing_secret")) {
    BELAY_ASSIGN(SecretRef ref, reader.secretRef(*secret, "/signing_secret"));
    out.signingSecret = std::move(ref);
  }
  BELAY_ASSIGN(out.caFile, reader.path("ca_file"));
  BELAY_ASSIGN(out.proxy, reader.proxy());
  BELAY_ASSIGN(out.addresses, reader.addresses());
  return out;
}

void collectSecrets(const ChatConnection& connection, std::set<std::string>& names) {
  collectSecret(connection.url, names);
  if (connection.signingSecret) names.insert(connection.signingSecret->name);
}

Result<ResolvedChat> resolve(const ChatConnection& connection, const SecretSource& secrets) {
  ResolvedChat out;
  out.format = connection.format;
  out.caFile = connection.caFile;
  out.proxy = connection.proxy;
  BELAY_ASSIGN(out.url, valueOf(connection.url, secrets));
  // The message must not repeat the URL: it may be a credential.
  if (!http::parseUrl(out.url.reveal()).ok()) {
    return Error{ErrorCode::kConnectionInvalid,
                 "the URL of the chat connection is not a valid http or https URL"};
  }
  if (connection.signingSecret) {
    BELAY_ASSIGN(Secret secret, secrets.secret(connection.signingSecret->name));
    out.signingSecret = std::move(secret.value);
  }
  return out;
}

}  // namespace belay::vault
