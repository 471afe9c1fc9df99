#include "agent/steps/HttpBody.h"

#include <utility>

#include "agent/resources/ResourceStream.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using resources::ResourceStore;

namespace {

/// Gives the parts of a body one after the other.
template <typename Parts>
class Pieces {
 public:
  Pieces(std::shared_ptr<const Parts> parts, ResourceStore& store)
      : parts_(std::move(parts)), store_(&store) {}

  Result<std::string_view> next() {
    while (at_ < parts_->size()) {
      const auto& part = (*parts_)[at_];
      if (const auto* text = std::get_if<std::string>(&part)) {
        ++at_;
        if (!text->empty()) return std::string_view(*text);
        continue;
      }
      if (!reader_) {
        BELAY_ASSIGN(reader_, store_->reader(std::get<1>(part).digest));
      }
      BELAY_ASSIGN(const std::string_view piece, reader_->next());
      if (!piece.empty()) return piece;
      reader_.reset();
      ++at_;
    }
    return std::string_view();
  }

 private:
  const std::shared_ptr<const Parts> parts_;  // Shared by all times that the body is sent.
  ResourceStore* const store_;
  std::size_t at_ = 0;
  std::unique_ptr<ResourceStore::Reader> reader_;
};

/// As browsers write names into Content-Disposition.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"')
      out += "%22";
    else if (c == '\r')
      out += "%0D";
    else if (c == '\n')
      out += "%0A";
    else
      out += c;
  }
  return out + "\"";
}

}  // namespace

Status HttpBody::addText(std::string text) {
  if (!text.empty()) parts_.emplace_back(std::move(text));
  return {};
}

Status HttpBody::addResource(std::string_view ref) {
  Content content;
  BELAY_ASSIGN(content.digest, resources::parseResourceRef(ref));
  BELAY_ASSIGN(content.size, store_->size(content.digest));
  parts_.emplace_back(content);
  return {};
}

Status HttpBody::addField(const json::Value& part, const Fields& fields,
                          const std::string& boundary) {
  if (!part.isObject()) return fields.wrong("multipart", "must hold parts");
  const Fields inner(part, "multipart");
  BELAY_ASSIGN(const std::string name, inner.text("name"));
  BELAY_ASSIGN(const std::string file, inner.text("filename"));
  BELAY_ASSIGN(const std::string type, inner.text("content_type"));
  BELAY_ASSIGN(const std::string from, inner.text("from"));
  if (!http::isFieldValue(type)) return fields.wrong("multipart", "has a content_type that is none");
  std::string head = "--" + boundary + "\r\nContent-Disposition: form-data; name=" + quoted(name);
  if (!file.empty()) head += "; filename=" + quoted(file);
  if (!type.empty()) head += "\r\nContent-Type: " + type;
  BELAY_TRY(addText(head + "\r\n\r\n"));
  if (!from.empty()) {
    BELAY_TRY(addResource(from));
  } else {
    BELAY_ASSIGN(std::string value, inner.text("value"));
    if (value.find(boundary) != std::string::npos)
      return fields.wrong("multipart", "has a part that holds the boundary of this very request");
    BELAY_TRY(addText(std::move(value)));
  }
  return addText("\r\n");
}

Status HttpBody::addForm(const json::Value& parts, const Fields& fields,
                         const std::string& boundary) {
  if (!parts.isArray()) return fields.wrong("multipart", "must be a list of parts");
  for (const json::Value& part : parts.asArray()) BELAY_TRY(addField(part, fields, boundary));
  contentType_ = "multipart/form-data; boundary=" + boundary;
  return addText("--" + boundary + "--\r\n");
}

Result<HttpBody> HttpBody::read(const json::Value& values, const Fields& fields,
                                ResourceStore& store, const std::string& boundary) {
  HttpBody out;
  out.store_ = &store;
  if (const json::Value* body = values.find("json")) {  // null is a body, too.
    out.contentType_ = "application/json";
    BELAY_TRY(out.addText(json::print(*body)));
  } else if (fields.has("multipart")) {
    BELAY_TRY(out.addForm(*values.find("multipart"), fields, "belay-" + boundary));
  } else if (fields.has("body_from")) {
    BELAY_ASSIGN(const std::string ref, fields.text("body_from"));
    out.contentType_ = "application/octet-stream";
    BELAY_TRY(out.addResource(ref));
  } else {
    BELAY_ASSIGN(std::string text, fields.text("body"));
    if (!text.empty()) out.contentType_ = "text/plain; charset=utf-8";
    BELAY_TRY(out.addText(std::move(text)));
  }
  return out;
}

std::string HttpBody::digest() const {
  if (parts_.size() == 1) {
    const auto* content = std::get_if<Content>(&parts_.front());
    return content ? content->digest.hex()
                   : crypto::sha256(std::get<std::string>(parts_.front())).hex();
  }
  crypto::Sha256 hash;
  for (const Part& part : parts_) {
    if (const auto* content = std::get_if<Content>(&part))
      hash.update(content->digest.hex());
    else
      hash.update(std::get<std::string>(part));
  }
  return hash.finish().hex();
}

void HttpBody::put(http::ClientRequest& request) const {
  if (parts_.empty()) return;
  if (parts_.size() == 1 && std::holds_alternative<std::string>(parts_.front())) {
    request.body = std::get<std::string>(parts_.front());
    return;
  }
  using Parts = std::vector<Part>;
  auto streamed = std::make_shared<http::StreamedBody>();
  for (const Part& part : parts_) {
    const auto* content = std::get_if<Content>(&part);
    streamed->size += content ? content->size : std::get<std::string>(part).size();
  }
  auto parts = std::make_shared<const Parts>(parts_);
  streamed->open = [parts, store = store_]() -> Result<http::StreamedBody::Next> {
    auto pieces = std::make_shared<Pieces<Parts>>(parts, *store);  // Owned by the function alone.
    return http::StreamedBody::Next([pieces] { return pieces->next(); });
  };
  request.streamed = std::move(streamed);
}

}  // namespace belay::steps
