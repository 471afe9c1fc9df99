#include "agent/cli/Commands.h"

namespace belay::cli {

namespace {

// One a line: so that two changes at once do not meet.
// clang-format off
constexpr const Command* kAll[] = {
    &kInitCommand,
    &kDaemonCommand,
    &kFlowNewCommand,
    &kFlowValidateCommand,
    &kFlowTestCommand,
    &kFlowRunCommand,
    &kFlowPushCommand,
    &kFlowListCommand,
    &kFlowShowCommand,
    &kFlowConfigureCommand,
    &kFlowSearchCommand,
    &kFlowDraftCommand,
    &kFlowDiffCommand,
    &kFlowReleaseCommand,
    &kFlowReleasesCommand,
    &kFlowPromoteCommand,
    &kFlowRollbackCommand,
    &kFlowExportCommand,
    &kFlowImportCommand, &kFlowImportDaguCommand,
    &kFlowArchiveCommand,
    &kFlowGraphCommand,
    &kFlowStepsDocsCommand,
    &kFlowStepsExamplesCommand,
    &kRunListCommand,
    &kRunShowCommand,
    &kRunWatchCommand,
    &kRunLogsCommand,
    &kRunPauseCommand,
    &kRunResumeCommand,
    &kRunStopCommand,
    &kRunCancelCommand,
    &kRunRetryCommand,
    &kRunReplayCommand,
    &kRunResolveCommand,
    &kWaitListCommand,
    &kWaitShowCommand,
    &kApproveCommand,
    &kRejectCommand,
    &kCallbackCommand,
    &kEventEmitCommand,
    &kScheduleListCommand,
    &kScheduleShowCommand,
    &kScheduleNextCommand,
    &kScheduleLedgerCommand,
    &kScheduleWhyCommand,
    &kSchedulePauseCommand,
    &kScheduleResumeCommand,
    &kKvGetCommand,
    &kKvSetCommand,
    &kKvDeleteCommand,
    &kKvIncrementCommand,
    &kKvAppendCommand,
    &kKvListCommand,
    &kResourceListCommand,
    &kResourceShowCommand,
    &kResourceCatCommand,
    &kSecretSetCommand,
    &kSecretListCommand,
    &kSecretDeleteCommand,
    &kConnectionListCommand,
    &kJournalStatsCommand,
    &kJournalVerifyCommand,
    &kJournalBackupCommand,
    &kJournalPruneCommand,
    &kConfigCheckCommand,
    &kConfigDefaultsCommand,
    &kDoctorCommand,
    &kExplainCommand,
    &kDocsCommand,
    &kDocsSearchCommand,
    &kVersionCommand,
    &kCompletionCommand,
};
// clang-format on

}  // namespace

std::span<const Command* const> allCommands() { return kAll; }

}  // namespace belay::cli
