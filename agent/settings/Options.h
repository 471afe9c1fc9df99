#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/settings/Settings.h"

namespace belay::settings {

/// Half of the list of visitOptions(): what the host keeps, and the bounds of the daemon.
template <typename SettingsType, typename Visitor>
void visitStoreOptions(SettingsType& s, Visitor& v) {
  using namespace std::chrono_literals;
  v.section("state", "Where the daemon keeps what it must not lose.");
  v.text("state.folder", s.state.folder,
         "Journal, keys, vault, resources and jobs. Must be on a local disk and belong to the "
         "daemon alone.\n"
         "Empty: /var/lib/belay in system mode, $XDG_STATE_HOME/belay (~/.local/state/belay) in "
         "user mode.");

  v.section("api", "The daemon listens on one Unix socket and on no network address.");
  v.text("api.socket", s.api.socket,
         "Empty: /run/belay/belay.sock in system mode, $XDG_RUNTIME_DIR/belay/belay.sock in user "
         "mode.");
  v.list("api.operators", s.api.operators,
         "Who may start, approve and change: user names, uids, \"group:NAME\" or \"group:GID\". "
         "Root and the daemon's\n"
         "own user always may. Everybody else is refused.");
  v.list("api.readers", s.api.readers, "Who may only look; written as the operators are.");
  v.bytes("api.body_max", s.api.bodyBytesMax, 1u << 10, 64u << 20, "Largest body of a request.");
  v.number("api.connections_max", s.api.connectionsMax, 4, 10'000, "Connections at a time.");

  v.section("journal", "The one database.");
  v.bytes(
      "journal.wal_max", s.journal.walMaxBytes, 1u << 20, 4ull << 30,
      "The write-ahead log is checkpointed when the daemon is idle, and in any case beyond this.");
  v.bytes("journal.reserve", s.journal.reserveBytes, 1u << 20, 1ull << 30,
          "Kept free of use, and released on a full disk, so that cancel, approve and prune still "
          "work.");
  v.bytes("journal.cache", s.journal.cacheBytes, 256u << 10, 1ull << 30, "Page cache in memory.");
  v.duration(
      "journal.retention", s.journal.retention, 0ms, 87'600h,
      "Runs that ended longer ago are removed with all they stored; 0s keeps them for ever.");

  v.section("limits",
            "Bounds of the daemon. An error that one of them causes names it and its value.");
  v.bytes("limits.memory", s.limits.memoryBytes, 0, 1ull << 42,
          "Address space of the daemon (RLIMIT_AS), at least 128 MiB; 0: as the host has it.");
  v.bytes(
      "limits.disk", s.limits.diskBytes, 0, 1ull << 50,
      "Size of the state folder above which no new run starts; 0: only the disk itself bounds it.");
  v.number("limits.cpu", s.limits.cpu, 0, 4096,
           "Processors that the daemon and its jobs may use (with jobs.spawner_socket: the daemon "
           "alone); 0: all.");
  v.number("limits.active_runs", s.limits.activeRuns, 1, 10'000'000,
           "Runs that have not ended, waiting ones included.");
  v.number("limits.concurrent_runs", s.limits.concurrentRuns, 0, 1'000'000,
           "Runs that are at work at once; further ones are queued, in order over all flows. Runs "
           "that only wait\n"
           "(for approvals, callbacks, events, times, or while paused) do not count; 0: no bound.");
  v.bytes("limits.inline_output", s.limits.inlineBytes, 1u << 10, 1u << 20,
          "Outputs above it become resources, read as before; of texts, expressions read the beginning.");
  v.number("limits.expression_ticks", s.limits.expressionTicks, 10'000, 1'000'000'000,
           "Work of one expression; about 20 ns each.");
  v.bytes("limits.expression_memory", s.limits.expressionMemoryBytes, 1u << 20, 1u << 30,
          "Memory of one expression.");
  v.bytes("limits.expression_stack", s.limits.expressionStackBytes, 64u << 10, 1u << 20,
          "Stack of one expression.");
  v.bytes("limits.expression_output", s.limits.expressionOutputBytes, 1u << 10, 16u << 20,
          "Result of one expression.");
  v.bytes(
      "limits.code_memory", s.limits.codeMemoryBytes, 1u << 20, 1u << 30,
      "Memory of the code of one run, in all; its ticks, stack and results are bounded as those "
      "of an expression,\n"
      "ticks from one result of a step to the next.");
  v.number("limits.agents", s.jobs.agentsMax, 1, 256,
           "Coding agents at a time; more wait for their turn.");
  v.number("limits.code_calls", s.limits.codeCalls, 1, 1'000'000,
           "Steps, waits and child runs that the code of one run may ask for in all.");
}

/// Of what steps keep, and of the databases that they ask.
template <typename SettingsType, typename Visitor>
void visitDataOptions(SettingsType& s, Visitor& v) {
  using namespace std::chrono_literals;
  v.section("resources", "What steps keep as artifacts. docs/resources.md.");
  v.bytes("resources.flow_max", s.resources.flowBytesMax, 0, 1ull << 50,
          "Of one flow, over all its runs; each counts for every run that has it. 0: no bound.");
  v.bytes("resources.total_max", s.resources.totalBytesMax, 0, 1ull << 50,
          "On the disk, in all; what is there twice counts once. 0: only the disk bounds it.");
  v.duration("resources.ephemeral", s.resources.ephemeral, 0ms, 8'760h,
             "Resources that are kept as `ephemeral` go so long after their run has ended.");
  v.duration("resources.retained", s.resources.retained, 0ms, 87'600h,
             "Resources that are kept as `retained` stay when their run is removed, and go at this "
             "age; 0s: never.");

  v.section("db", "Statements of `db` steps, each in a process of its own.");
  v.number("db.running_max", s.db.runningMax, 1, 256, "Statements at a time.");
  v.bytes("db.memory_max", s.db.memoryBytes, 16u << 20, 1ull << 36, "Memory of one.");
  v.bytes("db.result_max", s.db.resultBytes, 1u << 10, 16u << 20, "Rows of one, as JSON.");
  v.bytes("db.file_max", s.db.fileBytes, 1u << 20, 1ull << 46,
          "Size above which no statement makes a file grow.");
}

/// Of the jobs: what they may leave, as whom they run, and what they may touch.
template <typename SettingsType, typename Visitor>
void visitIsolation(SettingsType& s, Visitor& v) {
  v.bytes("jobs.files_max", s.jobs.filesBytesMax, 0, 1ull << 40,
          "The files of a job that are kept when it has ended, together.");
  v.bytes(
      "jobs.tree_memory_max", s.jobs.treeMemoryBytes, 0, 1ull << 42,
      "Memory of all processes of a job together; needs a cgroup v2 with the memory controller; "
      "0: no bound.");
  v.number("jobs.tree_processes_max", s.jobs.treeProcessesMax, 0, 1'000'000,
           "Processes of a job; needs a cgroup v2 with the pids controller; 0: no bound.");
  v.text("jobs.profile", s.jobs.profile,
         "How far jobs are kept from this host, at least: \"bare\" (the daemon's own user), "
         "\"user\" (a "
         "user of their\n"
         "own) or \"strong\" (in a view of the host of their own as well). A step may ask for "
         "more, never "
         "for less.\n"
         "Empty: user where jobs.users names somebody, else bare. docs/isolation.md says what each "
         "one "
         "stops.");
  v.list(
      "jobs.users", s.jobs.users,
      "Users of jobs: names, uids and ranges such as 70000-70063. Each flow gets one of them for "
      "good.");
  v.text(
      "jobs.user_folder", s.jobs.userFolder,
      "Where such jobs work: one folder for each flow. Empty: the state folder with -jobs at its "
      "end.");
  v.list("jobs.read_paths", s.jobs.readPaths,
         "What such jobs may read besides the system's own folders and what they may write.");
  v.list("jobs.write_paths", s.jobs.writePaths,
         "What such jobs may write besides their folder, where its owner and mode allow it.");
  v.text("jobs.strong_network", s.jobs.strongNetwork,
         "\"none\": jobs of profile strong reach no network; \"host\": they share the host's.");
  v.text("jobs.spawner_socket", s.jobs.spawnerSocket,
         "Socket of a spawner that may become other users (belay-spawner.socket). Empty: the "
         "daemon starts "
         "its own,\n"
         "which may do what the daemon may.");
  v.text("jobs.plugin_folder", s.jobs.pluginFolder,
         "Where the programs of plugin steps lie, as belay-step-NAME; only their owner may write "
         "there.");
}

template <typename SettingsType, typename Visitor>
void visitHttp(SettingsType& s, Visitor& v) {
  using namespace std::chrono_literals;
  v.section("http", "Requests of `http` and `notify` steps.");
  v.text("http.proxy", s.http.proxy,
         "Empty: none. \"environment\": http_proxy, https_proxy and no_proxy of the daemon. Else "
         "the URL of a proxy.");
  v.list("http.no_proxy", s.http.noProxy,
         "Hosts, .domains, addresses and networks that are reached directly.");
  v.text("http.ca_file", s.http.caFile, "Certificates to trust, as PEM. Empty: the system's.");
  v.number("http.workers", s.http.workers, 1, 2'000, "Requests at a time.");
  v.bytes("http.response_max", s.http.responseBytesMax, 1u << 10, 1u << 30,
          "Largest body of a response.");
  v.bytes("http.resource_max", s.http.resourceBytesMax, 1u << 10, 1ull << 42,
          "The same where the body goes to a resource, as it comes (response_as: resource).");
  v.duration("http.connect_timeout", s.http.connectTimeout, 100ms, 5min,
             "For name, connection, proxy and TLS together.");
}

/// The other half of the list: what steps and the process itself are bounded by.
template <typename SettingsType, typename Visitor>
void visitWorkOptions(SettingsType& s, Visitor& v) {
  using namespace std::chrono_literals;
  v.section("jobs", "Commands that `run` steps start.");
  v.number("jobs.running_max", s.jobs.runningMax, 1, 1024,
           "Jobs at a time; more wait for their turn.");
  v.duration("jobs.grace", s.jobs.grace, 0ms, 1h,
             "Between SIGTERM and the kill of the whole tree.");
  v.bytes("jobs.log_max", s.jobs.logBytesMax, 1u << 10, 1ull << 40,
          "Kept of each output stream of a job; what comes after is counted and dropped, and the "
          "job goes on.");
  v.bytes("jobs.result_max", s.jobs.resultBytesMax, 1u << 10, 16u << 20,
          "What a job may give as its result.");
  v.text("jobs.path", s.jobs.path, "PATH of jobs.");
  v.list("jobs.pass_environment", s.jobs.passEnvironment,
         "Variables of the daemon's environment that jobs get as well. Without this they get PATH, "
         "HOME, USER, LANG\n"
         "and what the step names.");
  v.text("jobs.work_folder", s.jobs.workFolder,
         "Where jobs without cwd: run. Empty: work/ in the state folder.");
  v.number("jobs.processes_max", s.jobs.processesMax, 0, 1'000'000,
           "Processes of the user (RLIMIT_NPROC; does not bind root); 0: as the host has it.");
  v.number("jobs.open_files_max", s.jobs.openFilesMax, 0, 1'000'000,
           "Open files of a process; 0: as the host has it.");
  v.bytes("jobs.memory_max", s.jobs.memoryBytes, 0, 1ull << 42,
          "Address space of a process; 0: as the host has it.");
  v.bytes("jobs.file_max", s.jobs.fileBytes, 0, 1ull << 50,
          "Largest file that a process may write; 0: as the host has it.");
  visitIsolation(s, v);

  visitHttp(s, v);

  v.section("host", "How this host is told from a copy of it.");
  v.list("host.machine_files", s.host.machineFiles,
         "Files that name the machine. When one changes, the host goes into quarantine: it begins "
         "nothing until\n"
         "`belay host release-quarantine`. What is not there or not readable says nothing.");

  v.section("link",
            "How the relay is reached. Which one it is comes from `belay link enrol`; without one "
            "nothing is asked.");
  v.text("link.proxy", s.link.proxy,
         "Empty: none. \"environment\": https_proxy and no_proxy of the daemon. Else the URL of a "
         "proxy (CONNECT).");
  v.list("link.no_proxy", s.link.noProxy,
         "Hosts, .domains, addresses and networks that are reached directly.");
  v.text("link.ca_file", s.link.caFile, "Certificates to trust, as PEM. Empty: the system's.");
  v.list("link.pin", s.link.pins,
         "SHA-256 of the public keys that the relay may have, in hex (docs/relay.md): with ca_file "
         "besides it, without\n"
         "instead of the system's certificates.");
  v.duration("link.poll", s.link.poll, 5s, 5min,
             "Longest wait of one poll; shorter by itself behind a proxy that cuts.");

  v.section("daemon", "The process.");
  v.duration("daemon.drain", s.daemon.drain, 0ms, 10min,
             "How long SIGTERM waits for requests in flight. Jobs go on without the daemon.");

  v.section("policy", "What flows may do on this host.");
  v.text("policy.file", s.policyFile,
         "Only what this file allows is done. Empty: policy.yaml beside this file, if it is there; "
         "otherwise user mode\n"
         "allows commands, and http to all but link-local and metadata addresses.");
}

/// Calls `visitor` once for each option, with its dotted name, its field, its bounds and its words:
/// the one list that parser, shipped example and output share. A visitor has section(), text(),
/// list(), number(), bytes() and duration().
template <typename SettingsType, typename Visitor>
void visitOptions(SettingsType& settings, Visitor& visitor) {
  visitStoreOptions(settings, visitor);
  visitDataOptions(settings, visitor);
  visitWorkOptions(settings, visitor);
}

}  // namespace belay::settings
