#include <array>
#include <string>

#include "agent/flow/CodeCalls.h"
#include "agent/flow/Family.h"
#include "agent/flow/Keys.h"

namespace belay::flow {

namespace {

constexpr std::string_view kHead =
    R"(// Types of Belay's flows as code (docs/code-flows.md), for editors. Made from the tables of agent/flow; a test compares the
// two. In a NAME.flow.js beside it: /** @type {import("./belay").Main} */ before the function makes editors know ctx.

/** Like 250ms, 30s, 10m, 2h, 1h30m or 7d. */
export type Duration = string;
/** A time, like 2026-11-21T06:00:00Z. */
export type Instant = string;
/** Bytes, or text like 64 KiB, 16 MiB, 2 GB. */
export type Size = number | string;
/** A secret of the host's vault, filled in at the last moment. */
export interface Secret { secret: string; }
/** What a step wrote. Reads as a string; handed on as it is, it stands for the whole text. */
export interface TextOutput extends String { text: string; truncated: boolean; ref: string | null; }
export interface Resource { ref: string; digest: string; size: number; media_type: string; name: string; path?: string; }
export type Text = string | TextOutput;
export type Json = null | boolean | number | Text | Json[] | { [name: string]: Json };

/** Why a step failed. */
declare global {
  class StepError extends Error {
    readonly code: string;
    /** timeout, rate_limited, unavailable, server_error, exit_code, connection, other, or invalid: nothing was begun. */
    readonly class: string;
    /** Where it stands in the run. */
    readonly step: string;
    readonly output?: any;
  }
}

export interface RunOutput {
  exit_code: number; stdout: TextOutput; stderr: TextOutput; stdout_dropped?: number; stderr_dropped?: number; result?: any;
  duration_ms: number;
}
export interface AgentOutput {
  agent: string; text: TextOutput; structured?: any; session_id: string; model?: string; version?: string;
  usage: { input: number; output: number; cached: number; reasoning: number }; cost_usd: number | null; turns: number;
  denials?: { tool: string; what: string; reason: string }[]; exit_code?: number; workspace: string;
  files_changed?: number; diff?: Resource; branch?: string; base?: string; commit?: string; repository?: string;
  changes?: { path: string; status: string }[]; files?: { [path: string]: Resource }; duration_ms: number;
}
export interface LlmOutput {
  text: TextOutput; json?: any; tool_calls?: { id: string; name: string; arguments: any }[]; stop_reason: string; model: string;
  usage: { input_tokens: number; cached_tokens: number; output_tokens: number; requests: number }; cost_usd?: number;
  duration_ms: number;
}
export interface SshOutput {
  exit_code?: number; signal?: string; pid?: number; stdout: TextOutput; stderr: TextOutput;
  files?: { [name: string]: Resource }; duration_ms: number;
}
export interface HttpOutput { status: number; headers: { [name: string]: string }; body: any; duration_ms: number; }
export interface KvOutput { value?: any; exists?: boolean; previous?: any; items?: any[]; truncated?: boolean; }
export interface DbOutput {
  columns: string[]; rows: { [column: string]: any }[]; row_count: number; truncated: boolean;
  changes?: number; last_insert_id?: number; duration_ms: number;
}
export interface Hit {
  target: "resource" | "flow" | "run" | "connection"; ref?: string; name?: string; media_type?: string; size?: number;
  flow?: string; run?: string; step?: string; status?: string; error?: string; type?: string; created_at?: string; text?: string;
}
export interface EmitOutput {
  answered: number;
  runs: string[];
  refused?: { flow: string; code: string; message: string }[];
  skipped?: { flow: string; because?: string }[];
}
export interface WaitOutput {
  approved?: boolean; by?: string; comment?: string; form?: any; unseen?: string[]; body?: any; at?: string; timed_out?: boolean;
}
)";

constexpr std::string_view kTail =
    R"(
export interface Context {
  readonly run: { id: string; flow: string; digest: string; source: string; started_by: string; started_at: string };
  readonly trigger: any;
  /** The run's state; setState changes members of it. */
  readonly state: any;
  setState(values: { [name: string]: Json }): void;
  /** A line in the run's record. */
  log(text: unknown): void;
@STEPS@
  /** Waits. The name is that of a step. */
  wait(name: string, wait: Wait, options?: Options): Promise<WaitOutput>;
  sleep(name: string, time: Duration | Sleep, options?: Options): Promise<{ at: string }>;
  /** A run of another flow; gives its output. */
  flow(name: string, flow: Flow, options?: Options): Promise<any>;
  /** Runs branches together. A failure ends the others at once unless failFast is false. */
  parallel<T extends { [branch: string]: (c: Context) => any }>(
      branches: T, options?: { failFast?: boolean }): Promise<{ [K in keyof T]: Awaited<ReturnType<T[K]>> }>;
  parallel<T extends { [branch: string]: (c: Context) => any }>(
      name: string, branches: T, options?: { failFast?: boolean }): Promise<{ [K in keyof T]: Awaited<ReturnType<T[K]>> }>;
  /** Runs the function for each item, one at a time unless maxParallel says more; gives the values in order. */
  forEach<I, R>(name: string, items: I[], code: (item: I, index: number, c: Context) => R): Promise<Awaited<R>[]>;
  forEach<I, R>(
      name: string, items: I[], options: { maxParallel?: number; failFast?: boolean },
      code: (item: I, index: number, c: Context) => R): Promise<Awaited<R>[]>;
}

export type Main = (ctx: Context, input: any) => any;
)";

