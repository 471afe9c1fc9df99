#pragma once

#include "agent/link/Releases.h"
#include "agent/runtime/Runtime.h"
#include "common/base/Result.h"
#include "common/log/Log.h"
#include "common/statement/SignedStatement.h"

namespace belay::link {

// Pins that came before the roster by which they count: they are refused at first, and judged again
// when the host believes another roster. The newest sixteen are kept, each with its release if that
// comes meanwhile; what is kept is believed no more than anything of the relay.
//
// Threads: the loop, in the open transaction. Errors: only those that end it.

/// Whether another roster may come to another answer.
bool mayBeBelievedLater(base::ErrorCode refusal);
/// One that is there already is not kept twice, and one that is too long not at all.
base::Status keepPin(journal::Journal& journal, const statement::SignedStatement& pin);
/// Where a pin that is kept names it; else nothing happens.
base::Status keepRelease(journal::Journal& journal, const CheckedRelease& release);
/// Takes those that count by the roster in force, and drops those that never will.
base::Status judgePins(runtime::Runtime& runtime, log::Log& log);

}  // namespace belay::link
