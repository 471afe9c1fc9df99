#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/Result.h"

namespace belay::base {

/// True for [a-z0-9][a-z0-9_-]{0,63}: the only shape of a name that becomes part of a path, a key
/// or a URL.
bool isIdentifier(std::string_view text);

/// A name of one kind. Distinct per Tag, so that a run's id cannot be passed where a slug is
/// wanted.
///
/// Errors: parse() gives kFlowBadSlug and says which rule is broken.
template <typename Tag>
class Identifier {
 public:
  /// The empty id: "none". Never the result of parse().
  Identifier() = default;

  static Result<Identifier> parse(std::string_view text) {
    if (!isIdentifier(text)) {
      return Error{ErrorCode::kFlowBadSlug, std::string(Tag::kWhat) + " \"" +
                                                std::string(text.substr(0, 80)) +
                                                "\" must match [a-z0-9][a-z0-9_-]{0,63}"};
    }
    return Identifier(std::string(text));
  }

  const std::string& str() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }
  auto operator<=>(const Identifier&) const = default;

 private:
  explicit Identifier(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

struct RunIdTag {
  static constexpr std::string_view kWhat = "run id";
};
struct StepIdTag {
  static constexpr std::string_view kWhat = "step id";
};
struct SlugTag {
  static constexpr std::string_view kWhat = "slug";
};
struct WaitIdTag {
  static constexpr std::string_view kWhat = "wait id";
};
struct JobIdTag {
  static constexpr std::string_view kWhat = "job id";
};

using RunId = Identifier<RunIdTag>;
using StepId = Identifier<StepIdTag>;
using Slug = Identifier<SlugTag>;
using WaitId = Identifier<WaitIdTag>;
using JobId = Identifier<JobIdTag>;

}  // namespace belay::base

template <typename Tag>
struct std::hash<belay::base::Identifier<Tag>> {
  std::size_t operator()(const belay::base::Identifier<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.str());
  }
};
