// Types of Belay's flows as code (docs/code-flows.md), for editors. Made from the tables of agent/flow; a test compares the
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

/** Runs a command as a job. */
export interface Run {
  /** Program and arguments, one item each; no shell reads them. */
  command?: Text[];
  /** Text for a shell. Expressions are refused in it; values come through env. */
  script?: string;
  /** The program that reads the script, and its options; the script is a file behind them. */
  shell?: string | string[];
  /** Folder in which it runs. */
  cwd?: Text;
  /** Environment variables; a value may be {secret: NAME}. */
  env?: { [name: string]: Text | Secret };
  /** Text for its standard input. */
  stdin?: Text;
  /** Exit codes that are a success. */
  ok_exit_codes?: number[];
  /** Bytes of output that are kept; what is beyond is dropped and said so. Without it, and at most, the bound of the host's settings. */
  max_output?: Size;
  /** Id of a step that waits for a callback: it is opened first, and the command gets its one-time token as BELAY_CALLBACK_TOKEN. */
  callback?: string;
  /** How far the command must be kept from the host, at least: bare, user or strong; a host that cannot refuses it. */
  profile?: "bare" | "user" | "strong";
  /** What it finds as payload.json in the folder BELAY_JOB_DIR, beside context.json; result.json there is its result. */
  payload?: Json;
  /** Paths of files below cwd to keep as resources when it has ended. */
  collect?: Text[];
}

/** Makes an HTTP request. */
export interface Http {
  /** One of requires; it gives the base of the URL and the credentials. */
  connection?: string;
  /** Absolute, or with a connection a path below its base. */
  url?: Text;
  /** GET, HEAD, OPTIONS, PUT and DELETE are idempotent, POST and PATCH once. */
  method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
  /** Parameters that are added to the URL, escaped. */
  query?: { [name: string]: Json };
  /** Header fields; a value may be {secret: NAME}. */
  headers?: { [name: string]: Text | Secret };
  /** Body as JSON. */
  json?: Json;
  /** Body as text. */
  body?: Text;
  /** Body from a resource, res://sha256/…, sent as it is, whatever its size. */
  body_from?: Text;
  /** Body as a form with files (multipart/form-data). */
  multipart?: {
    /** Name of the field. */
    name: Text;
    /** Its text. */
    value?: Text;
    /** Instead of value: a resource, res://sha256/…, sent as it is. */
    from?: Text;
    /** Name of the file that it is to the server. */
    filename?: Text;
    /** Its media type. */
    content_type?: Text;
  }[];
  /** How many are followed. Each target is judged by the policy; with a connection it must be of the connection. Credentials never go to another origin. */
  redirects?: number;
  /** How the body of the answer is given: json, text, resource, or auto by its type and size. */
  response_as?: "auto" | "json" | "text" | "resource";
  /** A larger answer is a failure. Without it, and at most, the bound of the host's settings: http.response_max, with response_as: resource http.resource_max. */
  max_response_bytes?: Size;
  /** Statuses that are a success; 200 to 299 when the key is missing. */
  ok_status?: number[];
}

/** Computes a value in JavaScript. */
export interface Function {
  /** One of the functions of the flow. */
  name?: string;
  /** JavaScript over input: a function, or the body of one that returns the value. */
  code?: string;
  /** What the function gets. */
  input?: Json;
}

/** Reads or writes the host's key-value store, in the transaction of the step. */
export interface Kv {
  /** Key to read. */
  get?: Text;
  /** Key to write; needs value. */
  set?: Text;
  /** Key to remove. */
  delete?: Text;
  /** Key to ask for. */
  exists?: Text;
  /** Key of a number to add to. */
  increment?: Text;
  /** Key of a list to append value to. */
  append?: Text;
  /** Beginning of the keys to list; truncated is true when there are more than 1000. */
  list?: Text;
  /** Of set and append. */
  value?: Json;
  /** Of increment. */
  by?: number;
  /** After this the key is gone. Of set, increment and append. */
  ttl?: Duration;
  /** Write only when the key is not there. Of set. */
  if_not_exists?: boolean;
  /** Name of the key space; flows that name the same one share its keys. */
  space?: string;
}

/** Waits for a time. */
export interface Sleep {
  /** How long. */
  for?: Duration;
  /** Until when, like 2026-11-21T06:00:00Z. */
  until?: Instant;
}

