#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/http/Message.h"

namespace belay::http {

/// How long a server asked to wait: seconds, or the time from `wallMs` to a date (0 when it has
/// passed). Nothing when there is no Retry-After, or one that cannot be read. The caller bounds it.
std::optional<std::chrono::milliseconds> retryAfter(const Headers& headers, std::int64_t wallMs);

/// IMF-fixdate, and the two obsolete forms of RFC 9110 §5.6.7; milliseconds since 1970.
std::optional<std::int64_t> parseHttpDate(std::string_view text);
/// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string formatHttpDate(std::int64_t wallMs);

}  // namespace belay::http
