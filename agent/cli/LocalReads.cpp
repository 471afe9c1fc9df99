#include "agent/cli/LocalReads.h"

#include "agent/api/Reads.h"
#include "common/log/Log.h"

namespace belay::cli {

using base::Result;

namespace {

constexpr std::size_t kFlowsCached = 4;
/// A daemon that runs holds the journal for good: waiting for it would only be slow.
constexpr std::chrono::milliseconds kLockWait{200};

/// Messages of the journal go to nobody: what is wrong comes back as an error.
log::Log& silence() {
  static log::NoLog log;  // Stateless.
  return log;
}

}  // namespace

Result<std::unique_ptr<journal::Journal>> openJournal(const Installation& installation,
                                                      const base::Clock& clock, bool readOnly) {
  journal::JournalOptions options;
  options.path = installation.layout().journal();
  options.readOnly = readOnly;
  options.lockWait = kLockWait;
  return journal::Journal::open(options, clock, silence());
}

Result<std::unique_ptr<journal::Journal>> openJournalAt(const std::string& path,
                                                        const base::Clock& clock, bool readOnly) {
  journal::JournalOptions options;
  options.path = path;
  options.readOnly = readOnly;
  options.lockWait = kLockWait;
  options.reserveBytes = 0;
  return journal::Journal::open(options, clock, silence());
}

Result<json::Value> readLocally(const Installation& installation, const base::Clock& clock,
                                const std::string& target) {
  BELAY_ASSIGN(const std::unique_ptr<journal::Journal> journal,
               openJournal(installation, clock, true));
  runtime::FlowCache flows(*journal, kFlowsCached);
  api::ReadContext context{*journal, flows, clock.wallMs()};
  return api::readTarget(context, target);
}

}  // namespace belay::cli
