#pragma once

#include <string>
#include <string_view>

#include "common/http/Handler.h"

namespace belay::http {

/// What the request decides about the shape of its answer.
struct ResponseShape {
  bool bodiless = false;  ///< HEAD: the length is said, the body is not sent.
  bool keepAlive = true;
  bool chunked = false;     ///< The body comes later, in chunks.
  bool untilClose = false;  ///< The body comes later, and ends with the connection (HTTP/1.0).
};

/// Appends status line, headers, and the body unless it comes later. False, and nothing appended,
/// when a header of the handler could end its line: nothing of it may reach the wire.
bool appendResponse(std::string& out, const ServerResponse& response, const ResponseShape& shape,
                    std::string_view date);
/// One chunk; `bytes` must not be empty, as that would be the last one.
void appendChunk(std::string& out, std::string_view bytes);

inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace belay::http
