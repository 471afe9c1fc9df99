#include "common/yaml/JsonPlaces.h"

namespace belay::yaml {

namespace {

/// Walks the text along the value that it gave.
class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  Place value(const json::Value& value) {
    skipSpace();
    Place place;
    place.key = place.value = here_;
    if (value.isArray()) {
      for (const json::Value& item : value.asArray()) {
        step();  // [ or ,
        place.children.push_back(this->value(item));
        skipSpace();
      }
      if (value.asArray().empty()) skipPast();
      skipPast();
    } else if (value.isObject()) {
      for (const json::Member& member : value.asObject()) {
        step();  // { or ,
        skipSpace();
        const Mark name = here_;
        skipString();
        skipPast();  // :
        place.children.push_back(this->value(member.second));
        place.children.back().key = name;
        skipSpace();
      }
      if (value.asObject().empty()) skipPast();
      skipPast();
    } else if (value.isString()) {
      skipString();
    } else {
      while (at_ < text_.size() &&
             std::string_view(",]} \t\r\n").find(text_[at_]) == std::string_view::npos)
        step();
    }
    return place;
  }

 private:
  void step() {
    if (at_ >= text_.size()) return;
    const auto c = static_cast<unsigned char>(text_[at_++]);
    if (c == '\n')
      here_ = {here_.line + 1, 1};
    else if (at_ >= text_.size() || (static_cast<unsigned char>(text_[at_]) & 0xC0) != 0x80)
      ++here_.column;
  }
  void skipSpace() {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      step();
  }
  /// Space, and one character of punctuation.
  void skipPast() {
    skipSpace();
    step();
  }
  void skipString() {
    step();
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\\') step();
      step();
    }
    step();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Mark here_{1, 1};
};

}  // namespace

Place jsonPlaces(std::string_view text, const json::Value& root) { return Scan(text).value(root); }

}  // namespace belay::yaml
