#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "agent/flow/Report.h"
#include "common/yaml/Yaml.h"

namespace belay::flow {

/// Where a flow has texts by name that may stand in files of their own: `task: {file: task.md}`.
inline constexpr std::array<std::string_view, 2> kTextMaps{"templates", "functions"};
/// The lists of steps of a flow that do not stand within a step.
inline constexpr std::array<std::string_view, 2> kStepLists{"steps", "on_failure"};

/// Reads one file of a flow, of any format but kBundle. Errors: kYamlSyntax, kYamlRefused,
/// kJsonSyntax, kFlowCode, kFlowTooLarge.
base::Result<yaml::Document> readDocument(std::string_view text, Format format,
                                          Content content = Content::kNew);

/// Puts the files that a flow names in the place of their names: the texts of `{file: NAME}`, the
/// steps of `- include: NAME`, and the templates and functions of the files under `include:`. All
/// that comes from a file keeps its place there. What is wrong goes into the report.
///
/// `files` are those that came along, by name; one that nothing names is an error.
yaml::Document resolveIncludes(const yaml::Document& document,
                               const std::map<std::string, std::string>& files, Report& report);

}  // namespace belay::flow