/** Waits for an approval, a callback, an event or a time, for as long as it takes. */
export interface Wait {
  /** Waits for a decision. */
  approval?: {
    /** What is asked, for the person who decides. */
    summary: Text;
    /** Resources to look at first; the decision is bound to their digests. */
    artifacts?: (Text | Resource)[];
    /** Persons of the roster who may answer. On a host without a roster they are shown, and any operator of the host may decide. */
    approvers?: string[];
    /** So many persons must approve. Above 1 needs a host whose roster has approvers. */
    quorum?: number;
    /** JSON Schema of values that the decision brings along. */
    form?: { [name: string]: any };
    /** The least class of a key that may answer: e2e (an approver's own), bot or page. It can only raise what the policy of the host says, and needs a host with a roster. */
    assurance?: "e2e" | "bot" | "page";
    /** Whether a roster that is older than its max_age may not answer it. Before steps of class once it may not, unless this says false. */
    fresh?: boolean;
  };
  /** Waits for a body that somebody sends with a one-time token. */
  callback?: {
    /** What is awaited, for people. */
    summary?: Text;
    /** JSON Schema of the body. */
    schema?: { [name: string]: any };
    /** What the caller must show to a relay: hmac, a MAC of the body with the wait's token; or none, where whoever knows the URL goes on with the run, and brings no body. The policy of the host must allow none for the flow and step. */
    auth?: "hmac" | "none";
  };
  /** Waits for: belay event emit NAME. */
  event?: {
    /** Name of the event. */
    name: Text;
    /** Over event, evaluated when one comes: the wait takes the first for which it holds. */
    match?: string;
  };
  /** A task that somebody's own coding agent claims and finishes: belay task. */
  handoff?: {
    /** What is to be done, in a line. */
    title: Text;
    /** What is to be done, for whoever claims it. */
    task: Text;
    /** Values that go along. */
    context?: Json;
    /** JSON Schema of the result. */
    schema?: { [name: string]: any };
    /** How long a claim holds without being renewed. */
    lease?: Duration;
  };
  /** Waits this long. */
  for?: Duration;
  /** Waits for a time, like 2026-11-21T06:00:00Z. */
  until?: Instant;
  /** How long it waits. Callbacks, events and handoffs must say it; an approval waits 7d when it does not. */
  timeout?: Duration;
  /** Of an approval: go on with output.approved being false, or fail. */
  on_reject?: "continue" | "fail";
  /** Approvals: reject (default) or fail. All others: fail (default) or continue. */
  on_timeout?: "reject" | "fail" | "continue";
}

/** Sends a message. */
export interface Notify {
  /** One of requires. */
  connection: string;
  /** Headline; the subject of a mail. */
  title?: Text;
  /** The message. */
  text?: Text;
  /** One of the templates of the flow, instead of text. */
  template?: string;
  /** Values for machines that go along; to chats only. */
  data?: Json;
  /** Recipients of a mail: name@example.com, or Name <name@example.com>. */
  to?: string | string[];
  /** Further recipients, whom all see. */
  cc?: string | string[];
  /** Further recipients, whom nobody sees. */
  bcc?: string | string[];
  /** Where answers to a mail go. */
  reply_to?: Text;
  /** The mail as HTML, beside its text: a text, or {template: NAME}. Values in it are put in as they are. */
  html?: Text | { template: string };
  /** Resources that go with a mail, together at most attachments_max of its connection. */
  attachments?: {
    /** A resource: the output of a step that kept one, or res://sha256/… */
    from: Json;
    /** What it is called; without it as the resource is. */
    filename?: Text;
    /** Its media type; without it that of the resource. */
    content_type?: Text;
  }[];
}

/** Runs another flow as a child run; the output is the output of that run. */
export interface Flow {
  /** The flow to run. */
  slug: string;
  /** Its input, an object; converted and checked by that flow's schema. */
  input?: Json;
  /** The number or digest of a release; live; or draft, which only a run of a draft may start. */
  release?: string;
}

/** Emits an event to this host, in the transaction of the step. */
export interface Emit {
  /** Name of the event. */
  event: Text;
  /** What it brings along; null when it is missing. */
  body?: Json;
}

