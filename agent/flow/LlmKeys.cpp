#include <array>

#include "agent/flow/FamilyKeys.h"

namespace belay::flow {

namespace {

using Words = std::string_view;

constexpr std::array<KeyRow, 12> kLlmKeys{{
    {.name = "connection",
     .shape = Shape::kIdentifier,
     .flags = kRequired,
     .help = "One of requires, of type llm."},
    {.name = "model",
     .flags = kTemplate,
     .least = 1,
     .most = 200,
     .help = "Name of the model, as the provider has it; without it that of the connection."},
    {.name = "prompt",
     .shape = Shape::kPrompt,
     .flags = kTemplate,
     .least = 1,
     .most = 1'000'000,
     .help = "What it is asked: a text, or {template: NAME} of the flow's templates."},
    {.name = "messages",
     .shape = Shape::kAny,
     .flags = kTemplate,
     .help = "Instead of prompt: a list of {role, content}, as the provider's API has them."},
    {.name = "system",
     .shape = Shape::kPrompt,
     .flags = kTemplate,
     .least = 1,
     .most = 1'000'000,
     .help = "The system prompt, like prompt."},
    {.name = "schema",
     .shape = Shape::kJsonSchema,
     .help = "JSON Schema of the answer, which is then json of the output. What does not match is "
             "given back to the model, see repairs."},
    {.name = "repairs",
     .shape = Shape::kInteger,
     .flags = kTemplate,
     .least = 0,
     .most = 5,
     .fallback = "2",
     .help = "How often it is told what is wrong with an answer and asked again."},
    {.name = "max_tokens",
     .shape = Shape::kInteger,
     .flags = kTemplate,
     .least = 1,
     .most = 10'000'000,
     .help = "Bound of each answer. Without it, the model's; 4096 with the api anthropic."},
    {.name = "temperature",
     .shape = Shape::kNumber,
     .flags = kTemplate,
     .least = 0,
     .most = 2,
     .help = "How freely it answers."},
    {.name = "stop",
     .shape = Shape::kTextList,
     .flags = kTemplate,
     .least = 1,
     .most = 16,
     .help = "Texts at which it stops."},
    {.name = "tools",
     .shape = Shape::kAny,
     .flags = kTemplate,
     .help = "A list of {name, description, schema}, or tools as the API has them. Calls of them "
             "are in tool_calls of the output; nobody makes them."},
    {.name = "extra",
     .shape = Shape::kAny,
     .flags = kTemplate,
     .help = "Further members of the request, as the API has them: top_p, seed, tool_choice, …"},
}};
constexpr std::array<Words, 2> kLlmOneOf{"prompt", "messages"};

}  // namespace

constinit const ObjectRow kLlmObject{
    .what = "an llm step", .keys = kLlmKeys, .exactlyOne = kLlmOneOf};

}  // namespace belay::flow
