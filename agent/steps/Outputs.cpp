#include "agent/steps/Outputs.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include "agent/jobs/JobOutcome.h"
#include "agent/resources/ResourceStream.h"
#include "agent/script/TextOutput.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/base/Utf8.h"
#include "common/json/Json.h"
#include "common/redaction/Redactor.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;

std::string Outputs::toUtf8(std::string_view text) {
  const bool hasNul = text.find('\0') != std::string_view::npos;
  if (!hasNul && base::isUtf8(text)) return std::string(text);
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t length = text[i] == '\0' ? 5 : 1;
    while (length <= 4 && i + length <= text.size() && !base::isUtf8(text.substr(i, length)))
      ++length;
    if (length <= 4 && i + length <= text.size()) {
      out += text.substr(i, length);
      i += length;
    } else {
      out += "\xEF\xBF\xBD";
      ++i;
    }
  }
  return out;
}

journal::ResourceRow Outputs::rowOf(const resources::Resource& resource, std::string_view mediaType,
                                    std::string_view name) const {
  journal::ResourceRow row;
  row.ref = resource.ref();
  row.digest = resource.digest.hex();
  row.size = resource.size;
  row.mediaType = mediaType;
  row.name = name;
  row.createdMs = clock_.wallMs();
  return row;
}

Result<journal::ResourceRow> Outputs::store(std::string_view content, std::string_view mediaType,
                                            std::string_view name) {
  BELAY_ASSIGN(const resources::Resource resource, store_.put(content));
  return rowOf(resource, mediaType, name);
}

Result<std::string> Outputs::load(std::string_view ref) {
  BELAY_ASSIGN(const crypto::Digest digest, resources::parseResourceRef(ref));
  return store_.read(digest, runtime::kOutputLimits.bytesMax);
}

Result<std::string> Outputs::head(std::string_view ref, std::size_t bytesMax) {
  BELAY_ASSIGN(const crypto::Digest digest, resources::parseResourceRef(ref));
  BELAY_ASSIGN(const auto content, store_.reader(digest));
  std::string out;
  while (out.size() < bytesMax) {
    BELAY_ASSIGN(const std::string_view piece, content->next());
    if (piece.empty()) break;
    out += piece.substr(0, bytesMax - out.size());
  }
  return toUtf8(out);
}

Result<std::string> Outputs::print(const json::Value& output) const {
  return redact(json::print(output));
}

Result<std::string> Outputs::redact(std::string_view text) const {
  BELAY_ASSIGN(const std::shared_ptr<const redaction::Redactor> redactor, vault_.redactor());
  return redactor->empty() ? std::string(text) : redactor->redact(text);
}

json::Value Outputs::describe(const journal::ResourceRow& row) {
  json::Value out;
  out.set("ref", row.ref);
  out.set("digest", row.digest);
  out.set("size", row.size);
  out.set("media_type", row.mediaType);
  out.set("name", row.name);
  return out;
}

Result<json::Value> Outputs::keepText(std::string_view text, flow::Persist persist,
                                      std::string_view name,
                                      std::vector<journal::ResourceRow>& rows) {
  BELAY_ASSIGN(const std::string clean, redact(text));
  const bool tooLarge = clean.size() > inlineMax_;
  std::string shown = toUtf8(base::wholeCharacters(clean, inlineMax_));
  const bool whole = !tooLarge && shown == clean;
  std::optional<std::string> ref;
  if (persist == flow::Persist::kAlways || (persist == flow::Persist::kAuto && !whole)) {
    BELAY_ASSIGN(journal::ResourceRow row, store(clean, "text/plain", name));
    ref = row.ref;
    rows.push_back(std::move(row));
  }
  return script::makeTextOutput(std::move(shown), tooLarge, std::move(ref));
}

Result<resources::Resource> Outputs::putRedacted(int file) {
  BELAY_ASSIGN(std::shared_ptr<const redaction::Redactor> redactor, vault_.redactor());
  if (redactor->empty()) return store_.putStream(file, std::numeric_limits<std::uint64_t>::max());
  redaction::RedactingStream stream(std::move(redactor));
  std::array<char, 65536> buffer{};
  std::string clean;
  bool ended = false;
  const auto next = [&]() -> Result<std::string_view> {
    clean.clear();
    // An empty piece would be the end: the stream may hold back all that it was given.
    while (clean.empty() && !ended) {
      const ssize_t got = ::read(file, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return base::errnoError(errno, "read the output of a job");
      ended = got == 0;
      clean = ended ? stream.finish() : stream.push({buffer.data(), static_cast<std::size_t>(got)});
    }
    return std::string_view(clean);
  };
  return store_.putPieces(next, std::numeric_limits<std::uint64_t>::max());
}

bool Outputs::needsFile(std::uint64_t size, flow::Persist persist) const {
  return persist == flow::Persist::kAlways ||
         (persist == flow::Persist::kAuto && size > std::min(inlineMax_, jobs::kLogHeadBytesMax));
}

Result<json::Value> Outputs::keepFile(std::string_view head, std::uint64_t size, int file,
                                      flow::Persist persist, std::string_view name,
                                      std::vector<journal::ResourceRow>& rows,
                                      std::uint64_t dropped) {
  std::optional<std::string> ref;
  if (needsFile(size, persist)) {
    BELAY_ASSIGN(const resources::Resource resource, putRedacted(file));
    journal::ResourceRow row = rowOf(resource, "text/plain", name);
    ref = row.ref;
    rows.push_back(std::move(row));
  }
  BELAY_ASSIGN(std::shared_ptr<const redaction::Redactor> redactor, vault_.redactor());
  redaction::RedactingStream stream(std::move(redactor));
  std::string clean = stream.push(head);
  const bool all = head.size() >= size;
  if (all) clean += stream.finish();
  std::string shown = toUtf8(base::wholeCharacters(clean, inlineMax_));
  if (all && !ref && persist == flow::Persist::kAuto && shown != clean) {
    BELAY_ASSIGN(journal::ResourceRow row, store(clean, "text/plain", name));
    ref = row.ref;
    rows.push_back(std::move(row));
  }
  // What is left of it can be found, and is not passed on for the whole.
  if (dropped > 0) ref.reset();
  const bool truncated = !all || clean.size() > inlineMax_ || dropped > 0;
  return script::makeTextOutput(std::move(shown), truncated, std::move(ref));
}

}  // namespace belay::steps
