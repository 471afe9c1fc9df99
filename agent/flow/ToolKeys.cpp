// The keys of the families whose work a program inside of a job does: ssh, plugin.

#include <array>

#include "agent/flow/FamilyKeys.h"

namespace belay::flow {

namespace {

using Words = std::string_view;

constexpr double kMiB = 1024.0 * 1024.0;
constexpr double kMinuteMs = 60.0 * 1000.0;

constexpr std::array<KeyRow, 3> kPutKeys{{
    {.name = "content",
     .shape = Shape::kAny,
     .flags = kRequired | kTemplate,
     .help = "A text, or the output or resource of a step, whose whole content is put there."},
    {.name = "to",
     .flags = kRequired | kTemplate,
     .least = 1,
     .most = 4'000,
     .help = "Absolute path there. What stands there is replaced at once, when all has arrived."},
    {.name = "mode",
     .flags = kTemplate,
     .least = 3,
     .most = 4,
     .fallback = "\"0644\"",
     .help = "Its permissions, in octal."},
}};
constexpr ObjectRow kPut{.what = "a file to put", .keys = kPutKeys};

constexpr std::array<KeyRow, 3> kGetKeys{{
    {.name = "from",
     .flags = kRequired | kTemplate,
     .least = 1,
     .most = 4'000,
     .help = "Absolute path of a regular file there."},
    {.name = "name",
     .flags = kTemplate,
     .least = 1,
     .most = 200,
     .help = "Name of the resource; without it the last part of from."},
    {.name = "max",
     .shape = Shape::kSize,
     .least = 1,
     .most = 1024 * kMiB,
     .fallback = "\"64 MiB\"",
     .help = "A larger file is a failure."},
}};
constexpr ObjectRow kGet{.what = "a file to get", .keys = kGetKeys};

constexpr std::array<KeyRow, 15> kSshKeys{{
    {.name = "connection",
     .shape = Shape::kIdentifier,
     .flags = kRequired,
     .help = "One of requires, of type ssh."},
    {.name = "command",
     .shape = Shape::kTextList,
     .flags = kTemplate | kEmpty,
     .least = 1,
     .most = 1'000,
     .help = "Program and arguments, one item each; they arrive as they are, whatever is in them."},
    {.name = "script",
     .shape = Shape::kScript,
     .least = 1,
     .help = "Text for a shell there. Expressions are refused in it; values come through env."},
    {.name = "shell",
     .shape = Shape::kWords,
     .least = 1,
     .most = 200,
     .fallback = "[\"/bin/sh\", \"-e\"]",
     .help = "The program there that reads the script behind -c, and its options."},
    {.name = "cwd",
     .flags = kTemplate,
     .least = 1,
     .help = "Folder there in which it runs; the home of the user without it."},
    {.name = "env",
     .shape = Shape::kMap,
     .flags = kTemplate | kSecrets | kEmpty,
     .most = 500,
     .names = Names::kVariable,
     .help = "Environment variables there; a value may be {secret: NAME}. They are on no command "
             "line."},
    {.name = "stdin", .flags = kTemplate | kEmpty, .help = "Text for its standard input."},
    {.name = "pty",
     .shape = Shape::kFlag,
     .fallback = "false",
     .help = "With a terminal; its standard error is then part of stdout."},
    {.name = "detach",
     .shape = Shape::kFlag,
     .fallback = "false",
     .help = "The step ends when it has been started; the output has its pid. What it writes is "
             "lost unless it goes to a file."},
    {.name = "connect_timeout",
     .shape = Shape::kDuration,
     .least = 1,
     .most = 10 * kMinuteMs,
     .help = "Until the server has accepted the user; 20s, or what the connection says."},
    {.name = "max_output",
     .shape = Shape::kSize,
     .least = 1,
     .most = 1024 * kMiB,
     .help = "Bytes of each stream that are kept; what is beyond is dropped and said so. Without "
             "it, and at most, the bound of the host's settings."},
    {.name = "ok_exit_codes",
     .shape = Shape::kIntegerList,
     .least = 0,
     .most = 255,
     .fallback = "[0]",
     .help = "Exit codes that are a success."},
    {.name = "callback",
     .shape = Shape::kIdentifier,
     .help = "Id of a step that waits for a callback: it is opened first, and the command gets "
             "BELAY_CALLBACK_URL and BELAY_CALLBACK_TOKEN."},
    {.name = "put",
     .shape = Shape::kObjectList,
     .least = 1,
     .most = 100,
     .object = &kPut,
     .help = "Files to put there before the command runs."},
    {.name = "get",
     .shape = Shape::kObjectList,
     .least = 1,
     .most = 100,
     .object = &kGet,
     .help = "Files to get from there when the command has succeeded, as resources."},
}};

constexpr std::array<KeyRow, 4> kPluginKeys{{
    {.name = "use",
     .shape = Shape::kIdentifier,
     .flags = kRequired,
     .help = "Name of the plugin: belay-step-NAME in the host's plugin folder."},
    {.name = "connection",
     .shape = Shape::kIdentifier,
     .help = "One of requires, of type plugin, made for this plugin."},
    {.name = "with",
     .shape = Shape::kAny,
     .flags = kTemplate,
     .help = "What the plugin gets as its input; belay plugin check NAME shows what it takes."},
    {.name = "callback",
     .shape = Shape::kIdentifier,
     .help = "Id of a step that waits for a callback: it is opened first, and the plugin gets "
             "BELAY_CALLBACK_URL and BELAY_CALLBACK_TOKEN."},
}};

}  // namespace

constinit const ObjectRow kSshObject{.what = "an ssh step", .keys = kSshKeys};
constinit const ObjectRow kPluginObject{.what = "a plugin step", .keys = kPluginKeys};

}  // namespace belay::flow
