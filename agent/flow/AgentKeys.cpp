// The keys of `agents:` and of steps of the family agent.

#include <array>

#include "agent/flow/FamilyKeys.h"

namespace belay::flow {

namespace {

using Words = std::string_view;

constexpr double kDayMs = 24.0 * 3'600'000;
constexpr double kTiB = 1024.0 * 1024.0 * 1024.0 * 1024.0;

constexpr std::array<KeyRow, 3> kRuleKeys{{
    {.name = "tool",
     .least = 1,
     .most = 500,
     .help = "The agent's own name of a tool, as Bash, or a kind: read, edit, execute."},
    {.name = "command", .least = 1, .most = 4'000, .help = "What is executed, as in: git *."},
    {.name = "path",
     .least = 1,
     .most = 4'000,
     .help = "The file: absolute, or below the workspace; * is any text."},
}};
constexpr ObjectRow kRule{.what = "a permission rule", .keys = kRuleKeys};

constexpr std::array<Words, 2> kVerdicts{"deny", "allow"};
constexpr std::array<KeyRow, 3> kPermissionsKeys{{
    {.name = "default",
     .shape = Shape::kChoice,
     .choices = kVerdicts,
     .fallback = "\"deny\"",
     .help = "What no rule names."},
    {.name = "allow",
     .shape = Shape::kObjectList,
     .most = 1'000,
     .object = &kRule,
     .help = "What it may do without asking; all that a rule names must fit."},
    {.name = "deny",
     .shape = Shape::kObjectList,
     .most = 1'000,
     .object = &kRule,
     .help = "What it may never do; goes before allow."},
}};
constexpr ObjectRow kPermissions{.what = "permissions", .keys = kPermissionsKeys};

constexpr std::array<KeyRow, 8> kBudgetKeys{{
    {.name = "first_output",
     .shape = Shape::kDuration,
     .least = 1,
     .most = kDayMs,
     .help = "Until its first sign of life."},
    {.name = "no_progress",
     .shape = Shape::kDuration,
     .least = 1,
     .most = kDayMs,
     .help = "Between two signs of progress; the repetition of a retry is none."},
    {.name = "wall_clock",
     .shape = Shape::kDuration,
     .least = 1,
     .help = "Of one step. It ends the agent gracefully, before timeout ends the job."},
    {.name = "output",
     .shape = Shape::kSize,
     .least = 1,
     .most = kTiB,
     .help = "What it writes, both streams together."},
    {.name = "tokens",
     .shape = Shape::kInteger,
     .least = 1,
     .most = 1e12,
     .help = "Input and output, in all steps of the run that use the handle."},
    {.name = "usd",
     .shape = Shape::kNumber,
     .least = 0.000001,
     .most = 1e6,
     .help = "Its price as it says it itself, in all steps of the run that use the handle."},
    {.name = "turns",
     .shape = Shape::kInteger,
     .least = 1,
     .most = 1e6,
     .help = "Answers of the model, in all steps of the run that use the handle."},
    {.name = "memory",
     .shape = Shape::kSize,
     .least = 1024.0 * 1024.0,
     .most = kTiB,
     .help = "Memory that it and what it starts have for themselves, all processes together."},
}};
constexpr ObjectRow kBudget{.what = "a budget", .keys = kBudgetKeys};

constexpr std::array<Words, 4> kPromptModes{"arg", "flag", "stdin", "file"};
constexpr std::array<Words, 2> kFlagStyles{"space", "equals"};
constexpr std::array<KeyRow, 5> kCommandKeys{{
    {.name = "prompt_mode",
     .shape = Shape::kChoice,
     .choices = kPromptModes,
     .fallback = "\"arg\"",
     .help = "How it takes the prompt: the last argument, behind prompt_flag, standard input, or "
             "the path of a file."},
    {.name = "prompt_flag", .least = 1, .most = 200, .help = "Of flag and file, as in -p."},
    {.name = "prefix_args",
     .shape = Shape::kTextList,
     .flags = kEmpty,
     .most = 100,
     .help = "Between the program and all else, as in: exec."},
    {.name = "flag_style",
     .shape = Shape::kChoice,
     .choices = kFlagStyles,
     .fallback = "\"space\"",
     .help = "--flag value, or --flag=value."},
    {.name = "option_flags",
     .shape = Shape::kMap,
     .flags = kEmpty,
     .most = 100,
     .values = Shape::kNumber,
     .help = "Flags with their values; true is the flag alone."},
}};
constexpr ObjectRow kCommand{.what = "the command of an agent", .keys = kCommandKeys};

constexpr std::array<Words, 6> kAdapters{"claude-code", "codex", "gemini",
                                         "opencode",    "acp",   "command"};
constexpr std::array<Words, 3> kOnQuotas{"fail", "wait", "ask"};
constexpr std::array<Words, 3> kDrifts{"refuse", "ask", "warn"};
constexpr std::array<Words, 3> kProfiles{"bare", "user", "strong"};
constexpr std::array<KeyRow, 14> kHandleKeys{{
    {.name = "agent",
     .shape = Shape::kIdentifier,
     .help = "An agent of the host's settings; without it and without adapter, the one that is "
             "called as the handle."},
    {.name = "adapter",
     .shape = Shape::kChoice,
     .choices = kAdapters,
     .help = "How to speak to it. Instead of an agent of the host's settings."},
    {.name = "binary",
     .least = 1,
     .most = 4'000,
     .help = "Its program: a name, looked up in the PATH of jobs, or an absolute path; without it, "
             "what the adapter's agent is called."},
    {.name = "args",
     .shape = Shape::kTextList,
     .flags = kEmpty,
     .most = 500,
     .help = "Further arguments, behind those of the adapter."},
    {.name = "model", .least = 1, .most = 200, .help = "Its model; without it, its own choice."},
    {.name = "append_system",
     .least = 1,
     .most = 100'000,
     .help = "Added to its system prompt, where it takes that."},
    {.name = "env",
     .shape = Shape::kMap,
     .flags = kSecrets | kEmpty,
     .most = 500,
     .names = Names::kVariable,
     .help = "Environment variables; a value may be {secret: NAME}."},
    {.name = "permissions",
     .shape = Shape::kObject,
     .object = &kPermissions,
     .help = "What it may do, given to it in its own way."},
    {.name = "budget",
     .shape = Shape::kObject,
     .object = &kBudget,
     .help = "Its bounds; the first that is hit ends it, and what it did until then stays."},
    {.name = "on_quota",
     .shape = Shape::kChoice,
     .choices = kOnQuotas,
     .fallback = "\"fail\"",
     .help = "When its provider takes no more for now: fail, wait until it does and go on, or ask "
             "an operator first."},
    {.name = "drift",
     .shape = Shape::kChoice,
     .choices = kDrifts,
     .fallback = "\"refuse\"",
     .help = "When its program is not the one that was locked: refuse, ask an operator, or warn "
             "in the log."},
    {.name = "fallback",
     .shape = Shape::kTextList,
     .most = 8,
     .help = "Handles to go on with, in this order, when it is not there, or its provider refuses "
             "or has no quota."},
    {.name = "command",
     .shape = Shape::kObject,
     .object = &kCommand,
     .help = "Of the adapter command: how any other program takes prompt and options."},
    {.name = "profile",
     .shape = Shape::kChoice,
     .choices = kProfiles,
     .help = "How far it must be kept from the host, at least; a host that cannot refuses it."},
}};

constexpr std::array<Words, 3> kKeeps{"never", "on_failure", "always"};
constexpr std::array<KeyRow, 7> kWorkspaceKeys{{
    {.name = "git",
     .flags = kTemplate,
     .least = 1,
     .most = 4'000,
     .help = "Path or URL of a repository: it works in a clone, and the diff is a result."},
    {.name = "ref",
     .flags = kTemplate,
     .least = 1,
     .most = 500,
     .help = "Of git: branch, tag or commit to start from; without it, HEAD."},
    {.name = "branch",
     .flags = kTemplate,
     .least = 1,
     .most = 200,
     .help = "Of git: name of the branch of its work; belay/RUN-STEP without it."},
    {.name = "dir",
     .flags = kTemplate,
     .least = 1,
     .most = 4'000,
     .help = "A folder of the host, as it is; absolute."},
    {.name = "scratch", .shape = Shape::kFlag, .help = "An empty folder; true."},
    {.name = "diff",
     .shape = Shape::kFlag,
     .fallback = "false",
     .help = "Of dir: take the folder's state before, by git, so that the diff is a result."},
    {.name = "keep",
     .shape = Shape::kChoice,
     .choices = kKeeps,
     .fallback = "\"never\"",
     .help = "Whether the workspace stays when the run has ended, until the run is removed."},
}};
constexpr std::array<Words, 3> kWorkspaceOneOf{"git", "dir", "scratch"};
constexpr ObjectRow kWorkspace{
    .what = "a workspace", .keys = kWorkspaceKeys, .exactlyOne = kWorkspaceOneOf};

constexpr std::array<Words, 2> kOnDenieds{"continue", "fail"};
constexpr std::array<KeyRow, 9> kAgentKeys{{
    {.name = "use",
     .shape = Shape::kIdentifier,
     .flags = kRequired,
     .help = "One of the agents of the flow."},
    {.name = "prompt",
     .shape = Shape::kPrompt,
     .flags = kRequired | kTemplate,
     .least = 1,
     .most = 1'000'000,
     .help = "What it is to do: a text, or {template: NAME} of the flow's templates."},
    {.name = "schema",
     .shape = Shape::kJsonSchema,
     .help = "JSON Schema of its answer, where it can be asked for one."},
    {.name = "workspace",
     .shape = Shape::kObject,
     .object = &kWorkspace,
     .help = "Where it works; an empty folder without it."},
    {.name = "env",
     .shape = Shape::kMap,
     .flags = kTemplate | kSecrets | kEmpty,
     .most = 500,
     .names = Names::kVariable,
     .help = "Environment variables; a value may be {secret: NAME}."},
    {.name = "resume",
     .shape = Shape::kFlag,
     .flags = kTemplate,
     .fallback = "false",
     .help = "Go on with the session and in the workspace of the last step of this run that used "
             "the handle."},
    {.name = "on_denied",
     .shape = Shape::kChoice,
     .choices = kOnDenieds,
     .fallback = "\"continue\"",
     .help = "Whether what it was denied fails the step, or only stands in its output."},
    {.name = "files",
     .shape = Shape::kMap,
     .flags = kTemplate,
     .most = 100,
     .help = "Files to put into the workspace: path below it, and a resource or an output."},
    {.name = "collect",
     .shape = Shape::kTextList,
     .flags = kTemplate,
     .most = 100,
     .help = "Paths of files of the workspace to keep as resources when it has ended."},
}};

}  // namespace

constinit const ObjectRow kHandleObject{
    .what = "an agent", .keys = kHandleKeys};

constinit const ObjectRow kAgentObject{.what = "an agent step", .keys = kAgentKeys};

}  // namespace belay::flow
