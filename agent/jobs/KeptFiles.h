#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/jobs/CallMessage.h"
#include "common/base/Result.h"
#include "common/base/UniqueFd.h"
#include "common/redaction/Redactor.h"

namespace belay::jobs {

/// A file of a job that outlives it, as a reader of the folder of jobs finds it.
struct KeptFile {
  std::string name;  ///< As the job called it, or below its work folder.
  std::size_t number = 0;
  std::uint64_t bytes = 0;
  bool collected = false;  ///< Its step asked for it; else the job handed it over.
  std::string problem;     ///< Why it was not kept, or empty.
};

/// Holds what a job hands over by descriptors, and copies it into the folder of jobs when nothing
/// of the job lives any more, so that nobody changes what is being read.
///
/// Threads: the only thread of the supervisor.
class KeptFiles {
 public:
  static constexpr std::size_t kFilesMax = 192;
  static constexpr std::size_t kAttachedMax = 64;  ///< Of them.

  using RedactorPtr = std::shared_ptr<const redaction::Redactor>;

  /// `bytesMax`: of all of them together. `redactor`: masks what they hold; null: nothing is masked.
  KeptFiles(int jobsFd, std::string id, std::uint64_t bytesMax, RedactorPtr redactor = nullptr)
      : jobsFd_(jobsFd),
        id_(std::move(id)),
        redactor_(std::move(redactor)),
        bytesMax_(bytesMax) {}

  /// Takes a file that the job has open; one of the same name before it is let go.
  CallAnswer attach(std::string name, base::UniqueFd file);
  /// Takes one that the step asked for, or the errno that kept it from being opened.
  void collect(std::string name, base::UniqueFd file, int error);

  /// Copies and syncs all. Returns how many there are, those with a problem too.
  std::size_t store();

 private:
  struct Held {
    KeptFile row;
    base::UniqueFd file;
  };
  void copy(Held& held);

  const int jobsFd_;
  const std::string id_;
  const RedactorPtr redactor_;
  std::uint64_t bytesMax_;
  std::vector<Held> held_;
};

/// Of a job whose exit record speaks of files. Errors: kIo, kJobSpec when the list is damaged.
base::Result<std::vector<KeptFile>> readKeptFiles(int jobsFd, std::string_view id);
/// The name of a kept file in the folder of jobs.
std::string keptFileName(std::string_view id, std::size_t number);

}  // namespace belay::jobs