/** Lets a coding agent work, as a job. */
export interface Agent {
  /** One of the agents of the flow. */
  use: string;
  /** What it is to do: a text, or {template: NAME} of the flow's templates. */
  prompt: Text | { template: string };
  /** JSON Schema of its answer, where it can be asked for one. */
  schema?: { [name: string]: any };
  /** Where it works; an empty folder without it. */
  workspace?: {
    /** Path or URL of a repository: it works in a clone, and the diff is a result. */
    git?: Text;
    /** Of git: branch, tag or commit to start from; without it, HEAD. */
    ref?: Text;
    /** Of git: name of the branch of its work; belay/RUN-STEP without it. */
    branch?: Text;
    /** A folder of the host, as it is; absolute. */
    dir?: Text;
    /** An empty folder; true. */
    scratch?: boolean;
    /** Of dir: take the folder's state before, by git, so that the diff is a result. */
    diff?: boolean;
    /** Whether the workspace stays when the run has ended, until the run is removed. */
    keep?: "never" | "on_failure" | "always";
  };
  /** Environment variables; a value may be {secret: NAME}. */
  env?: { [name: string]: Text | Secret };
  /** Go on with the session and in the workspace of the last step of this run that used the handle. */
  resume?: boolean;
  /** Whether what it was denied fails the step, or only stands in its output. */
  on_denied?: "continue" | "fail";
  /** Files to put into the workspace: path below it, and a resource or an output. */
  files?: { [name: string]: Text };
  /** Paths of files of the workspace to keep as resources when it has ended. */
  collect?: Text[];
}

/** Runs one SQL statement with parameters. */
export interface Db {
  /** One of requires, of type db. */
  connection: string;
  /** One statement. Expressions are refused in it; values come through params. */
  sql: string;
  /** Values for the places of the statement: a list for ?, an object for :name. */
  params?: Json;
  /** More rows are not read, and truncated says so. */
  max_rows?: number;
  /** The statement changes data; the connection must allow it. Then its effect is once. */
  write?: boolean;
}

/** Looks for words in what this host keeps. */
export interface Search {
  /** Words that must all be there; "two words" together, word* by its beginning, -word not, a OR b. */
  query: Text;
  /** Where to look: resources (those with persist: {index: true}), flows, runs, connections. */
  targets?: ("resources" | "flows" | "runs" | "connections")[];
  /** Hits at most, of each target. */
  limit?: number;
  /** Each hit of a resource has the beginning of its text, at most 16 KiB. */
  hydrate?: boolean;
  /** flow: what runs of this flow have left; host: what all have, where the policy allows it. */
  scope?: "flow" | "host";
}

/** Asks a language model. */
export interface Llm {
  /** One of requires, of type llm. */
  connection: string;
  /** Name of the model, as the provider has it; without it that of the connection. */
  model?: Text;
  /** What it is asked: a text, or {template: NAME} of the flow's templates. */
  prompt?: Text | { template: string };
  /** Instead of prompt: a list of {role, content}, as the provider's API has them. */
  messages?: Json;
  /** The system prompt, like prompt. */
  system?: Text | { template: string };
  /** JSON Schema of the answer, which is then json of the output. What does not match is given back to the model, see repairs. */
  schema?: { [name: string]: any };
  /** How often it is told what is wrong with an answer and asked again. */
  repairs?: number;
  /** Bound of each answer. Without it, the model's; 4096 with the api anthropic. */
  max_tokens?: number;
  /** How freely it answers. */
  temperature?: number;
  /** Texts at which it stops. */
  stop?: Text[];
  /** A list of {name, description, schema}, or tools as the API has them. Calls of them are in tool_calls of the output; nobody makes them. */
  tools?: Json;
  /** Further members of the request, as the API has them: top_p, seed, tool_choice, … */
  extra?: Json;
}

