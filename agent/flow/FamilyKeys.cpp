#include "agent/flow/FamilyKeys.h"

#include <array>

namespace belay::flow {

namespace {

using Words = std::string_view;

constexpr double kMiB = 1024.0 * 1024.0;

constexpr std::array<Words, 3> kProfiles{"bare", "user", "strong"};
constexpr std::array<KeyRow, 12> kRunKeys{{
    {.name = "command",
     .shape = Shape::kTextList,
     .flags = kTemplate | kEmpty,
     .least = 1,
     .most = 1'000,
     .help = "Program and arguments, one item each; no shell reads them."},
    {.name = "script",
     .shape = Shape::kScript,
     .least = 1,
     .help = "Text for a shell. Expressions are refused in it; values come through env."},
    {.name = "shell",
     .shape = Shape::kWords,
     .least = 1,
     .most = 200,
     .fallback = "[\"/bin/sh\", \"-e\"]",
     .help =
         "The program that reads the script, and its options; the script is a file behind them."},
    {.name = "cwd",
     .shape = Shape::kText,
     .flags = kTemplate,
     .least = 1,
     .help = "Folder in which it runs."},
    {.name = "env",
     .shape = Shape::kMap,
     .flags = kTemplate | kSecrets | kEmpty,
     .most = 500,
     .names = Names::kVariable,
     .help = "Environment variables; a value may be {secret: NAME}."},
    {.name = "stdin",
     .shape = Shape::kText,
     .flags = kTemplate | kEmpty,
     .help = "Text for its standard input."},
    {.name = "ok_exit_codes",
     .shape = Shape::kIntegerList,
     .least = 0,
     .most = 255,
     .fallback = "[0]",
     .help = "Exit codes that are a success."},
    {.name = "max_output",
     .shape = Shape::kSize,
     .least = 1,
     .most = 1024 * kMiB,
     .help =
         "Bytes of output that are kept; what is beyond is dropped and said so. Without it, and at "
         "most, the bound of the host's settings."},
    {.name = "callback",
     .shape = Shape::kIdentifier,
     .help = "Id of a step that waits for a callback: it is opened first, and the command gets its "
             "one-time token as BELAY_CALLBACK_TOKEN."},
    {.name = "profile",
     .shape = Shape::kChoice,
     .choices = kProfiles,
     .help =
         "How far the command must be kept from the host, at least: bare, user or strong; a host "
         "that cannot refuses it."},
    {.name = "payload",
     .shape = Shape::kAny,
     .flags = kTemplate,
     .help = "What it finds as payload.json in the folder BELAY_JOB_DIR, beside context.json; "
             "result.json there is its result."},
    {.name = "collect",
     .shape = Shape::kTextList,
     .flags = kTemplate,
     .most = 64,
     .help = "Paths of files below cwd to keep as resources when it has ended."},
}};
constexpr std::array<Words, 2> kRunOneOf{"command", "script"};
constexpr std::array<Words, 1> kRunLater{"args"};

constexpr std::array<Words, 7> kMethods{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
constexpr std::array<Words, 4> kResponses{"auto", "json", "text", "resource"};
constexpr std::array<KeyRow, 5> kPartKeys{{
    {.name = "name",
     .flags = kRequired | kTemplate,
     .least = 1,
     .most = 500,
     .help = "Name of the field."},
    {.name = "value", .flags = kTemplate | kEmpty, .help = "Its text."},
    {.name = "from",
     .flags = kTemplate,
     .least = 1,
     .help = "Instead of value: a resource, res://sha256/…, sent as it is."},
    {.name = "filename",
     .flags = kTemplate,
     .least = 1,
     .most = 500,
     .help = "Name of the file that it is to the server."},
    {.name = "content_type",
     .flags = kTemplate,
     .least = 1,
     .most = 200,
     .help = "Its media type."},
}};
constexpr std::array<Words, 2> kPartOneOf{"value", "from"};
constexpr ObjectRow kPart{.what = "a part", .keys = kPartKeys, .exactlyOne = kPartOneOf};

constexpr std::array<KeyRow, 13> kHttpKeys{{
    {.name = "connection",
     .shape = Shape::kIdentifier,
     .help = "One of requires; it gives the base of the URL and the credentials."},
    {.name = "url",
     .shape = Shape::kText,
     .flags = kTemplate,
     .least = 1,
     .most = 8'000,
     .help = "Absolute, or with a connection a path below its base."},
    {.name = "method",
     .shape = Shape::kChoice,
     .choices = kMethods,
     .fallback = "\"GET\"",
     .help = "GET, HEAD, OPTIONS, PUT and DELETE are idempotent, POST and PATCH once."},
    {.name = "query",
     .shape = Shape::kMap,
     .flags = kTemplate | kEmpty,
     .most = 200,
     .values = Shape::kNumber,
     .help = "Parameters that are added to the URL, escaped."},
    {.name = "headers",
     .shape = Shape::kMap,
     .flags = kTemplate | kSecrets | kEmpty,
     .most = 100,
     .names = Names::kHeader,
     .help = "Header fields; a value may be {secret: NAME}."},
    {.name = "json", .shape = Shape::kAny, .flags = kTemplate, .help = "Body as JSON."},
    {.name = "body", .shape = Shape::kText, .flags = kTemplate | kEmpty, .help = "Body as text."},
    {.name = "body_from",
     .flags = kTemplate,
     .least = 1,
     .help = "Body from a resource, res://sha256/…, sent as it is, whatever its size."},
    {.name = "multipart",
     .shape = Shape::kObjectList,
     .least = 1,
     .most = 100,
     .object = &kPart,
     .help = "Body as a form with files (multipart/form-data)."},
    {.name = "redirects",
     .shape = Shape::kInteger,
     .flags = kTemplate,
     .least = 0,
     .most = 10,
     .fallback = "0",
     .help = "How many are followed. Each target is judged by the policy; with a connection it must "
             "be of the connection. Credentials never go to another origin."},
    {.name = "response_as",
     .shape = Shape::kChoice,
     .choices = kResponses,
     .fallback = "\"auto\"",
     .help = "How the body of the answer is given: json, text, resource, or auto by its type and "
             "size."},
    {.name = "max_response_bytes",
     .shape = Shape::kSize,
     .least = 1,
     .most = 1024 * 1024 * kMiB,
     .help = "A larger answer is a failure. Without it, and at most, the bound of the host's "
             "settings: http.response_max, with response_as: resource http.resource_max."},
    {.name = "ok_status",
     .shape = Shape::kIntegerList,
     .least = 100,
     .most = 599,
     .help = "Statuses that are a success; 200 to 299 when the key is missing."},
}};

constexpr std::array<KeyRow, 3> kFunctionKeys{{
    {.name = "name", .shape = Shape::kFunctionName, .help = "One of the functions of the flow."},
    {.name = "code",
     .shape = Shape::kText,
     .flags = kCode,
     .least = 1,
     .help = "JavaScript over input: a function, or the body of one that returns the value."},
    {.name = "input", .shape = Shape::kAny, .flags = kTemplate, .help = "What the function gets."},
}};
constexpr std::array<Words, 2> kFunctionOneOf{"name", "code"};

constexpr unsigned kKey = kTemplate;
constexpr std::array<KeyRow, 12> kKvKeys{{
    {.name = "get", .flags = kKey, .least = 1, .most = 512, .help = "Key to read."},
    {.name = "set", .flags = kKey, .least = 1, .most = 512, .help = "Key to write; needs value."},
    {.name = "delete", .flags = kKey, .least = 1, .most = 512, .help = "Key to remove."},
    {.name = "exists", .flags = kKey, .least = 1, .most = 512, .help = "Key to ask for."},
    {.name = "increment",
     .flags = kKey,
     .least = 1,
     .most = 512,
     .help = "Key of a number to add to."},
    {.name = "append",
     .flags = kKey,
     .least = 1,
     .most = 512,
     .help = "Key of a list to append value to."},
    {.name = "list",
     .flags = kKey | kEmpty,
     .most = 512,
     .help = "Beginning of the keys to list; truncated is true when there are more than 1000."},
    {.name = "value", .shape = Shape::kAny, .flags = kTemplate, .help = "Of set and append."},
    {.name = "by",
     .shape = Shape::kInteger,
     .flags = kTemplate,
     .least = -9007199254740992.0,
     .most = 9007199254740992.0,
     .fallback = "1",
     .help = "Of increment."},
    {.name = "ttl",
     .shape = Shape::kDuration,
     .flags = kTemplate,
     .least = 1,
     .help = "After this the key is gone. Of set, increment and append."},
    {.name = "if_not_exists",
     .shape = Shape::kFlag,
     .flags = kTemplate,
     .fallback = "false",
     .help = "Write only when the key is not there. Of set."},
    {.name = "space",
     .shape = Shape::kIdentifier,
     .fallback = "\"default\"",
     .help = "Name of the key space; flows that name the same one share its keys."},
}};
constexpr std::array<Words, 7> kKvOneOf{"get",       "set",    "delete", "exists",
                                        "increment", "append", "list"};

constexpr std::array<KeyRow, 3> kAttachmentKeys{{
    {.name = "from",
     .shape = Shape::kAny,
     .flags = kRequired | kTemplate,
     .help = "A resource: the output of a step that kept one, or res://sha256/…"},
    {.name = "filename",
     .flags = kTemplate,
     .least = 1,
     .most = 255,
     .help = "What it is called; without it as the resource is."},
    {.name = "content_type",
     .flags = kTemplate,
     .least = 3,
     .most = 200,
     .help = "Its media type; without it that of the resource."},
}};
constexpr ObjectRow kAttachment{.what = "an attachment", .keys = kAttachmentKeys};

constexpr std::array<KeyRow, 11> kNotifyKeys{{
    {.name = "connection",
     .shape = Shape::kIdentifier,
     .flags = kRequired,
     .help = "One of requires."},
    {.name = "title",
     .flags = kTemplate,
     .least = 1,
     .most = 500,
     .help = "Headline; the subject of a mail."},
    {.name = "text", .flags = kTemplate, .least = 1, .help = "The message."},
    {.name = "template",
     .shape = Shape::kIdentifier,
     .help = "One of the templates of the flow, instead of text."},
    {.name = "data",
     .shape = Shape::kAny,
     .flags = kTemplate,
     .help = "Values for machines that go along; to chats only."},
    {.name = "to",
     .shape = Shape::kWords,
     .flags = kTemplate,
     .least = 1,
     .most = 100,
     .help = "Recipients of a mail: name@example.com, or Name <name@example.com>."},
    {.name = "cc",
     .shape = Shape::kWords,
     .flags = kTemplate,
     .least = 1,
     .most = 100,
     .help = "Further recipients, whom all see."},
    {.name = "bcc",
     .shape = Shape::kWords,
     .flags = kTemplate,
     .least = 1,
     .most = 100,
     .help = "Further recipients, whom nobody sees."},
    {.name = "reply_to",
     .flags = kTemplate,
     .least = 1,
     .most = 500,
     .help = "Where answers to a mail go."},
    {.name = "html",
     .shape = Shape::kPrompt,
     .flags = kTemplate,
     .least = 1,
     .most = 1'000'000,
     .help = "The mail as HTML, beside its text: a text, or {template: NAME}. Values in it are "
             "put in as they are."},
    {.name = "attachments",
     .shape = Shape::kObjectList,
     .least = 1,
     .most = 50,
     .object = &kAttachment,
     .help = "Resources that go with a mail, together at most attachments_max of its connection."},
}};
constexpr std::array<Words, 2> kNotifyOneOf{"text", "template"};

constexpr std::array<KeyRow, 2> kSwitchKeys{{
    {.name = "when",
     .shape = Shape::kExpression,
     .help = "The case is taken when this holds; without it, always."},
    {.name = "next",
     .shape = Shape::kStep,
     .flags = kRequired,
     .help = "The step to go on with, or end."},
}};

}  // namespace

constinit const ObjectRow kRunObject{
    .what = "a run step", .keys = kRunKeys, .exactlyOne = kRunOneOf, .later = kRunLater};

constinit const ObjectRow kHttpObject{.what = "an http step", .keys = kHttpKeys};

constinit const ObjectRow kFunctionObject{
    .what = "a function step", .keys = kFunctionKeys, .exactlyOne = kFunctionOneOf};

constinit const ObjectRow kKvObject{.what = "a kv step", .keys = kKvKeys, .exactlyOne = kKvOneOf};

constinit const ObjectRow kNotifyObject{
    .what = "a notify step", .keys = kNotifyKeys, .exactlyOne = kNotifyOneOf};

constinit const ObjectRow kSwitchObject{.what = "a case of switch", .keys = kSwitchKeys};

}  // namespace belay::flow
