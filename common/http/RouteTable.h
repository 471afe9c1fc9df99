#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/Handler.h"

namespace belay::http {

/// One row of an API: everything that is allowed, said in one place.
struct Route {
  std::string_view method;  ///< "GET" answers HEAD too.
  std::string_view
      pattern;  ///< "/v1/runs/{run}": literal segments and {names}; must outlive the table.
  std::string_view auth;     ///< Authentication class, for the authorizer; never empty.
  std::size_t bodyBytesMax;  ///< 0: a body is refused.
  std::string_view
      contentType;  ///< Required of a body ("application/json", parameters ignored); empty: any.
  std::function<void(ServerRequest&&, Responder)> handler;
};

/// Finds the row for a request, refuses what no row allows, and hands the rest to the row's
/// handler.
///
/// Threads: constant after construction; the server's thread then.
/// Errors:  answered with the renderer: 404 kHttpRoute, 405 kHttpMethod (with Allow), 413
///          kHttpBodyTooLarge (kInvalidArgument where a body is refused), 415 kHttpMediaType, and
///          what the authorizer says with the status of its code.
class RouteTable final : public Handler {
 public:
  /// Nothing: the request may pass. Asked for each request before its body is read; a class that
  /// the authorizer does not know must be refused. Asked with kNoRoute where no row fits: whether
  /// this peer may learn so.
  using Authorizer =
      std::function<std::optional<base::Error>(std::string_view auth, const ServerRequest&)>;

  static constexpr std::string_view kNoRoute = "";

  /// A row without authentication class or with a malformed pattern is a bug (checked), as are two
  /// rows of the same method and shape.
  RouteTable(std::vector<Route> routes, Authorizer authorize, ErrorRenderer render);

  const std::vector<Route>& routes() const { return routes_; }

  Admission admit(ServerRequest& request) override;
  void handle(ServerRequest&& request, Responder responder) override;
  ServerResponse renderError(int status, const base::Error& error) override;

 private:
  struct Pattern {
    std::vector<std::string_view> segments;  // "{name}" as written.
  };
  bool matches(const Pattern& pattern, const std::vector<std::string>& segments) const;
  std::size_t findRoute(const std::string& method, const std::vector<std::string>& segments,
                        std::string& allowed) const;
  Admission admitBody(const Route& route, const ServerRequest& request);
  /// The answer where no row fits: to whoever may learn so.
  Admission refuseUnknown(const ServerRequest& request, int status, const base::Error& error,
                          Headers extra = {});
  Admission refuse(int status, const base::Error& error, Headers extra = {});

  const std::vector<Route> routes_;
  std::vector<Pattern> patterns_;
  const Authorizer authorize_;
  const ErrorRenderer render_;
};

}  // namespace belay::http