/** Runs a command on another machine, puts files there and gets files from it. */
export interface Ssh {
  /** One of requires, of type ssh. */
  connection: string;
  /** Program and arguments, one item each; they arrive as they are, whatever is in them. */
  command?: Text[];
  /** Text for a shell there. Expressions are refused in it; values come through env. */
  script?: string;
  /** The program there that reads the script behind -c, and its options. */
  shell?: string | string[];
  /** Folder there in which it runs; the home of the user without it. */
  cwd?: Text;
  /** Environment variables there; a value may be {secret: NAME}. They are on no command line. */
  env?: { [name: string]: Text | Secret };
  /** Text for its standard input. */
  stdin?: Text;
  /** With a terminal; its standard error is then part of stdout. */
  pty?: boolean;
  /** The step ends when it has been started; the output has its pid. What it writes is lost unless it goes to a file. */
  detach?: boolean;
  /** Until the server has accepted the user; 20s, or what the connection says. */
  connect_timeout?: Duration;
  /** Bytes of each stream that are kept; what is beyond is dropped and said so. Without it, and at most, the bound of the host's settings. */
  max_output?: Size;
  /** Exit codes that are a success. */
  ok_exit_codes?: number[];
  /** Id of a step that waits for a callback: it is opened first, and the command gets BELAY_CALLBACK_URL and BELAY_CALLBACK_TOKEN. */
  callback?: string;
  /** Files to put there before the command runs. */
  put?: {
    /** A text, or the output or resource of a step, whose whole content is put there. */
    content: Json;
    /** Absolute path there. What stands there is replaced at once, when all has arrived. */
    to: Text;
    /** Its permissions, in octal. */
    mode?: Text;
  }[];
  /** Files to get from there when the command has succeeded, as resources. */
  get?: {
    /** Absolute path of a regular file there. */
    from: Text;
    /** Name of the resource; without it the last part of from. */
    name?: Text;
    /** A larger file is a failure. */
    max?: Size;
  }[];
}

/** Lets a step plugin of the host work, as a job. */
export interface Plugin {
  /** Name of the plugin: belay-step-NAME in the host's plugin folder. */
  use: string;
  /** One of requires, of type plugin, made for this plugin. */
  connection?: string;
  /** What the plugin gets as its input; belay plugin check NAME shows what it takes. */
  with?: Json;
  /** Id of a step that waits for a callback: it is opened first, and the plugin gets BELAY_CALLBACK_URL and BELAY_CALLBACK_TOKEN. */
  callback?: string;
}

