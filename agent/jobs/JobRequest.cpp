#include "agent/jobs/JobRequest.h"

#include <algorithm>
#include <cstring>

#include "agent/jobs/Confinement.h"
#include "agent/jobs/JobFiles.h"

namespace belay::jobs {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";
constexpr std::uint32_t kListMax = 8192;
/// Where a job above kBare finds its script, in a folder that it cannot reach.
constexpr const char* kScriptPath = "/dev/fd/5";
static_assert(kScriptFd == 5);

class PayloadWriter {
 public:
  template <typename T>
  void number(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    out_.append(raw, sizeof(T));
  }
  /// Length, bytes and a NUL, so that the reader can hand out C strings without copying.
  void string(std::string_view text) {
    number(static_cast<std::uint32_t>(text.size()));
    out_.append(text);
    out_.push_back('\0');
  }
  void pairs(const std::vector<std::pair<std::string, std::string>>& all) {
    number(static_cast<std::uint32_t>(all.size()));
    for (const auto& [name, value] : all) {
      string(name);
      string(value);
    }
  }
  void list(const std::vector<std::string>& words) {
    number(static_cast<std::uint32_t>(words.size()));
    for (const std::string& word : words) string(word);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

/// Walks the payload; after the first thing that does not fit, everything reads as nothing and ok()
/// is false.
class PayloadReader {
 public:
  explicit PayloadReader(std::span<char> payload) : rest_(payload) {}

  template <typename T>
  void number(T& value) {
    if (rest_.size() < sizeof(T)) return fail();
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_ = rest_.subspan(sizeof(T));
  }
  std::string_view bytes() {
    std::uint32_t length = 0;
    number(length);
    if (rest_.size() <= length || rest_[length] != '\0') {
      fail();
      return {};
    }
    const std::string_view text(rest_.data(), length);
    rest_ = rest_.subspan(length + std::size_t{1});
    return text;
  }
  /// Never a null pointer; without NUL inside.
  char* string(std::size_t* size = nullptr) {
    char* const begin = rest_.data() + std::min(rest_.size(), sizeof(std::uint32_t));
    const std::string_view text = bytes();
    if (!ok_ || text.find('\0') != std::string_view::npos) {
      fail();
      return empty_;
    }
    if (size != nullptr) *size = text.size();
    return begin;
  }
  void pairs(std::vector<std::pair<std::string_view, std::string_view>>& all) {
    std::uint32_t count = 0;
    number(count);
    if (count > kListMax || count > rest_.size() / 10) return fail();
    all.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::string_view name = bytes();
      all.emplace_back(name, bytes());
    }
  }
  void list(std::vector<char*>& words) {
    std::uint32_t count = 0;
    number(count);
    // A string takes five bytes at least, so a count that lies cannot make us allocate much.
    if (count > kListMax || count > rest_.size() / 5) return fail();
    words.reserve(count + std::size_t{1});
    for (std::uint32_t i = 0; i < count; ++i) words.push_back(string());
    words.push_back(nullptr);
  }
  bool ok() const { return ok_; }
  bool atEnd() const { return ok_ && rest_.empty(); }

 private:
  void fail() {
    ok_ = false;
    rest_ = {};
  }
  std::span<char> rest_;
  bool ok_ = true;
  char empty_[1] = {'\0'};
};

std::int64_t orNone(const std::optional<std::uint64_t>& limit) {
  if (!limit) return -1;
  return *limit > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(*limit);
}

/// The paths that a shell would try, but never one relative to the work folder, which the job's
/// input may fill.
std::vector<std::string> candidates(const std::string& program, std::string_view path) {
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> out;
  while (!path.empty()) {
    const std::size_t colon = path.find(':');
    const std::string_view folder = path.substr(0, colon);
    if (!folder.empty() && folder[0] == '/' && out.size() < 64) {
      out.push_back(std::string(folder) + "/" + program);
    }
    path = colon == std::string_view::npos ? std::string_view{} : path.substr(colon + 1);
  }
  return out;
}

/// The command as the only thing that a view of the host has room for: the system to read, the
/// folder of the flow to write, and nothing of what other processes are.
std::vector<std::string> inBubblewrap(const JobSpec& spec,
                                      const std::vector<std::string>& command) {
  const JobCell& cell = spec.cell;
  std::vector<std::string> out = {cell.bubblewrap,    "--unshare-user-try", "--unshare-ipc",
                                  "--unshare-pid",    "--unshare-uts",      "--unshare-cgroup-try",
                                  "--die-with-parent"};
  if (!cell.hostNetwork) out.emplace_back("--unshare-net");
  const auto bind = [&out](const char* how, const std::string& path) {
    out.insert(out.end(), {how, path, path});
  };
  for (const char* path : kSystemPaths) bind("--ro-bind-try", path);
  out.insert(out.end(), {"--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"});
  for (const std::string& path : cell.readPaths) bind("--ro-bind-try", path);
  for (const std::string& path : cell.writePaths) bind("--bind-try", path);
  bind("--bind", cell.folder);
  out.insert(out.end(), {"--chdir", spec.workFolder, "--seccomp", std::to_string(kFilterFd), "--"});
  out.insert(out.end(), command.begin(), command.end());
  return out;
}

}  // namespace

std::string encodeRequest(const JobSpec& spec, const std::string& jobsFolder,
                          const std::string& cgroup) {
  const bool bare = spec.cell.profile == JobProfile::kBare;
  std::string jobFolder;
  if (!spec.payload.empty() || !spec.context.empty()) {
    jobFolder = bare ? jobsFolder + "/" + jobFile(spec.id.str(), kFolderSuffix)
                     : spec.cell.folder + "/job-" + spec.id.str();
  }
  std::string_view path = kDefaultPath;
  std::vector<std::string> environment;
  environment.reserve(spec.environment.size() + 4);
  for (const auto& [name, value] : spec.environment) {
    if (name == "PATH") path = value;
    environment.push_back(name + "=" + value);
  }
  environment.push_back("BELAY_JOB_ID=" + spec.id.str());
  environment.push_back("BELAY_RESULT_FD=3");
  environment.push_back("BELAY_JOB_FD=4");
  if (!jobFolder.empty()) environment.push_back("BELAY_JOB_DIR=" + jobFolder);
  std::vector<std::string> arguments = spec.command;
  if (!spec.script.empty()) {
    arguments = spec.shell;
    arguments.push_back(bare ? jobsFolder + "/" + jobFile(spec.id.str(), kScriptSuffix)
                             : std::string(kScriptPath));
  }
  if (spec.cell.profile == JobProfile::kStrong) arguments = inBubblewrap(spec, arguments);

  PayloadWriter out;
  out.number(spec.deadline ? static_cast<std::int64_t>(spec.deadline->count()) : std::int64_t{-1});
  out.number(static_cast<std::int64_t>(spec.grace.count()));
  out.number(spec.logBytesMax);
  out.number(spec.resultBytesMax);
  out.number(spec.user ? std::int64_t{*spec.user} : std::int64_t{-1});
  out.number(spec.group ? std::int64_t{*spec.group} : std::int64_t{-1});
  out.number(orNone(spec.limits.addressSpaceBytes));
  out.number(orNone(spec.limits.processes));
  out.number(orNone(spec.limits.openFiles));
  out.number(orNone(spec.limits.fileBytes));
  out.number(orNone(spec.limits.cpuSeconds));
  out.number(orNone(spec.limits.treeMemoryBytes));
  out.number(orNone(spec.limits.treeProcesses));
  out.number(static_cast<std::uint8_t>(spec.cell.profile));
  out.number(static_cast<std::uint8_t>(spec.cell.ownsUser));
  out.string(spec.id.str());
  out.string(spec.workFolder);
  out.string(cgroup);
  out.string(spec.script);
  out.string(spec.cell.folder);
  out.string(jobFolder);
  out.string(spec.payload);
  out.string(spec.context);
  out.number(spec.filesBytesMax);
  out.string(spec.collectFolder.empty() ? spec.workFolder : spec.collectFolder);
  out.list(spec.collect);
  out.list(spec.cell.readPaths);
  out.list(spec.cell.writePaths);
  out.list(candidates(arguments[0], path));
  out.list(arguments);
  out.list(environment);
  out.pairs(spec.secrets);
  return out.take();
}

Result<JobRequest> parseRequest(std::span<char> payload) {
  JobRequest request;
  PayloadReader in(payload);
  in.number(request.deadlineBootMs);
  in.number(request.graceMs);
  in.number(request.logBytesMax);
  in.number(request.resultBytesMax);
  in.number(request.user);
  in.number(request.group);
  in.number(request.addressSpaceBytes);
  in.number(request.processes);
  in.number(request.openFiles);
  in.number(request.fileBytes);
  in.number(request.cpuSeconds);
  in.number(request.treeMemoryBytes);
  in.number(request.treeProcesses);
  std::uint8_t profile = 0;
  std::uint8_t ownsUser = 0;
  in.number(profile);
  in.number(ownsUser);
  request.id = in.string();
  request.workFolder = in.string();
  request.cgroup = in.string();
  std::size_t scriptBytes = 0;
  const char* script = in.string(&scriptBytes);
  request.folder = in.string();
  request.jobFolder = in.string();
  std::size_t payloadBytes = 0;
  std::size_t contextBytes = 0;
  const char* given = in.string(&payloadBytes);
  const char* context = in.string(&contextBytes);
  in.number(request.filesBytesMax);
  request.collectFolder = in.string();
  in.list(request.collect);
  in.list(request.readPaths);
  in.list(request.writePaths);
  in.list(request.programs);
  in.list(request.arguments);
  in.list(request.environment);
  in.pairs(request.secrets);
  if (!in.atEnd() || request.arguments.size() < 2 || profile > 2) {
    return Error{ErrorCode::kJobSpec, "the request for a job is damaged"};
  }
  request.script = {script, scriptBytes};
  request.payload = {given, payloadBytes};
  request.context = {context, contextBytes};
  request.profile = static_cast<JobProfile>(profile);
  request.ownsUser = ownsUser != 0;
  return request;
}

}  // namespace belay::jobs
