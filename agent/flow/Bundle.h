#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/flow/Validate.h"
#include "common/base/Result.h"

namespace belay::flow {

/// At most this many files may be included by a flow.
inline constexpr std::size_t kIncludedFilesMax = 64;

/// A flow file and the files that it includes, as one text: what is digested, stored and exported.
/// `{"belay_bundle":1,"format":"yaml","content":"…","files":{"prompts/task.md":"…"}}`
struct Bundle {
  Format format = Format::kYaml;             ///< Of `content`; not kBundle.
  std::string content;                       ///< The flow file, verbatim.
  std::map<std::string, std::string> files;  ///< By the names under which they are included.
};

/// The same files give the same text.
std::string printBundle(const Bundle& bundle);
/// Errors: kJsonSyntax, kFlowBadValue; kFlowTooLarge above kFlowBytesMax in all.
base::Result<Bundle> parseBundle(std::string_view text);

/// Whether a file can be included under this name: relative, and below the folder of the flow file.
bool isIncludeName(std::string_view name);
/// The names of files that a flow file, or one that it includes, names, each once, in their order.
/// Tolerates whatever else is wrong with the text.
std::vector<std::string> includedNames(std::string_view text, Format format);

/// A stored content for people and for comparisons: a bundle as its flow file, followed by each of
/// its files under its name; any other as it is.
std::string readableText(std::string_view content, Format format);

}  // namespace belay::flow
