#include "agent/api/Routes.h"
#include "agent/triggers/Scheduler.h"

namespace belay::api {

using base::Result;

void pauseSchedule(Backend& backend, const ExchangePtr& exchange, bool pause) {
  backend.change(exchange, [&backend, exchange, pause](runtime::Runtime&) -> Result<Changed> {
    const std::string& slug = exchange->param("slug");
    const std::string& id = exchange->param("id");
    const std::string by = exchange->caller().shown();
    triggers::Scheduler& scheduler = backend.deps.scheduler;
    BELAY_ASSIGN(const bool changedIt,
                 pause ? scheduler.pause(slug, id, by) : scheduler.resume(slug, id));
    if (changedIt) {
      backend.deps.log.info(pause ? "schedule.paused" : "schedule.resumed",
                            {{"flow", slug}, {"schedule", id}, {"by", by}});
    }
    Changed changed;
    changed.data.set("schedule", slug + "/" + id).set("paused", pause).set("existing", !changedIt);
    return changed;
  });
}

}  // namespace belay::api
