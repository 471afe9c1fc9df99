#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string_view>

#include "agent/journal/Rows.h"
#include "agent/steps/ToolStep.h"

namespace belay::steps {

/// Finds the connection that a step names, through the bindings of its flow. Errors: kInvalidArgument
/// for one of another type, kConnectionNotFound.
base::Result<vault::ConnectionPtr> toolConnection(const vault::ConnectionStore& store,
                                                  const runtime::Attempt& attempt,
                                                  std::string_view name, std::string_view type);
/// Puts the connection into plan and effect: its definition with its name, and the secrets that it
/// uses by name.
void useConnection(const vault::Connection& connection, ToolPlan& plan);

/// Refuses NUL, which no argument, variable or path can hold. Errors: kInvalidArgument.
base::Status refuseNul(const runtime::Attempt& attempt, std::string_view what,
                       std::string_view text);

/// `ssh`: a command there, with files put before it and taken after it.
base::Result<ToolPlan> planSsh(const runtime::Attempt& attempt,
                               const vault::ConnectionStore& connections,
                               const settings::JobSettings& settings);

/// What the journal knows of a resource, by its reference; asked by the loop.
using ResourceLookup =
    std::function<base::Result<std::optional<journal::ResourceRow>>(std::string_view ref)>;

/// `notify` over SMTP: one mail. Errors: kResourceNotFound, kLimit for its attachments.
base::Result<ToolPlan> planMail(const runtime::Attempt& attempt,
                                const vault::ConnectionStore& connections,
                                const ResourceLookup& resources);

/// The program of a plugin. Errors: kPluginNotFound, with the nearest name; kPluginInvalid where
/// others than root and this user could change it.
base::Result<std::string> findPlugin(const std::string& folder, const std::string& name);

/// `plugin`: a program of the plugin folder, with its input and its connection.
base::Result<ToolPlan> planPlugin(const runtime::Attempt& attempt,
                                  const vault::ConnectionStore& connections,
                                  const settings::JobSettings& settings);

/// The planners of the families that are tools. Borrows the connections.
std::map<flow::Family, ToolPlanner> toolPlanners(const vault::ConnectionStore& connections,
                                                 const settings::JobSettings& settings,
                                                 ResourceLookup resources);

}  // namespace belay::steps