struct FamilyOutput {
  Family family;
  std::string_view type;
};
constexpr std::array<FamilyOutput, 12> kOutputs{{{Family::kRun, "RunOutput"},
                                                {Family::kAgent, "AgentOutput"},
                                                {Family::kLlm, "LlmOutput"},
                                                {Family::kSsh, "SshOutput"},
                                                {Family::kHttp, "HttpOutput"},
                                                {Family::kKv, "KvOutput"},
                                                {Family::kDb, "DbOutput"},
                                                {Family::kSearch, "{ hits: Hit[] }"},
                                                {Family::kEmit, "EmitOutput"},
                                                {Family::kWait, "WaitOutput"},
                                                {Family::kSleep, "{ at: string }"},
                                                {Family::kFunction, "any"}}};

std::string_view outputOf(Family family) {
  for (const FamilyOutput& row : kOutputs) {
    if (row.family == family) return row.type;
  }
  return "any";
}

/// "for_each" as ForEach.
std::string typeName(std::string_view name) {
  std::string out;
  bool up = true;
  for (const char c : name) {
    if (c == '_') {
      up = true;
      continue;
    }
    out += up && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    up = false;
  }
  return out;
}

std::string choices(const KeyRow& row) {
  std::string out;
  for (const std::string_view choice : row.choices)
    out += (out.empty() ? "\"" : " | \"") + std::string(choice) + "\"";
  return out;
}

/// `calls`: of what a call is given, which may hold outputs of others; else of a literal.
class Types {
 public:
  explicit Types(bool calls) : text_(calls ? "Text" : "string"), any_(calls ? "Json" : "any") {}

  std::string members(std::span<const KeyRow> keys, const std::string& indent) const {
    std::string out;
    for (const KeyRow& key : keys) out += member(key, indent);
    return out;
  }

  std::string member(const KeyRow& key, const std::string& indent) const {
    std::string out;
    if (!key.help.empty()) out += indent + "/** " + std::string(key.help) + " */\n";
    return out + indent + std::string(key.name) + (key.flags & kRequired ? ": " : "?: ") +
           type(key, indent) + ";\n";
  }

  std::string type(const KeyRow& row, const std::string& indent) const {
    switch (row.shape) {
      case Shape::kText:
      case Shape::kScript:
      case Shape::kSql:
        return row.flags & kTemplate ? text_ : "string";
      case Shape::kPrompt:
        return text_ + " | { template: string }";
      case Shape::kFlag:
        return "boolean";
      case Shape::kInteger:
      case Shape::kNumber:
        return "number";
      case Shape::kDuration:
        return "Duration";
      case Shape::kInstant:
        return "Instant";
      case Shape::kSize:
        return "Size";
      case Shape::kChoice:
        return choices(row);
      case Shape::kWords:
        return "string | string[]";
      case Shape::kTextList:
        return row.name == "artifacts" ? "(Text | Resource)[]"
                                       : (row.flags & kTemplate ? text_ : "string") + "[]";
      case Shape::kIntegerList:
        return "number[]";
      case Shape::kChoiceList:
        return "(" + choices(row) + ")[]";
      case Shape::kMap:
        return mapType(row, indent);
      case Shape::kAny:
        return any_;
      case Shape::kObject:
        return (row.flags & kOrTrue ? "true | " : row.flags & kOrChoice ? choices(row) + " | " : "") +
               "{\n" + members(row.object->keys, indent + "  ") + indent + "}";
      case Shape::kObjectList:
        return row.object ? "{\n" + members(row.object->keys, indent + "  ") + indent + "}[]"
                          : "any[]";
      case Shape::kOnError:
        return "\"fail\" | \"skip\"";
      case Shape::kConstants:
      case Shape::kJsonSchema:
        return "{ [name: string]: any }";
      default:
        return "string";
    }
  }

 private:
  std::string mapType(const KeyRow& row, const std::string& indent) const {
    if (row.values == Shape::kObject) {
      return "{ [name: string]: {\n" + members(row.object->keys, indent + "  ") + indent + "} }";
    }
    std::string value = row.values == Shape::kAny      ? any_
                        : row.values == Shape::kNumber ? any_
                                                       : text_;
    if (row.flags & kSecrets) value += " | Secret";
    return "{ [name: string]: " + value + " }";
  }

  const std::string text_;
  const std::string any_;
};

}  // namespace

std::string codeTypes() {
  const Types calls(true);
  const Types literal(false);
  std::string out(kHead);
  std::string steps;
  for (const FamilyRow& row : familyTable()) {
    if (!isKeyOfCalls(row.key.name)) continue;
    const std::string name = typeName(row.key.name);
    out += "\n/** " + std::string(row.key.help) + " */\nexport interface " + name + " {\n" +
           calls.members(row.key.object->keys, "  ") + "}\n";
    steps += "  /** " + std::string(row.key.help) +
             " */\n  step(name: string, definition: Options & { " + std::string(row.key.name) +
             ": " + name + " }): Promise<" + std::string(outputOf(row.family)) + ">;\n";
  }
  out += "\n/** What every step may have. */\nexport interface Options {\n";
  for (const KeyRow& key : stepKeys()) {
    if (isKeyOfCalls(key.name)) out += calls.member(key, "  ");
  }
  out += "}\n\n/** What export const flow says: a literal. */\nexport interface FlowFile {\n" +
         literal.members(codeFlowKeys().keys, "  ") + "}\n";
  std::string tail(kTail);
  constexpr std::string_view kPlace = "@STEPS@\n";
  tail.replace(tail.find(kPlace), kPlace.size(), steps);
  return out + tail;
}

}  // namespace belay::flow