/** What every step may have. */
export interface Options {
  /** Name for people. */
  title?: string;
  /** Of each attempt. Without it: defaults.timeout, else 1h for run, 2h for agent, 60s for http, 30s for notify and db. */
  timeout?: Duration;
  /** When and how a failed attempt is made again. A step of class once is tried again only when it is proven that nothing left the host. */
  retry?: {
    /** Attempts at most, the first one included. */
    max_attempts?: number;
    /** Delays between attempts. */
    backoff?: {
      /** Delay before the second attempt. */
      initial?: Duration;
      /** By what each further delay grows. */
      factor?: number;
      /** The longest delay. */
      max?: Duration;
      /** Share of the delay that is random, so that many runs do not come back at once. */
      jitter?: number;
    };
    /** Classes of failure that are tried again; all of them when the key is missing. */
    on?: ("timeout" | "rate_limited" | "unavailable" | "server_error" | "exit_code" | "connection")[];
  };
  /** What a failure does: fail the run, skip (go on), or go on with the step of this id. */
  on_error?: "fail" | "skip";
  /** Whether large outputs are kept as resources: auto by size, always, or never; or an object that says how. */
  persist?: "auto" | "always" | "never" | {
    /** auto by size, always, or never. */
    when?: "auto" | "always" | "never";
    /** How long: run, as its run is kept; retained, beyond it; ephemeral, for resources.ephemeral after its end. */
    keep?: "run" | "retained" | "ephemeral";
    /** Name of the resource; of several, of the first one. */
    filename?: string;
    /** Its media type, where the step does not know better. */
    content_type?: string;
    /** Its text is found by search. */
    index?: boolean;
  };
  /** How the effect may be repeated after a crash: pure freely, idempotent with the same key, once never blindly. */
  effect?: "pure" | "idempotent" | "once";
  /** An approval before the step, bound to exactly what it is about to do; true for one without options. The step fails when it is rejected. */
  review?: true | {
    /** What is asked, for the person who decides; without it, the title or id of the step. What exactly will be done is always shown. */
    summary?: Text;
    /** Resources to look at first; the decision is bound to their digests. */
    artifacts?: (Text | Resource)[];
    /** Persons of the roster who may answer. On a host without a roster they are shown, and any operator of the host may decide. */
    approvers?: string[];
    /** So many persons must approve. Above 1 needs a host whose roster has approvers. */
    quorum?: number;
    /** JSON Schema of values that the decision brings along. */
    form?: { [name: string]: any };
    /** The least class of a key that may answer: e2e (an approver's own), bot or page. It can only raise what the policy of the host says, and needs a host with a roster. */
    assurance?: "e2e" | "bot" | "page";
    /** Whether a roster that is older than its max_age may not answer it. Before steps of class once it may not, unless this says false. */
    fresh?: boolean;
    /** How long the step waits for the decision. */
    timeout?: Duration;
    /** Whether silence counts as a rejection or as a timeout; the step fails either way. */
    on_timeout?: "reject" | "fail";
  };
  /** How often the step may begin, in all runs of the flow together. */
  rate_limit?: {
    /** Attempts within the time; so many may begin at once after a pause. */
    max: number;
    /** The time, like 1s or 1h. */
    per: Duration;
  };
  /** What undoes the step when the run fails or is stopped later. It is rendered when the step succeeds. */
  compensate?: {
    /** Runs a command. */
    run?: {
      /** Program and arguments, one item each; no shell reads them. */
      command?: Text[];
      /** Text for a shell. Expressions are refused in it; values come through env. */
      script?: string;
      /** The program that reads the script, and its options; the script is a file behind them. */
      shell?: string | string[];
      /** Folder in which it runs. */
      cwd?: Text;
      /** Environment variables; a value may be {secret: NAME}. */
      env?: { [name: string]: Text | Secret };
      /** Text for its standard input. */
      stdin?: Text;
      /** Exit codes that are a success. */
      ok_exit_codes?: number[];
      /** Bytes of output that are kept; what is beyond is dropped and said so. Without it, and at most, the bound of the host's settings. */
      max_output?: Size;
      /** Id of a step that waits for a callback: it is opened first, and the command gets its one-time token as BELAY_CALLBACK_TOKEN. */
      callback?: string;
      /** How far the command must be kept from the host, at least: bare, user or strong; a host that cannot refuses it. */
      profile?: "bare" | "user" | "strong";
      /** What it finds as payload.json in the folder BELAY_JOB_DIR, beside context.json; result.json there is its result. */
      payload?: Json;
      /** Paths of files below cwd to keep as resources when it has ended. */
      collect?: Text[];
    };
    /** Makes an HTTP request. */
    http?: {
      /** One of requires; it gives the base of the URL and the credentials. */
      connection?: string;
      /** Absolute, or with a connection a path below its base. */
      url?: Text;
      /** GET, HEAD, OPTIONS, PUT and DELETE are idempotent, POST and PATCH once. */
      method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
      /** Parameters that are added to the URL, escaped. */
      query?: { [name: string]: Json };
      /** Header fields; a value may be {secret: NAME}. */
      headers?: { [name: string]: Text | Secret };
      /** Body as JSON. */
      json?: Json;
      /** Body as text. */
      body?: Text;
      /** Body from a resource, res://sha256/…, sent as it is, whatever its size. */
      body_from?: Text;
      /** Body as a form with files (multipart/form-data). */
      multipart?: {
        /** Name of the field. */
        name: Text;
        /** Its text. */
        value?: Text;
        /** Instead of value: a resource, res://sha256/…, sent as it is. */
        from?: Text;
        /** Name of the file that it is to the server. */
        filename?: Text;
        /** Its media type. */
        content_type?: Text;
      }[];
      /** How many are followed. Each target is judged by the policy; with a connection it must be of the connection. Credentials never go to another origin. */
      redirects?: number;
      /** How the body of the answer is given: json, text, resource, or auto by its type and size. */
      response_as?: "auto" | "json" | "text" | "resource";
      /** A larger answer is a failure. Without it, and at most, the bound of the host's settings: http.response_max, with response_as: resource http.resource_max. */
      max_response_bytes?: Size;
      /** Statuses that are a success; 200 to 299 when the key is missing. */
      ok_status?: number[];
    };
    /** Sends a text. */
    notify?: {
      /** One of requires. */
      connection: string;
      /** Headline; the subject of a mail. */
      title?: Text;
      /** The message. */
      text?: Text;
      /** One of the templates of the flow, instead of text. */
      template?: string;
      /** Values for machines that go along; to chats only. */
      data?: Json;
      /** Recipients of a mail: name@example.com, or Name <name@example.com>. */
      to?: string | string[];
      /** Further recipients, whom all see. */
      cc?: string | string[];
      /** Further recipients, whom nobody sees. */
      bcc?: string | string[];
      /** Where answers to a mail go. */
      reply_to?: Text;
      /** The mail as HTML, beside its text: a text, or {template: NAME}. Values in it are put in as they are. */
      html?: Text | { template: string };
      /** Resources that go with a mail, together at most attachments_max of its connection. */
      attachments?: {
        /** A resource: the output of a step that kept one, or res://sha256/… */
        from: Json;
        /** What it is called; without it as the resource is. */
        filename?: Text;
        /** Its media type; without it that of the resource. */
        content_type?: Text;
      }[];
    };
    /** Of each attempt, as of a step. */
    timeout?: Duration;
    /** When and how a failed attempt is made again, as of a step. */
    retry?: {
      /** Attempts at most, the first one included. */
      max_attempts?: number;
      /** Delays between attempts. */
      backoff?: {
        /** Delay before the second attempt. */
        initial?: Duration;
        /** By what each further delay grows. */
        factor?: number;
        /** The longest delay. */
        max?: Duration;
        /** Share of the delay that is random, so that many runs do not come back at once. */
        jitter?: number;
      };
      /** Classes of failure that are tried again; all of them when the key is missing. */
      on?: ("timeout" | "rate_limited" | "unavailable" | "server_error" | "exit_code" | "connection")[];
    };
    /** How the undo may be repeated, as of a step. */
    effect?: "pure" | "idempotent" | "once";
  };
}

