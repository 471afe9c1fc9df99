#include "agent/trust/AsideRequest.h"

#include <string>

namespace belay::trust {

Verdict checkAside(const Policy& policy, const HttpEffect& effect, std::string_view flow,
                   std::string_view about, std::int64_t wallMs) {
  return policy.check({"http", std::string(flow), std::string(about), effect}, wallMs);
}

Verdict checkAside(const Policy& policy, RenderedEffect effect, std::string_view about,
                   std::int64_t wallMs) {
  effect.flow.clear();
  effect.step = about;
  return policy.check(effect, wallMs);
}

}  // namespace belay::trust
