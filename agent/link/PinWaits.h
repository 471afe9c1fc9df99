#pragma once

#include "agent/link/Releases.h"
#include "agent/runtime/Runtime.h"
#include "common/base/Result.h"
#include "common/json/Value.h"
#include "common/log/Log.h"
#include "common/statement/SignedStatement.h"

namespace belay::link {

// Pins that came before the roster by which they count, and rosters that came before their root
// document: they are refused at first, and judged again when the host believes another one. The
// newest sixteen pins are kept, each with its release if that comes meanwhile, and the newest four
// rosters; what is kept is believed no more than anything of the relay.
//
// Threads: the loop, in the open transaction. Errors: only those that end it.

/// Whether another roster, or root document, may come to another answer.
bool mayBeBelievedLater(base::ErrorCode refusal);
/// One that is there already is not kept twice, and one that is too long not at all.
base::Status keepPin(journal::Journal& journal, const statement::SignedStatement& pin);
/// Where a pin that is kept names it; else nothing happens.
base::Status keepRelease(journal::Journal& journal, const CheckedRelease& release);
/// `body` is that of the relay's message.
base::Status keepRoster(journal::Journal& journal, const json::Value& body);
/// Takes those that the root document in force has signed, and drops those that none will have.
base::Status judgeRosters(runtime::Runtime& runtime, log::Log& log);
/// Takes those that count by the roster in force, and drops those that never will.
base::Status judgePins(runtime::Runtime& runtime, log::Log& log);

}  // namespace belay::link
