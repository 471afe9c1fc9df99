#include "agent/llm/SseReader.h"

namespace belay::llm {

using base::Error;
using base::ErrorCode;
using base::Status;

Status SseReader::push(std::string_view bytes) {
  while (!bytes.empty()) {
    if (afterCr_ && bytes.front() == '\n') {
      afterCr_ = false;
      bytes.remove_prefix(1);
      continue;
    }
    afterCr_ = false;
    const std::size_t end = bytes.find_first_of("\r\n");
    line_ += bytes.substr(0, end);
    if (line_.size() + data_.size() > kEventBytesMax) {
      return Error{ErrorCode::kLlmAnswer, "an event of the stream has more than " +
                                              std::to_string(kEventBytesMax) + " bytes"};
    }
    if (end == std::string_view::npos) return {};
    afterCr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    BELAY_TRY(line(line_));
    line_.clear();
  }
  return {};
}

Status SseReader::line(std::string_view text) {
  if (text.empty()) return dispatch();
  const std::size_t colon = text.find(':');
  if (colon == 0) return {};  // A comment keeps the connection open.
  const std::string_view field = text.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") name_ = value;
  if (field != "data") return {};
  if (hasData_) data_ += '\n';
  data_ += value;
  hasData_ = true;
  return {};
}

Status SseReader::dispatch() {
  Status done;
  if (hasData_) done = event_(name_, data_);
  name_.clear();
  data_.clear();
  hasData_ = false;
  return done;
}

Status SseReader::finish() {
  if (!line_.empty()) BELAY_TRY(line(line_));
  line_.clear();
  return dispatch();
}

}  // namespace belay::llm
