#include "agent/flow/Family.h"

#include <algorithm>
#include <array>

#include "agent/flow/FamilyKeys.h"

namespace belay::flow {

namespace {

constexpr unsigned kEffectful =
    kTakesTimeout | kTakesRetry | kTakesEffect | kTakesNext | kTakesReview;

constexpr std::array<FamilyRow, static_cast<std::size_t>(Family::kCount)> kFamilies{{
    {Family::kRun,
     {.name = "run",
      .shape = Shape::kObject,
      .object = &kRunObject,
      .help = "Runs a command as a job."},
     EffectClass::kOnce,
     "1h",
     kEffectful | kTakesPersist},
    {Family::kHttp,
     {.name = "http",
      .shape = Shape::kObject,
      .object = &kHttpObject,
      .help = "Makes an HTTP request."},
     EffectClass::kOnce,
     "60s",
     kEffectful | kTakesPersist},
    {Family::kFunction,
     {.name = "function",
      .shape = Shape::kObject,
      .object = &kFunctionObject,
      .help = "Computes a value in JavaScript."},
     EffectClass::kPure,
     "",
     kTakesNext},
    {Family::kKv,
     {.name = "kv",
      .shape = Shape::kObject,
      .object = &kKvObject,
      .help = "Reads or writes the host's key-value store, in the transaction of the step."},
     EffectClass::kPure,
     "",
     kTakesNext},
    {Family::kSet,
     {.name = "set",
      .shape = Shape::kMap,
      .flags = kTemplate,
      .least = 1,
      .most = 200,
      .values = Shape::kAny,
      .help = "Changes members of the run's state."},
     EffectClass::kPure,
     "",
     kTakesNext},
    {Family::kSleep,
     {.name = "sleep",
      .shape = Shape::kObject,
      .object = &kSleepObject,
      .help = "Waits for a time."},
     EffectClass::kPure,
     "",
     kTakesNext},
    {Family::kWait,
     {.name = "wait",
      .shape = Shape::kObject,
      .object = &kWaitObject,
      .help = "Waits for an approval, a callback, an event or a time, for as long as it takes."},
     EffectClass::kPure,
     "",
     kTakesNext},
    {Family::kNotify,
     {.name = "notify",
      .shape = Shape::kObject,
      .object = &kNotifyObject,
      .help = "Sends a message."},
     EffectClass::kOnce,
     "30s",
     kEffectful},
    {Family::kSwitch,
     {.name = "switch",
      .shape = Shape::kObjectList,
      .least = 1,
      .most = 200,
      .object = &kSwitchObject,
      .help = "Goes on with the first case whose when holds."},
     EffectClass::kPure,
     "",
     0},
    {Family::kParallel,
     {.name = "parallel",
      .shape = Shape::kObject,
      .object = &kParallelObject,
      .help = "Runs branches together; the output has the outputs of their last steps by name."},
     EffectClass::kPure,
     "",
     kTakesNext},
    {Family::kForEach,
     {.name = "for_each",
      .shape = Shape::kObject,
      .object = &kForEachObject,
      .help = "Runs steps for each item; the output is the list of the outputs of their last "
              "steps, in the order of the items."},
     EffectClass::kPure,
     "",
     kTakesNext},
    {Family::kLoop,
     {.name = "loop",
      .shape = Shape::kObject,
      .object = &kLoopObject,
      .help = "Runs steps again and again; the output has rounds and last, the output of the last "
              "step of the last round."},
     EffectClass::kPure,
     "",
     kTakesNext},
    {Family::kFlow,
     {.name = "flow",
      .shape = Shape::kObject,
      .object = &kFlowObject,
      .help = "Runs another flow as a child run; the output is the output of that run."},
     EffectClass::kPure,
     "",
     kTakesRetry | kTakesNext},
    {Family::kEmit,
     {.name = "emit",
      .shape = Shape::kObject,
      .object = &kEmitObject,
      .help = "Emits an event to this host, in the transaction of the step."},
     EffectClass::kPure,
     "",
     kTakesNext},
    {Family::kAgent,
     {.name = "agent",
      .shape = Shape::kObject,
      .object = &kAgentObject,
      .help = "Lets a coding agent work, as a job."},
     EffectClass::kOnce,
     "2h",
     kEffectful | kTakesPersist},
    {Family::kDb,
     {.name = "db",
      .shape = Shape::kObject,
      .object = &kDbObject,
      .help = "Runs one SQL statement with parameters."},
     EffectClass::kIdempotent,
     "30s",
     kEffectful},
    {Family::kSearch,
     {.name = "search",
      .shape = Shape::kObject,
      .object = &kSearchObject,
      .help = "Looks for words in what this host keeps."},
     EffectClass::kPure,
     "",
     kTakesNext},
    {Family::kLlm,
     {.name = "llm", .shape = Shape::kObject, .object = &kLlmObject, .help = "Asks a language model."},
     EffectClass::kIdempotent,
     "10m",
     kEffectful | kTakesPersist},
    {Family::kSsh,
     {.name = "ssh",
      .shape = Shape::kObject,
      .object = &kSshObject,
      .help = "Runs a command on another machine, puts files there and gets files from it."},
     EffectClass::kOnce,
     "1h",
     kEffectful | kTakesPersist},
    {Family::kPlugin,
     {.name = "plugin",
      .shape = Shape::kObject,
      .object = &kPluginObject,
      .help = "Lets a step plugin of the host work, as a job."},
     EffectClass::kOnce,
     "5m",
     kEffectful | kTakesPersist},
}};

constexpr bool rowsFollowTheEnum() {
  for (std::size_t i = 0; i < kFamilies.size(); ++i) {
    if (kFamilies[i].family != static_cast<Family>(i)) return false;
  }
  return true;
}
static_assert(rowsFollowTheEnum(), "kFamilies must list every Family, in enum order");

}  // namespace

std::span<const FamilyRow> familyTable() { return kFamilies; }

const FamilyRow& familyRow(Family family) { return kFamilies.at(static_cast<std::size_t>(family)); }

const FamilyRow* findFamily(std::string_view name) {
  const auto found = std::find_if(kFamilies.begin(), kFamilies.end(),
                                  [&](const FamilyRow& row) { return row.key.name == name; });
  return found == kFamilies.end() ? nullptr : &*found;
}

std::string_view familyName(Family family) { return familyRow(family).key.name; }

}  // namespace belay::flow
