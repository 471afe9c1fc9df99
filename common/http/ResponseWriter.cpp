#include "common/http/ResponseWriter.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/base/Text.h"

namespace belay::http {

namespace {

/// The server alone says how a message is framed.
constexpr std::array<std::string_view, 4> kOwnFields{"Content-Length", "Transfer-Encoding",
                                                     "Connection", "Date"};

bool isOwnField(std::string_view name) {
  return std::any_of(kOwnFields.begin(), kOwnFields.end(),
                     [&](std::string_view own) { return base::equalsIgnoringCase(own, name); });
}

bool mayHaveBody(int status) { return status >= 200 && status != 204 && status != 304; }

void appendField(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

bool appendResponse(std::string& out, const ServerResponse& response, const ResponseShape& shape,
                    std::string_view date) {
  for (const HeaderField& field : response.headers.fields()) {
    if (!isToken(field.name) || !isFieldValue(field.value)) return false;
  }
  out.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  out.append(reasonPhrase(response.status)).append("\r\n");
  for (const HeaderField& field : response.headers.fields()) {
    if (!isOwnField(field.name)) appendField(out, field.name, field.value);
  }
  appendField(out, "Date", date);
  const bool later = shape.chunked || shape.untilClose;
  if (shape.chunked)
    appendField(out, "Transfer-Encoding", "chunked");
  else if (!later && mayHaveBody(response.status))
    appendField(out, "Content-Length", std::to_string(response.body.size()));
  if (!shape.keepAlive) appendField(out, "Connection", "close");
  out.append("\r\n");
  if (!later && !shape.bodiless && mayHaveBody(response.status)) out.append(response.body);
  return true;
}

void appendChunk(std::string& out, std::string_view bytes) {
  std::array<char, 16> size{};
  const auto end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16);
  out.append(size.data(), end.ptr).append("\r\n").append(bytes).append("\r\n");
}

}  // namespace belay::http
