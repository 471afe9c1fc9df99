#include "common/http/RouteTable.h"

#include <algorithm>

#include "common/base/Text.h"

namespace belay::http {

namespace {

using base::Error;
using base::ErrorCode;

bool isParameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

/// The segments behind each slash; nothing for a path that means two things (empty, "." or ".."
/// inside, bad escapes).
bool splitPath(std::string_view path, std::vector<std::string>& segments) {
  segments.clear();
  if (!path.starts_with('/')) return false;
  for (const std::string_view part : base::split(path.substr(1), '/')) {
    std::string decoded;
    if (!percentDecode(part, decoded) || decoded == "." || decoded == "..") return false;
    if (decoded.find('/') != std::string::npos) return false;
    segments.push_back(std::move(decoded));
  }
  const bool root = segments.size() == 1 && segments.front().empty();
  return root || std::none_of(segments.begin(), segments.end(),
                              [](const std::string& s) { return s.empty(); });
}

bool sameShape(std::span<const std::string_view> a, std::span<const std::string_view> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](std::string_view x, std::string_view y) {
                      return x == y || (isParameter(x) && isParameter(y));
                    });
}

bool isContentType(const std::string* value, std::string_view wanted) {
  if (value == nullptr) return false;
  return base::equalsIgnoringCase(base::trim(std::string_view(*value).substr(0, value->find(';'))),
                                  wanted);
}

}  // namespace

RouteTable::RouteTable(std::vector<Route> routes, Authorizer authorize, ErrorRenderer render)
    : routes_(std::move(routes)), authorize_(std::move(authorize)), render_(std::move(render)) {
  for (const Route& route : routes_) {
    BELAY_CHECK(!route.auth.empty() && isToken(route.method) && route.pattern.starts_with('/') &&
                route.handler);
    Pattern pattern{base::split(route.pattern.substr(1), '/')};
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
      BELAY_CHECK(routes_[i].method != route.method ||
                  !sameShape(patterns_[i].segments, pattern.segments));
    }
    patterns_.push_back(std::move(pattern));
  }
}

bool RouteTable::matches(const Pattern& pattern, const std::vector<std::string>& segments) const {
  return std::equal(pattern.segments.begin(), pattern.segments.end(), segments.begin(),
                    segments.end(), [](std::string_view wanted, const std::string& given) {
                      return isParameter(wanted) ? !given.empty() : wanted == given;
                    });
}

Handler::Admission RouteTable::refuse(int status, const Error& error, Headers extra) {
  ServerResponse response = render_(status, error);
  for (const HeaderField& field : extra.fields()) response.headers.add(field.name, field.value);
  return {0, std::move(response)};
}

/// The row with a literal where another has a {name} wins; the number of rows when there is none.
std::size_t RouteTable::findRoute(const std::string& method,
                                  const std::vector<std::string>& segments,
                                  std::string& allowed) const {
  std::size_t best = routes_.size();
  const auto parameters = [&](std::size_t row) {
    const auto& parts = patterns_[row].segments;
    return std::count_if(parts.begin(), parts.end(), isParameter);
  };
  const std::string_view wanted = method == "HEAD" ? "GET" : std::string_view(method);
  for (std::size_t row = 0; row < routes_.size(); ++row) {
    if (!matches(patterns_[row], segments)) continue;
    allowed.append(allowed.empty() ? "" : ", ").append(routes_[row].method);
    if (routes_[row].method == "GET") allowed.append(", HEAD");
    if (routes_[row].method != wanted) continue;
    if (best == routes_.size() || parameters(row) < parameters(best)) best = row;
  }
  return best;
}

Handler::Admission RouteTable::admit(ServerRequest& request) {
  std::vector<std::string> segments;
  if (!splitPath(request.path, segments)) {
    return refuseUnknown(request, 404,
                         Error{ErrorCode::kHttpRoute, "the path is not written in its one form"});
  }
  std::string allowed;
  const std::size_t row = findRoute(request.method, segments, allowed);
  if (row == routes_.size() && allowed.empty()) {
    return refuseUnknown(
        request, 404,
        Error{ErrorCode::kHttpRoute, "there is nothing at " + base::visible(request.path)});
  }
  if (row == routes_.size()) {
    return refuseUnknown(
        request, 405,
        Error{ErrorCode::kHttpMethod, base::visible(request.path) + " allows " + allowed},
        Headers{{"Allow", allowed}});
  }
  const Route& route = routes_[row];
  request.route = row;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string_view part = patterns_[row].segments[i];
    if (isParameter(part))
      request.params.emplace_back(part.substr(1, part.size() - 2), std::move(segments[i]));
  }
  if (const auto refused = authorize_(route.auth, request)) {
    return refuse(base::errorRow(refused->code).httpStatus, *refused);
  }
  return admitBody(route, request);
}

Handler::Admission RouteTable::refuseUnknown(const ServerRequest& request, int status,
                                             const Error& error, Headers extra) {
  if (const auto refused = authorize_(kNoRoute, request)) {
    return refuse(base::errorRow(refused->code).httpStatus, *refused);
  }
  return refuse(status, error, std::move(extra));
}

Handler::Admission RouteTable::admitBody(const Route& route, const ServerRequest& request) {
  const std::string* length = request.headers.find("Content-Length");
  const bool chunked = request.headers.has("Transfer-Encoding");
  const std::uint64_t bytes = length != nullptr ? base::parseUnsigned(*length).value_or(0) : 0;
  if (route.bodyBytesMax == 0 && (bytes > 0 || chunked))
    return refuse(413, Error{ErrorCode::kInvalidArgument, "this request takes no body"});
  if (bytes > route.bodyBytesMax) {
    return refuse(
        413, Error{ErrorCode::kHttpBodyTooLarge,
                   "the body may have at most " + std::to_string(route.bodyBytesMax) + " bytes"});
  }
  const bool typed = (chunked || bytes > 0) && !route.contentType.empty();
  if (typed && !isContentType(request.headers.find("Content-Type"), route.contentType)) {
    return refuse(415, Error{ErrorCode::kHttpMediaType,
                             "the body must be " + std::string(route.contentType)});
  }
  return {route.bodyBytesMax, std::nullopt};
}

void RouteTable::handle(ServerRequest&& request, Responder responder) {
  const Route& route = routes_[request.route];
  route.handler(std::move(request), std::move(responder));
}

ServerResponse RouteTable::renderError(int status, const Error& error) {
  return render_(status, error);
}

}  // namespace belay::http
