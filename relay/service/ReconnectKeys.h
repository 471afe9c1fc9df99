#pragma once

#include <string>
#include <string_view>

namespace belay::service {

/// Keys with which hosts that had a session prove that it is they who come back, at the cost of a
/// hash: ten thousand of them come at once when a relay was restarted, and to verify a signature
/// takes longer than all else that the relay does for one. Nothing is kept for it: each key is made
/// of the relay's secret and the host's name.
///
/// Threads: any.
class ReconnectKeys {
 public:
  /// `secret`: that of the relay's session tickets (TicketKey.h), so that the keys hold over a
  /// restart as tickets do, and no longer.
  explicit ReconnectKeys(std::string_view secret);

  /// What the host is given with its session.
  std::string keyOf(std::string_view host) const;
  /// Whether `proof` was made by one who has that key, of this statement.
  bool proves(std::string_view host, std::string_view statement, std::string_view proof) const;

 private:
  std::string secret_;
};

}  // namespace belay::service
