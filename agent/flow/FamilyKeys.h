#pragma once

#include "agent/flow/Keys.h"

namespace belay::flow {

// The keys of each family that has some of its own, for the table in Family.cpp.
extern const ObjectRow kRunObject;
extern const ObjectRow kHttpObject;
extern const ObjectRow kFunctionObject;
extern const ObjectRow kKvObject;
extern const ObjectRow kNotifyObject;
extern const ObjectRow kSwitchObject;
extern const ObjectRow kSleepObject;
extern const ObjectRow kWaitObject;
extern const ObjectRow kParallelObject;
extern const ObjectRow kForEachObject;
extern const ObjectRow kLoopObject;
extern const ObjectRow kFlowObject;
/// Of the option review.
extern const ObjectRow kReviewObject;
extern const ObjectRow kEmitObject;
/// Of retry and of loop.
extern const ObjectRow kBackoffObject;
/// Of an item of the flow's triggers.
extern const ObjectRow kTriggerObject;
extern const ObjectRow kConcurrencyObject;
extern const ObjectRow kAgentObject;
extern const ObjectRow kDbObject;
extern const ObjectRow kSearchObject;
/// Of the option persist.
extern const ObjectRow kPersistObject;
extern const ObjectRow kLlmObject;
extern const ObjectRow kSshObject;
extern const ObjectRow kPluginObject;
/// A value of the flow's agents, and of the settings'.
extern const ObjectRow kHandleObject;

}  // namespace belay::flow
