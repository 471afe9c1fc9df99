#include "agent/journal/BucketTable.h"

namespace belay::journal {

using base::Result;
using base::Status;

BucketTable::BucketTable(Session& session)
    : session_(session),
      put_(session.database(), "keep rate limit",
           "INSERT OR REPLACE INTO buckets (name, boot_id, at_us, full_us, queue_us, blocked_us)"
           " VALUES (?,?,?,?,?,?)"),
      find_(session.database(), "read rate limit",
            "SELECT boot_id, at_us, full_us, queue_us, blocked_us FROM buckets WHERE name = ?") {}

Status BucketTable::put(const BucketRow& row) {
  return session_.write(put_, row.name, row.bootId, row.atUs, row.fullUs, row.queueUs,
                        row.blockedUs);
}

Result<std::optional<BucketRow>> BucketTable::find(std::string_view name) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(find_, name);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<BucketRow>();
  BucketRow row;
  row.name = name;
  row.bootId = rows.string(0);
  row.atUs = rows.integer(1);
  row.fullUs = rows.integer(2);
  row.queueUs = rows.integer(3);
  row.blockedUs = rows.integer(4);
  return std::optional<BucketRow>(std::move(row));
}

}  // namespace belay::journal
