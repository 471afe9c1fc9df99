#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::settings {

/// `state:` where the daemon keeps what it must not lose.
struct StateSettings {
  std::string folder;  ///< Journal, keys, vault, resources, jobs. Empty: of the mode, see Paths.h.
};

/// `api:` the Unix socket; there is no other way in.
struct ApiSettings {
  std::string socket;  ///< Empty: of the mode.
  std::vector<std::string>
      operators;  ///< "alice", "1000", "group:ops", "group:998"; may change things.
  std::vector<std::string> readers;  ///< May only look.
  std::uint64_t bodyBytesMax = 4u << 20;
  std::int64_t connectionsMax = 256;
};

struct JournalSettings {
  std::uint64_t walMaxBytes = 64u << 20;
  std::uint64_t reserveBytes = 4u << 20;
  std::uint64_t cacheBytes = 2u << 20;
  std::chrono::milliseconds retention{
      std::chrono::hours{24 * 90}};  ///< Of ended runs; 0: for ever.
};

/// `limits:` bounds of the daemon. Each error that one causes names it and its value.
struct LimitSettings {
  std::uint64_t memoryBytes = 0;  ///< Of the daemon's address space; 0: as the host has it.
  std::uint64_t diskBytes = 0;    ///< Of the state folder; above it no new run starts; 0: none.
  std::int64_t cpu = 0;           ///< Processors that the daemon may use; 0: all.
  std::int64_t activeRuns = 100'000;
  std::int64_t concurrentRuns = 0;  ///< Runs that are at work at once; 0: no bound.
  std::uint64_t inlineBytes = 64u << 10;
  std::int64_t expressionTicks = 5'000'000;
  std::uint64_t expressionMemoryBytes = 16u << 20;
  std::uint64_t expressionStackBytes = 512u << 10;
  std::uint64_t expressionOutputBytes = 4u << 20;
  std::uint64_t codeMemoryBytes = 32u << 20;
  std::int64_t codeCalls = 100'000;
};

/// `resources:` what steps keep as artifacts.
struct ResourceSettings {
  std::uint64_t flowBytesMax = 0;                               ///< Of one flow; 0: no bound.
  std::uint64_t totalBytesMax = 0;                              ///< On the disk; 0: no bound.
  std::chrono::milliseconds ephemeral{std::chrono::hours{24}};  ///< After the end of the run.
  std::chrono::milliseconds retained{0};  ///< After the run was removed, by their age; 0: for ever.
};

/// `db:` statements of `db` steps on SQLite files.
struct DbSettings {
  std::int64_t runningMax = 4;
  std::uint64_t memoryBytes = 256u << 20;
  std::uint64_t resultBytes = 8u << 20;
  std::uint64_t fileBytes = 4ull << 30;
};

struct JobSettings {
  std::int64_t runningMax = 64;
  std::int64_t agentsMax = 8;  ///< Coding agents at a time, besides.
  std::chrono::milliseconds grace{5000};
  std::uint64_t logBytesMax = 128u << 20;  ///< Of each stream of a job.
  std::uint64_t resultBytesMax = 1u << 20;
  std::uint64_t filesBytesMax = 256u << 20;  ///< Of the files that a job leaves, together.
  std::string path =
      "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";  ///< PATH of jobs.
  std::vector<std::string> passEnvironment;  ///< Variables of the daemon that jobs get too.
  std::string workFolder;                    ///< Folder of jobs without `cwd`; empty: <state>/work.
  std::int64_t processesMax = 0;             ///< RLIMIT_NPROC; 0: as the host has it.
  std::int64_t openFilesMax = 0;
  std::uint64_t memoryBytes = 0;  ///< RLIMIT_AS of each process.
  std::uint64_t fileBytes = 0;
  std::uint64_t treeMemoryBytes = 0;   ///< memory.max of the job's cgroup; 0: none.
  std::int64_t treeProcessesMax = 0;   ///< pids.max of the job's cgroup; 0: none.
  std::string profile;                 ///< "bare", "user", "strong"; empty: by `users`.
  std::vector<std::string> users;      ///< Names, uids and ranges "FIRST-LAST" that jobs may have.
  std::string userFolder;              ///< One folder for each flow; empty: <state>-jobs.
  std::vector<std::string> readPaths;  ///< That jobs of profile user may read besides the system.
  std::vector<std::string> writePaths;
  std::string strongNetwork = "none";  ///< "none" or "host".
  std::string spawnerSocket;           ///< Of a spawner with privileges; empty: the daemon's own.
  /// Where the plugins of steps lie, as belay-step-NAME.
  std::string pluginFolder = "/usr/lib/belay/plugins";
};

struct HttpSettings {
  std::string proxy;  ///< "environment", a URL, or empty: none.
  std::vector<std::string> noProxy;
  std::string caFile;        ///< Empty: the system's.
  std::int64_t workers = 8;  ///< Requests at a time.
  std::uint64_t responseBytesMax = 16u << 20;
  std::uint64_t resourceBytesMax = 1u << 30;  ///< Of a body that goes to a resource as it comes.
  std::chrono::milliseconds connectTimeout{10'000};
};

/// `host:` how a copy of this host is told from it.
struct HostSettings {
  std::vector<std::string> machineFiles{
      "/run/belay/product_uuid", "/run/belay/vmgenid", "/sys/class/dmi/id/product_uuid",
      "/sys/firmware/qemu_fw_cfg/by_name/etc/vmgenid_guid/raw", "/etc/machine-id"};
};

/// `link:` how the relay is reached; which one it is comes from `belay link enrol`.
struct LinkSettings {
  std::string proxy;  ///< "environment", a URL, or empty: none.
  std::vector<std::string> noProxy;
  std::string caFile;             ///< Empty: the system's.
  std::vector<std::string> pins;  ///< Of the relay's public key, SHA-256 in hex.
  std::chrono::milliseconds poll{55'000};
};

struct DaemonSettings {
  std::chrono::milliseconds drain{10'000};  ///< For requests in flight at SIGTERM.
};

/// All options of a host. Every field has its default here, its words in config/belay.yaml, and its
/// row in the table of Options.h.
struct Settings {
  StateSettings state;
  ApiSettings api;
  JournalSettings journal;
  LimitSettings limits;
  ResourceSettings resources;
  DbSettings db;
  JobSettings jobs;
  HttpSettings http;
  HostSettings host;
  LinkSettings link;
  DaemonSettings daemon;
  std::string policyFile;   ///< Empty: policy.yaml beside the settings, if it is there.
  json::Value connections;  ///< Read by vault::ConnectionStore.
  json::Value agents;       ///< Checked by flow::checkHostAgents().
};

/// Reads YAML. Unknown keys, bad units and values out of range are errors with file, line and the
/// nearest right key. Errors: kSettingsInvalid.
base::Result<Settings> parseSettings(std::string_view text, const std::string& source);

/// Text of config/belay.yaml: every option with its words, its default commented out.
std::string defaultSettingsText();

/// The settings in force, as JSON: for `belay config check --json` and the doctor.
json::Value toJson(const Settings& settings);

}  // namespace belay::settings
