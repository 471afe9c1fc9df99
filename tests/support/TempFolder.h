#pragma once

#include <stdlib.h>

#include <string>

#include "common/base/Check.h"
#include "common/base/Files.h"

namespace belay::test {

/// A folder of its own for one test, removed with all below it.
class TempFolder {
 public:
  TempFolder() : path_("/tmp/belay-test-XXXXXX") {
    BELAY_CHECK(::mkdtemp(path_.data()) != nullptr);
  }
  ~TempFolder() { static_cast<void>(base::removeTree(path_)); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string at(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace belay::test
