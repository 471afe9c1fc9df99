#pragma once

#include <string>
#include <vector>

#include "common/base/Mutex.h"
#include "common/log/Log.h"

namespace belay::test {

/// Keeps the lines that were logged, each as "info event key=value", "warning …" or "error …".
///
/// Threads: any.
class MemoryLog final : public log::Log {
 public:
  std::vector<std::string> lines() {
    base::MutexLock lock(mutex_);
    return lines_;
  }
  bool contains(std::string_view part) {
    for (const std::string& line : lines()) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

 protected:
  void write(log::Level level, std::string_view event,
             std::span<const log::Field> fields) override {
    const char* name = level == log::Level::kInfo      ? "info "
                       : level == log::Level::kWarning ? "warning "
                                                       : "error ";
    base::MutexLock lock(mutex_);
    lines_.push_back(name + log::formatLine(event, fields));
  }

 private:
  base::Mutex mutex_;
  std::vector<std::string> lines_ BELAY_GUARDED_BY(mutex_);
};

}  // namespace belay::test
