#pragma once

#include <string>

#include "common/base/Environment.h"
#include "common/json/Value.h"

namespace belay::tools {

class Exit;

/// The role `belay step NAME`: the work of one step that talks to another machine, as the command
/// of a job. It is given its task, credentials included, on standard input, and gives its end to
/// the result descriptor, as a plugin does (docs/plugins.md); what comes from the network is read
/// here and nowhere else. Takes over the signals of the process. Returns an exit status when there
/// can be no result.
int runTool(const std::string& name, const base::EnvironmentLookup& environment);

/// `ssh`: a command on another machine, files put there before it and taken from there after it.
[[noreturn]] void runSsh(const json::Value& request, Exit& exit,
                         const base::EnvironmentLookup& environment);
/// `mail`: one mail to one mail server.
[[noreturn]] void runMail(const json::Value& request, Exit& exit,
                          const base::EnvironmentLookup& environment);

}  // namespace belay::tools
