#pragma once

#include <string>
#include <string_view>

namespace belay::crypto {

/// "SHA256:…" of the public key of an SSH server, "TYPE BASE64", as ssh-keygen -l prints it; empty
/// for what is none. Threads: any.
std::string hostKeyFingerprint(std::string_view hostKey);

}  // namespace belay::crypto