/** What export const flow says: a literal. */
export interface FlowFile {
  /** Stable name of the flow: [a-z0-9][a-z0-9_-]{0,63}. */
  slug: string;
  /** Name for people. */
  name?: string;
  /** What the flow does, for people. */
  description?: string;
  /** Words to find the flow by. */
  tags?: string[];
  /** JSON Schema of the input, an object. The input is converted and checked before a run exists. */
  input?: { [name: string]: any };
  /** State at the start of a run; steps of the family set change it. */
  state?: { [name: string]: any };
  /** Connections that the host must have, bound with: belay flow configure. */
  requires?: {
    /** What steps call the connection. */
    name: string;
    /** The kind of connection. */
    type: "http" | "chat" | "llm" | "db" | "ssh" | "smtp" | "plugin";
  }[];
  /** Coding agents, by the names under which steps use them. */
  agents?: { [name: string]: {
    /** An agent of the host's settings; without it and without adapter, the one that is called as the handle. */
    agent?: string;
    /** How to speak to it. Instead of an agent of the host's settings. */
    adapter?: "claude-code" | "codex" | "gemini" | "opencode" | "acp" | "command";
    /** Its program: a name, looked up in the PATH of jobs, or an absolute path; without it, what the adapter's agent is called. */
    binary?: string;
    /** Further arguments, behind those of the adapter. */
    args?: string[];
    /** Its model; without it, its own choice. */
    model?: string;
    /** Added to its system prompt, where it takes that. */
    append_system?: string;
    /** Environment variables; a value may be {secret: NAME}. */
    env?: { [name: string]: string | Secret };
    /** What it may do, given to it in its own way. */
    permissions?: {
      /** What no rule names. */
      default?: "deny" | "allow";
      /** What it may do without asking; all that a rule names must fit. */
      allow?: {
        /** The agent's own name of a tool, as Bash, or a kind: read, edit, execute. */
        tool?: string;
        /** What is executed, as in: git *. */
        command?: string;
        /** The file: absolute, or below the workspace; * is any text. */
        path?: string;
      }[];
      /** What it may never do; goes before allow. */
      deny?: {
        /** The agent's own name of a tool, as Bash, or a kind: read, edit, execute. */
        tool?: string;
        /** What is executed, as in: git *. */
        command?: string;
        /** The file: absolute, or below the workspace; * is any text. */
        path?: string;
      }[];
    };
    /** Its bounds; the first that is hit ends it, and what it did until then stays. */
    budget?: {
      /** Until its first sign of life. */
      first_output?: Duration;
      /** Between two signs of progress; the repetition of a retry is none. */
      no_progress?: Duration;
      /** Of one step. It ends the agent gracefully, before timeout ends the job. */
      wall_clock?: Duration;
      /** What it writes, both streams together. */
      output?: Size;
      /** Input and output, in all steps of the run that use the handle. */
      tokens?: number;
      /** Its price as it says it itself, in all steps of the run that use the handle. */
      usd?: number;
      /** Answers of the model, in all steps of the run that use the handle. */
      turns?: number;
      /** Memory that it and what it starts have for themselves, all processes together. */
      memory?: Size;
    };
    /** When its provider takes no more for now: fail, wait until it does and go on, or ask an operator first. */
    on_quota?: "fail" | "wait" | "ask";
    /** When its program is not the one that was locked: refuse, ask an operator, or warn in the log. */
    drift?: "refuse" | "ask" | "warn";
    /** Handles to go on with, in this order, when it is not there, or its provider refuses or has no quota. */
    fallback?: string[];
    /** Of the adapter command: how any other program takes prompt and options. */
    command?: {
      /** How it takes the prompt: the last argument, behind prompt_flag, standard input, or the path of a file. */
      prompt_mode?: "arg" | "flag" | "stdin" | "file";
      /** Of flag and file, as in -p. */
      prompt_flag?: string;
      /** Between the program and all else, as in: exec. */
      prefix_args?: string[];
      /** --flag value, or --flag=value. */
      flag_style?: "space" | "equals";
      /** Flags with their values; true is the flag alone. */
      option_flags?: { [name: string]: any };
    };
    /** How far it must be kept from the host, at least; a host that cannot refuses it. */
    profile?: "bare" | "user" | "strong";
  } };
  /** What starts runs of the live release: schedules, webhooks and events. */
  triggers?: {
    /** Cron expression: minute, hour, day of month, month, day of week; or @daily and the like. */
    schedule?: string;
    /** Once: 2026-12-24T18:00:00+01:00, or 2026-12-24T18:00 in the time zone. */
    at?: string;
    /** At an interval of elapsed time, in whole seconds. */
    every?: Duration;
    /** Name of the webhook: deliveries to it start runs. */
    webhook?: string;
    /** Name of an event of this host: belay event emit NAME starts runs. */
    event?: string;
    /** Name of the schedule, which keeps its ledger; else schedule-N by its place. */
    id?: string;
    /** IANA name of the time zone of schedule, at and start, like Europe/Berlin. */
    timezone?: string;
    /** Of every: the first due time, written like at. Else multiples since 1970. */
    start?: string;
    /** What becomes of due times that passed while the host could not run them. */
    on_missed?: "skip" | "latest" | "all";
    /** Of on_missed all: how many are caught up. */
    max?: number;
    /** Of on_missed all: time between the starts of two that are caught up. */
    spacing?: Duration;
    /** What was missed for longer is skipped; none: there is no such bound. */
    window?: Duration;
    /** Starts are delayed by up to this much, always the same for one due time and host. */
    jitter?: Duration;
    /** Of a webhook: how deliveries are verified. Without it the policy must allow it. */
    auth?: {
      /** How a delivery proves where it comes from. */
      type: "hmac-sha256" | "bearer" | "api-key" | "basic";
      /** Name of a secret of the host's vault: the key, the token or the password. */
      secret: string;
      /** Of hmac-sha256: github (default; X-Hub-Signature-256), standard-webhooks (with id and timestamp), or generic (the digest of the body in a header; default where header stands). */
      scheme?: "github" | "standard-webhooks" | "generic";
      /** Of hmac-sha256 with scheme generic, and of api-key (default X-Api-Key): the header field that carries the proof. */
      header?: string;
      /** Of basic: the name that goes with it. */
      user?: string;
      /** Of standard-webhooks: how far the timestamp may be from the host's clock. */
      tolerance?: Duration;
    };
    /** Of a webhook: header fields that event.headers has though nothing vouches for them. */
    untrusted_headers?: string[];
    /** Of a webhook or event: over event; no run unless it holds. */
    when?: string;
    /** Of a webhook: how long the same delivery starts nothing more. */
    dedupe_for?: Duration;
    /** Input of the run: an object, with expressions over trigger, or over event; or one expression that gives it. Without it a webhook or event hands over its body. */
    input?: any;
  }[];
  /** For steps that say nothing else. */
  defaults?: {
    /** Of each attempt of steps of the families run, agent, http and notify that say none. */
    timeout?: Duration;
    /** Of steps of the same families; what a step says itself goes first, key by key. */
    retry?: {
      /** Attempts at most, the first one included. */
      max_attempts?: number;
      /** Delays between attempts. */
      backoff?: {
        /** Delay before the second attempt. */
        initial?: Duration;
        /** By what each further delay grows. */
        factor?: number;
        /** The longest delay. */
        max?: Duration;
        /** Share of the delay that is random, so that many runs do not come back at once. */
        jitter?: number;
      };
      /** Classes of failure that are tried again; all of them when the key is missing. */
      on?: ("timeout" | "rate_limited" | "unavailable" | "server_error" | "exit_code" | "connection")[];
    };
  };
  /** How many runs may be active at once, and what becomes of more. */
  concurrency?: {
    /** Runs with the same key count together; expressions over input and trigger may stand in it. Without it all runs of the flow do. */
    key?: string;
    /** Runs of one key that may be active at once, waiting ones included. */
    limit?: number;
    /** What becomes of a further run: queue (it begins in its turn), skip (there is none), reject (an error), or supersede (the oldest of the key is cancelled). */
    on_conflict?: "queue" | "skip" | "reject" | "supersede";
    /** Of on_conflict: queue: runs of one key that may be queued. */
    max_queued?: number;
  };
  /** When a release is promoted: coexist (queued runs keep their release), drain (runs of the new release begin when those of others have ended), or supersede (queued runs are replaced by runs of the new release). */
  on_new_release?: "coexist" | "drain" | "supersede";
  /** How often steps of the flow that have effects may begin, in all its runs together. */
  rate_limit?: {
    /** Attempts within the time; so many may begin at once after a pause. */
    max: number;
    /** The time, like 1s or 1h. */
    per: Duration;
  };
  /** Texts that steps use by name; expressions may stand in them. {file: NAME} takes the text of a file. */
  templates?: { [name: string]: string };
  /** JavaScript functions by name, like: s => s.trim(). Expressions call them as functions.NAME(…). {file: NAME} takes the text of a file. */
  functions?: { [name: string]: string };
  /** Files in or below the folder of the flow whose templates and functions are added. Steps of a file stand in a list of steps as: - include: FILE. */
  include?: string[];
}

