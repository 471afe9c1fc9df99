#include "relay/service/TicketKey.h"

#include <optional>
#include <span>
#include <vector>

#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/crypto/Wipe.h"
#include "common/tls/TlsServerConfig.h"

namespace belay::service {

namespace {

constexpr std::size_t kBytes = tls::TlsServerConfig::kTicketKeyBytes;
constexpr std::uint64_t kFileBytesMax = 4096;

/// From "MADE-MS HEX\n".
std::optional<std::string> readKey(const std::string& path, std::int64_t nowMs) {
  auto text = base::readFile(path, kFileBytesMax);
  if (!text) return std::nullopt;
  const std::size_t space = text->find(' ');
  if (space == std::string::npos || !text->ends_with('\n')) return std::nullopt;
  const auto made = base::parseUnsigned(std::string_view(*text).substr(0, space));
  const auto bytes =
      base::fromHex(std::string_view(*text).substr(space + 1, text->size() - space - 2));
  crypto::wipe(*text);
  if (!made || !bytes || bytes->size() != kBytes) return std::nullopt;
  const std::int64_t age = nowMs - static_cast<std::int64_t>(*made);
  if (age < 0 || age >= kTicketKeyMs) return std::nullopt;
  return std::string(bytes->begin(), bytes->end());
}

}  // namespace

std::string ticketKey(const std::string& path, base::Random& random, std::int64_t nowMs,
                      log::Log& log) {
  if (auto kept = readKey(path, nowMs)) return std::move(*kept);
  std::vector<std::uint8_t> bytes(kBytes);
  random.fill(bytes);
  std::string text = std::to_string(nowMs) + " " + base::toHex(bytes) + "\n";
  const base::Status written = base::writeFileDurably(path, text, 0600);
  crypto::wipe(text);
  if (!written) log.error("tickets.not_kept", written.error());
  return std::string(bytes.begin(), bytes.end());
}

}  // namespace belay::service
