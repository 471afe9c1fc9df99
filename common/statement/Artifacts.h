#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "common/base/Result.h"
#include "common/crypto/P256.h"
#include "common/statement/Request.h"

namespace belay::statement {

// How the artifacts of a request travel by way of somebody who must not read them: in parts, each
// sealed by itself (Sealed.h), under a name that says nothing. That nothing was exchanged, left out
// or put in order anew is seen by the digest of the whole, which the request has. Threads: any.

/// Of a part, before it is sealed; the last one may be shorter.
inline constexpr std::size_t kArtifactPartBytes = 512u << 10;
/// What is larger does not travel.
inline constexpr std::int64_t kArtifactBytesMax = std::int64_t{64} << 20;

/// At least one: also nothing is sealed.
std::int64_t artifactParts(std::int64_t size);
/// Of one part of so many bytes in all.
std::size_t artifactPartBytes(std::int64_t size, std::int64_t part);
/// Hex. Whoever does not know the request's nonce cannot tell whether it is a content that he
/// knows.
std::string artifactName(const Request& request, const crypto::Digest& artifact);
/// Hex. The same for the same recipients, in any order.
std::string recipientsDigest(std::span<const crypto::P256PublicKey> recipients);

}  // namespace belay::statement
