#include "agent/agents/LineSplitter.h"

namespace belay::agents {

void LineSplitter::add(std::string_view bytes) {
  if (at_ > 0) {
    buffer_.erase(0, at_);
    scanned_ -= at_;
    at_ = 0;
  }
  if (dropping_) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    dropping_ = false;
  }
  buffer_.append(bytes);
}

bool LineSplitter::next(std::string_view& line) {
  while (true) {
    const std::size_t end = buffer_.find('\n', scanned_);
    if (end == std::string::npos) {
      scanned_ = buffer_.size();
      if (buffer_.size() - at_ <= lineBytesMax_) return false;
      ++dropped_;
      dropping_ = true;
      buffer_.clear();
      buffer_.shrink_to_fit();
      at_ = scanned_ = 0;
      return false;
    }
    const std::size_t begin = at_;
    at_ = scanned_ = end + 1;
    if (end - begin > lineBytesMax_) {
      ++dropped_;
      continue;
    }
    line = std::string_view(buffer_).substr(begin, end - begin);
    return true;
  }
}

void LineSplitter::finish() {
  if (!dropping_ && at_ < buffer_.size()) buffer_ += '\n';
}

}  // namespace belay::agents
