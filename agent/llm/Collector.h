#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "agent/llm/Answer.h"
#include "agent/llm/Request.h"
#include "agent/llm/SseReader.h"
#include "common/base/Result.h"

namespace belay::llm {

/// Puts an answer together from its stream, or from one JSON document where a server does not
/// stream.
///
/// Threads: owner.
/// Errors:  kLlmAnswer for what is not the API; trouble() says more after any error.
class Collector {
 public:
  Collector(Api api, bool byTool);

  base::Status push(std::string_view bytes) { return reader_.push(bytes); }
  /// The stream is over. An answer that was cut off is an error.
  base::Result<Answer> finish();
  /// Instead of push() and finish().
  base::Result<Answer> whole(std::string_view body);

  /// What the provider itself has said within the stream.
  const std::optional<Trouble>& trouble() const { return trouble_; }

 private:
  static constexpr std::size_t kCallsMax = 128;

  base::Status event(std::string_view name, std::string_view data);
  base::Status openAi(const json::Value& chunk);
  base::Status openAiChoice(const json::Value& message);
  void openAiUsage(const json::Value& usage);
  base::Status anthropic(const json::Value& event);
  base::Status anthropicBlock(std::int64_t index, const json::Value& block);
  void anthropicUsage(const json::Value& usage);
  base::Status fail(const json::Value& error);
  base::Result<ToolCall*> call(std::int64_t index);
  base::Result<Answer> take();

  const Api api_;
  const bool byTool_;
  SseReader reader_;
  Answer answer_;
  std::map<std::int64_t, ToolCall> calls_;
  bool complete_ = false;
  std::optional<Trouble> trouble_;
};

}  // namespace belay::llm
