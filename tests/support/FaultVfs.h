#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/SeededRandom.h"

namespace belay::test {

/// A disk in memory for SQLite, which can lose power and fail.
///
/// What was written and not yet synced is kept per 512-byte sector. crashImage() is what a power
/// cut may leave: of each such sector all, nothing, a part or garbage, but never damage to bytes
/// that were not written (the promise that SQLite relies on: POWERSAFE_OVERWRITE). Truncations and
/// deletions that were not synced may or may not have happened. A sync that failed makes nothing
/// durable, and neither does a later one: a kernel forgets what it could not write.
///
/// Threads:   one at a time.
/// Ownership: must outlive the databases that were opened through it; registered while it lives.
class FaultVfs {
 public:
  /// A write within one sector, or a change of size, that is not certainly on the disk.
  struct Piece {
    std::uint64_t offset = 0;  ///< In the file; for a change of size the new size.
    std::size_t from = 0;      ///< Its bytes in File::written.
    std::size_t size = 0;
    bool isSize = false;
    enum class Fate : std::uint8_t {
      kPending,   ///< Written since the last sync.
      kDoubtful,  ///< Written before a sync that failed.
      kCertain,   ///< Synced, but over something that is doubtful.
    } fate = Fate::kPending;
  };
  struct File {
    std::string content;        ///< What reads see.
    std::string durable;        ///< What is certainly on the disk.
    std::vector<Piece> pieces;  ///< Written over `durable`, in order.
    std::string written;        ///< The bytes of the pieces.
    bool named = false;         ///< The folder's entry is certainly on the disk.
  };
  struct Disk {
    std::map<std::string, File> files;
    std::map<std::string, std::string> deleted;  ///< May be back after a power cut.
  };

  enum class Failure { kIoError, kDiskFull };
  /// The operation `at` (from 1) fails, and when sticky all that follow. kDiskFull fails writes
  /// only: the first from `at` on.
  struct Fault {
    std::uint64_t at = 0;
    Failure failure = Failure::kIoError;
    bool sticky = false;
  };

  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  /// For JournalOptions::vfs.
  const std::string& name() const;

  void setFault(const Fault& fault);
  void clearFault();
  /// True when the fault has happened.
  bool faultHappened() const;
  /// Opens, reads, writes, truncations, syncs and deletions so far.
  std::uint64_t operations() const;
  std::uint64_t syncs() const;
  /// A disk that lies: syncs of files whose name ends so do nothing; "" is all files.
  void ignoreSyncsOf(std::string suffix);
  /// Called before each sync takes effect.
  void onSync(std::function<void()> hook);

  const Disk& disk() const;
  /// Replaces all files. No database may be open.
  void setDisk(Disk disk);
  /// What a power cut may leave, by the seed of `random`. All of it is durable.
  static Disk crashImage(const Disk& disk, SeededRandom& random);

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace belay::test