export interface Context {
  readonly run: { id: string; flow: string; digest: string; source: string; started_by: string; started_at: string };
  readonly trigger: any;
  /** The run's state; setState changes members of it. */
  readonly state: any;
  setState(values: { [name: string]: Json }): void;
  /** A line in the run's record. */
  log(text: unknown): void;
  /** Runs a command as a job. */
  step(name: string, definition: Options & { run: Run }): Promise<RunOutput>;
  /** Makes an HTTP request. */
  step(name: string, definition: Options & { http: Http }): Promise<HttpOutput>;
  /** Computes a value in JavaScript. */
  step(name: string, definition: Options & { function: Function }): Promise<any>;
  /** Reads or writes the host's key-value store, in the transaction of the step. */
  step(name: string, definition: Options & { kv: Kv }): Promise<KvOutput>;
  /** Waits for a time. */
  step(name: string, definition: Options & { sleep: Sleep }): Promise<{ at: string }>;
  /** Waits for an approval, a callback, an event or a time, for as long as it takes. */
  step(name: string, definition: Options & { wait: Wait }): Promise<WaitOutput>;
  /** Sends a message. */
  step(name: string, definition: Options & { notify: Notify }): Promise<any>;
  /** Runs another flow as a child run; the output is the output of that run. */
  step(name: string, definition: Options & { flow: Flow }): Promise<any>;
  /** Emits an event to this host, in the transaction of the step. */
  step(name: string, definition: Options & { emit: Emit }): Promise<EmitOutput>;
  /** Lets a coding agent work, as a job. */
  step(name: string, definition: Options & { agent: Agent }): Promise<AgentOutput>;
  /** Runs one SQL statement with parameters. */
  step(name: string, definition: Options & { db: Db }): Promise<DbOutput>;
  /** Looks for words in what this host keeps. */
  step(name: string, definition: Options & { search: Search }): Promise<{ hits: Hit[] }>;
  /** Asks a language model. */
  step(name: string, definition: Options & { llm: Llm }): Promise<LlmOutput>;
  /** Runs a command on another machine, puts files there and gets files from it. */
  step(name: string, definition: Options & { ssh: Ssh }): Promise<SshOutput>;
  /** Lets a step plugin of the host work, as a job. */
  step(name: string, definition: Options & { plugin: Plugin }): Promise<any>;
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
