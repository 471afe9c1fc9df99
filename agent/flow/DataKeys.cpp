#include <array>

#include "agent/flow/FamilyKeys.h"

// The keys of db and search, and of the option persist.

namespace belay::flow {

namespace {

using Words = std::string_view;

constexpr std::array<KeyRow, 5> kDbKeys{{
    {.name = "connection",
     .shape = Shape::kIdentifier,
     .flags = kRequired,
     .help = "One of requires, of type db."},
    {.name = "sql",
     .shape = Shape::kSql,
     .flags = kRequired,
     .least = 1,
     .most = 100'000,
     .help = "One statement. Expressions are refused in it; values come through params."},
    {.name = "params",
     .shape = Shape::kAny,
     .flags = kTemplate,
     .help = "Values for the places of the statement: a list for ?, an object for :name."},
    {.name = "max_rows",
     .shape = Shape::kInteger,
     .flags = kTemplate,
     .least = 1,
     .most = 100'000,
     .fallback = "1000",
     .help = "More rows are not read, and truncated says so."},
    {.name = "write",
     .shape = Shape::kFlag,
     .fallback = "false",
     .help = "The statement changes data; the connection must allow it. Then its effect is once."},
}};

constexpr std::array<Words, 4> kTargets{"resources", "flows", "runs", "connections"};
constexpr std::array<Words, 2> kScopes{"flow", "host"};
constexpr std::array<KeyRow, 5> kSearchKeys{{
    {.name = "query",
     .flags = kRequired | kTemplate,
     .least = 1,
     .most = 1'000,
     .help = "Words that must all be there; \"two words\" together, word* by its beginning, -word "
             "not, a OR b."},
    {.name = "targets",
     .shape = Shape::kChoiceList,
     .least = 1,
     .most = 4,
     .choices = kTargets,
     .fallback = "[\"resources\"]",
     .help = "Where to look: resources (those with persist: {index: true}), flows, runs, "
             "connections."},
    {.name = "limit",
     .shape = Shape::kInteger,
     .flags = kTemplate,
     .least = 1,
     .most = 100,
     .fallback = "10",
     .help = "Hits at most, of each target."},
    {.name = "hydrate",
     .shape = Shape::kFlag,
     .flags = kTemplate,
     .fallback = "false",
     .help = "Each hit of a resource has the beginning of its text, at most 16 KiB."},
    {.name = "scope",
     .shape = Shape::kChoice,
     .choices = kScopes,
     .fallback = "\"flow\"",
     .help = "flow: what runs of this flow have left; host: what all have, where the policy allows "
             "it."},
}};

constexpr std::array<Words, 3> kWhens{"auto", "always", "never"};
constexpr std::array<Words, 3> kKeeps{"run", "retained", "ephemeral"};
constexpr std::array<KeyRow, 5> kPersistKeys{{
    {.name = "when",
     .shape = Shape::kChoice,
     .choices = kWhens,
     .fallback = "\"always\"",
     .help = "auto by size, always, or never."},
    {.name = "keep",
     .shape = Shape::kChoice,
     .choices = kKeeps,
     .fallback = "\"run\"",
     .help = "How long: run, as its run is kept; retained, beyond it; ephemeral, for "
             "resources.ephemeral after its end."},
    {.name = "filename",
     .least = 1,
     .most = 200,
     .help = "Name of the resource; of several, of the first one."},
    {.name = "content_type",
     .least = 3,
     .most = 200,
     .help = "Its media type, where the step does not know better."},
    {.name = "index",
     .shape = Shape::kFlag,
     .fallback = "false",
     .help = "Its text is found by search."},
}};

}  // namespace

constinit const ObjectRow kDbObject{.what = "a db step", .keys = kDbKeys};
constinit const ObjectRow kSearchObject{.what = "a search step", .keys = kSearchKeys};
constinit const ObjectRow kPersistObject{.what = "persist", .keys = kPersistKeys};

}  // namespace belay::flow
