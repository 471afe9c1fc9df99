#include "agent/runtime/BlockOutputs.h"

#include "common/base/Units.h"
#include "common/json/Writer.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

Status append(std::string& out, const engine::ActiveBlock::Child& child, LargeOutputs& outputs) {
  if (!child.outputRef.empty()) {
    BELAY_ASSIGN(const std::string text, outputs.load(child.outputRef));
    out += text;
  } else {
    out += child.outputJson.empty() ? "null" : child.outputJson;
  }
  if (out.size() <= kBlockOutputBytesMax) return {};
  return Error{ErrorCode::kLimit, "the outputs of the children have together more than " +
                                      base::formatBytes(kBlockOutputBytesMax) +
                                      "; end each child with a step of a small output"};
}

}  // namespace

Result<std::string> gatherOutputs(const engine::ActiveBlock& block, LargeOutputs& outputs) {
  using engine::BlockKind;
  const BlockKind kind = block.started.kind;
  std::string out;
  if (kind == BlockKind::kLoop) {
    out = "{\"rounds\":" + std::to_string(block.ended) + ",\"last\":";
    BELAY_TRY(append(out, block.children.front(), outputs));
    return out + "}";
  }
  out = kind == BlockKind::kParallel ? "{" : "[";
  for (std::size_t i = 0; i < block.children.size(); ++i) {
    if (i > 0) out += ',';
    if (kind == BlockKind::kParallel) {
      json::appendQuoted(out, block.started.names[i]);
      out += ':';
    }
    BELAY_TRY(append(out, block.children[i], outputs));
  }
  return out += kind == BlockKind::kParallel ? "}" : "]";
}

}  // namespace belay::runtime
