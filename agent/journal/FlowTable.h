#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "agent/journal/Rows.h"
#include "agent/journal/Session.h"

namespace belay::journal {

/// Flows by digest, the draft of each slug, and the connections that they are bound to.
///
/// Threads: owner. Errors: as Journal says.
class FlowTable {
 public:
  explicit FlowTable(Session& session);

  base::Status put(const FlowRow& row);
  base::Status setDraft(std::string_view slug, std::string_view digest, std::int64_t atMs);
  base::Status bind(std::string_view slug, std::string_view name, std::string_view connection);

  base::Result<std::optional<FlowRow>> byDigest(std::string_view digest);
  base::Result<std::optional<FlowHeadRow>> head(std::string_view slug);
  base::Result<std::vector<FlowHeadRow>> heads();
  base::Result<std::uint64_t> runsOf(std::string_view slug);
  base::Result<std::vector<BindingRow>> bindings(std::string_view slug);

 private:
  Session& session_;
  sqlite::Statement put_;
  sqlite::Statement setDraft_;
  sqlite::Statement bind_;
  sqlite::Statement byDigest_;
  sqlite::Statement head_;
  sqlite::Statement heads_;
  sqlite::Statement runs_;
  sqlite::Statement bindings_;
};

}  // namespace belay::journal
