#pragma once

#include <map>
#include <string>
#include <string_view>

#include "agent/runtime/Performer.h"
#include "common/base/Mutex.h"
#include "common/crypto/Sha256.h"

namespace belay::test {

/// Keeps large outputs in memory, by content.
///
/// Threads: any.
class MemoryOutputs final : public runtime::LargeOutputs {
 public:
  base::Result<journal::ResourceRow> store(std::string_view content, std::string_view mediaType,
                                           std::string_view name) override {
    journal::ResourceRow row;
    row.digest = crypto::sha256(content).hex();
    row.ref = "res://sha256/" + row.digest;
    row.size = content.size();
    row.mediaType = mediaType;
    row.name = name;
    base::MutexLock lock(mutex_);
    contents_[row.ref] = content;
    return row;
  }
  base::Result<std::string> load(std::string_view ref) override {
    base::MutexLock lock(mutex_);
    const auto found = contents_.find(std::string(ref));
    if (found != contents_.end()) return found->second;
    return base::Error{base::ErrorCode::kResourceNotFound, "no such resource"};
  }
  base::Result<std::string> head(std::string_view ref, std::size_t bytesMax) override {
    BELAY_ASSIGN(const std::string content, load(ref));
    return content.substr(0, bytesMax);
  }

  /// All that was kept is gone, as after an error of the disk.
  void lose() {
    base::MutexLock lock(mutex_);
    contents_.clear();
  }

 private:
  base::Mutex mutex_;
  std::map<std::string, std::string> contents_ BELAY_GUARDED_BY(mutex_);
};

}  // namespace belay::test
