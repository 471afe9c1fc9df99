#include <array>

#include "agent/flow/FamilyKeys.h"

namespace belay::flow {

namespace {

using Words = std::string_view;

constexpr std::array<Words, 2> kOnChildErrors{"fail_fast", "wait_all"};

constexpr std::array<KeyRow, 3> kParallelKeys{{
    {.name = "branches",
     .shape = Shape::kBranches,
     .flags = kRequired,
     .least = 1,
     .most = 64,
     .names = Names::kIdentifier,
     .help = "Lists of steps by name, which run together."},
    {.name = "on_branch_error",
     .shape = Shape::kChoice,
     .choices = kOnChildErrors,
     .fallback = "\"fail_fast\"",
     .help = "What a failure of a branch does: fail_fast ends the others at once, wait_all lets "
             "them end first."},
    {.name = "finalize",
     .shape = Shape::kSteps,
     .least = 1,
     .most = 100,
     .help = "Steps that run when all branches have ended, well or badly."},
}};

constexpr std::array<KeyRow, 5> kForEachKeys{{
    {.name = "items",
     .shape = Shape::kAny,
     .flags = kRequired | kTemplate,
     .help = "A list, or an expression that gives one; at most 100,000 items."},
    {.name = "as",
     .shape = Shape::kItemName,
     .help = "A name of its own for the item in expressions, besides item."},
    {.name = "max_parallel",
     .shape = Shape::kInteger,
     .least = 1,
     .most = 256,
     .fallback = "1",
     .help = "Items at a time."},
    {.name = "on_item_error",
     .shape = Shape::kChoice,
     .choices = kOnChildErrors,
     .fallback = "\"fail_fast\"",
     .help = "What a failure of an item does: fail_fast ends the others at once, wait_all lets all "
             "items run first."},
    {.name = "steps",
     .shape = Shape::kSteps,
     .flags = kRequired,
     .least = 1,
     .most = 200,
     .help = "Run for each item; they see item and index."},
}};

constexpr std::array<Words, 2> kOnMaxes{"fail", "continue"};
constexpr std::array<KeyRow, 7> kLoopKeys{{
    {.name = "while",
     .shape = Shape::kExpression,
     .help = "Another round is made as long as this holds; asked before each."},
    {.name = "until",
     .shape = Shape::kExpression,
     .help = "The last round was made when this holds; asked after each."},
    {.name = "max",
     .shape = Shape::kInteger,
     .flags = kRequired,
     .least = 1,
     .most = 100'000,
     .help = "Rounds at most."},
    {.name = "on_max",
     .shape = Shape::kChoice,
     .choices = kOnMaxes,
     .fallback = "\"fail\"",
     .help = "What happens when max rounds were not enough: fail, or continue behind the loop."},
    {.name = "interval",
     .shape = Shape::kDuration,
     .flags = kTemplate,
     .help = "Pause between two rounds."},
    {.name = "backoff",
     .shape = Shape::kObject,
     .object = &kBackoffObject,
     .help = "Pauses that grow; instead of interval."},
    {.name = "steps",
     .shape = Shape::kSteps,
     .flags = kRequired,
     .least = 1,
     .most = 200,
     .help = "Run in each round; they see the number of the round as index, from 0."},
}};
constexpr std::array<Words, 2> kLoopOneOf{"while", "until"};

constexpr std::array<KeyRow, 3> kFlowKeys{{
    {.name = "slug", .shape = Shape::kIdentifier, .flags = kRequired, .help = "The flow to run."},
    {.name = "input",
     .shape = Shape::kAny,
     .flags = kTemplate,
     .help = "Its input, an object; converted and checked by that flow's schema."},
    {.name = "release",
     .shape = Shape::kRelease,
     .fallback = "\"live\"",
     .help = "The number or digest of a release; live; or draft, which only a run of a draft may "
             "start."},
}};

}  // namespace

constinit const ObjectRow kFlowObject{.what = "a flow step", .keys = kFlowKeys};

constinit const ObjectRow kParallelObject{.what = "a parallel step", .keys = kParallelKeys};

constinit const ObjectRow kForEachObject{.what = "a for_each step", .keys = kForEachKeys};

constinit const ObjectRow kLoopObject{
    .what = "a loop step", .keys = kLoopKeys, .exactlyOne = kLoopOneOf};

}  // namespace belay::flow
