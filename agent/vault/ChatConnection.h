#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/trust/AddressBlock.h"
#include "agent/vault/TextOrSecret.h"
#include "common/base/Result.h"

namespace belay::vault {

class ConnectionReader;

enum class ChatFormat { kGeneric, kSlack, kMattermost };

struct ChatConnection {
  TextOrSecret url;  ///< Many chat systems hide a credential in it.
  ChatFormat format = ChatFormat::kGeneric;
  std::optional<SecretRef> signingSecret;  ///< Standard Webhooks.
  std::string caFile;
  std::string proxy;
  std::vector<trust::AddressBlock> addresses;  ///< Nothing else is connected to; empty: any.
};

/// Errors: kConnectionInvalid.
base::Result<ChatConnection> readChatConnection(const ConnectionReader& reader);
void collectSecrets(const ChatConnection& connection, std::set<std::string>& names);

/// A connection with its secrets filled in, for one use.
struct ResolvedChat {
  SecretValue url;
  ChatFormat format = ChatFormat::kGeneric;
  std::optional<SecretValue> signingSecret;
  std::string caFile;
  std::string proxy;
};

/// Errors: those of the source; kConnectionInvalid where the URL is none.
base::Result<ResolvedChat> resolve(const ChatConnection& connection, const SecretSource& secrets);

}  // namespace belay::vault
