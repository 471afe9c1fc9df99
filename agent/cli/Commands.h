#pragma once

#include "agent/cli/Command.h"

namespace belay::cli {

// Every verb of the command line, one source file each; Commands.cpp puts them in order.

extern const Command kInitCommand;
extern const Command kDaemonCommand;
extern const Command kFlowNewCommand;
extern const Command kFlowValidateCommand;
extern const Command kFlowTestCommand;
extern const Command kFlowRunCommand;
extern const Command kFlowPushCommand;
extern const Command kFlowListCommand;
extern const Command kFlowShowCommand;
extern const Command kFlowConfigureCommand;
extern const Command kFlowSearchCommand;
extern const Command kFlowDraftCommand;
extern const Command kFlowDiffCommand;
extern const Command kFlowReleaseCommand;
extern const Command kFlowReleasesCommand;
extern const Command kFlowPromoteCommand;
extern const Command kFlowRollbackCommand;
extern const Command kFlowExportCommand;
extern const Command kFlowImportCommand;
extern const Command kFlowImportDaguCommand;
extern const Command kFlowArchiveCommand;
extern const Command kFlowGraphCommand;
extern const Command kFlowStepsDocsCommand;
extern const Command kFlowStepsExamplesCommand;
extern const Command kRunListCommand;
extern const Command kRunShowCommand;
extern const Command kRunWatchCommand;
extern const Command kRunLogsCommand;
extern const Command kRunPauseCommand;
extern const Command kRunResumeCommand;
extern const Command kRunStopCommand;
extern const Command kRunCancelCommand;
extern const Command kRunRetryCommand;
extern const Command kRunReplayCommand;
extern const Command kRunResolveCommand;
extern const Command kWaitListCommand;
extern const Command kWaitShowCommand;
extern const Command kApproveCommand;
extern const Command kRejectCommand;
extern const Command kCallbackCommand;
extern const Command kEventEmitCommand;
extern const Command kWebhookDeliverCommand;
extern const Command kScheduleListCommand;
extern const Command kScheduleShowCommand;
extern const Command kScheduleNextCommand;
extern const Command kScheduleLedgerCommand;
extern const Command kScheduleWhyCommand;
extern const Command kSchedulePauseCommand;
extern const Command kScheduleResumeCommand;
extern const Command kKvGetCommand;
extern const Command kKvSetCommand;
extern const Command kKvDeleteCommand;
extern const Command kKvIncrementCommand;
extern const Command kKvAppendCommand;
extern const Command kKvListCommand;
extern const Command kResourceListCommand;
extern const Command kResourceShowCommand;
extern const Command kResourceCatCommand;
extern const Command kSecretSetCommand;
extern const Command kSecretListCommand;
extern const Command kSecretDeleteCommand;
extern const Command kConnectionListCommand;
extern const Command kKeyNewCommand;
extern const Command kKeyShowCommand;
extern const Command kTrustInitCommand;
extern const Command kTrustRosterCommand;
extern const Command kTrustAddSignerCommand;
extern const Command kTrustSignCommand;
extern const Command kTrustInstallCommand;
extern const Command kTrustShowCommand;
extern const Command kPinCreateCommand;
extern const Command kPinSignCommand;
extern const Command kPinApplyCommand;
extern const Command kLinkEnrolCommand;
extern const Command kLinkStatusCommand;
extern const Command kJournalStatsCommand;
extern const Command kJournalVerifyCommand;
extern const Command kJournalBackupCommand;
extern const Command kJournalPruneCommand;
extern const Command kConfigCheckCommand;
extern const Command kConfigDefaultsCommand;
extern const Command kDoctorCommand;
extern const Command kExplainCommand;
extern const Command kDocsCommand;
extern const Command kDocsSearchCommand;
extern const Command kVersionCommand;
extern const Command kCompletionCommand;

}  // namespace belay::cli
