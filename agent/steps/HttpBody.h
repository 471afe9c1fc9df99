#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "agent/resources/ResourceStore.h"
#include "agent/steps/Fields.h"
#include "common/base/Result.h"
#include "common/http/Client.h"

namespace belay::steps {

/// The body of a request as a step says it: a text, a resource, or a form of both. Resources are
/// read as they are sent.
///
/// Threads:   owner; what put() leaves in a request may go to another thread.
/// Ownership: the store must outlive the request.
class HttpBody {
 public:
  HttpBody() = default;
  /// `json`, `body`, `body_from` or `multipart`; empty where there is none of them. `boundary` is
  /// what a form's parts begin with; the same text for the same attempt.
  /// Errors: kInvalidArgument, kResourceNotFound.
  static base::Result<HttpBody> read(const json::Value& values, const Fields& fields,
                                     resources::ResourceStore& store,
                                     const std::string& boundary);

  bool empty() const { return parts_.empty(); }
  const std::string& contentType() const { return contentType_; }
  /// Hex SHA-256: of a text or a resource that of its bytes, of a form that of its texts and the
  /// digests of its resources in their order.
  std::string digest() const;
  void put(http::ClientRequest& request) const;

 private:
  struct Content {
    crypto::Digest digest;
    std::uint64_t size = 0;
  };
  using Part = std::variant<std::string, Content>;

  base::Status addText(std::string text);
  base::Status addResource(std::string_view ref);
  base::Status addForm(const json::Value& parts, const Fields& fields, const std::string& boundary);
  base::Status addField(const json::Value& part, const Fields& fields, const std::string& boundary);

  resources::ResourceStore* store_ = nullptr;  ///< Set where a part is a resource.
  std::vector<Part> parts_;
  std::string contentType_;
};

}  // namespace belay::steps
