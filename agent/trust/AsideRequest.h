#pragma once

#include <string_view>

#include "agent/trust/Policy.h"

namespace belay::trust {

/// What the policy says to a request that no attempt is about: where a server redirects to, for a
/// token that a connection needs, of an operator who tries a connection. `about` says so in
/// refusals; rules that name flows do not allow it where `flow` is empty. Threads: any.
Verdict checkAside(const Policy& policy, const HttpEffect& effect, std::string_view flow,
                   std::string_view about, std::int64_t wallMs);
/// The same of what is no request; `effect` is described as that of an attempt.
Verdict checkAside(const Policy& policy, RenderedEffect effect, std::string_view about,
                   std::int64_t wallMs);

}  // namespace belay::trust
