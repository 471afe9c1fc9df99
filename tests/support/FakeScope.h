#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/script/Scope.h"

namespace belay::test {

/// A scope whose values a test puts in as JSON text; it counts what is asked of it.
class FakeScope final : public script::Scope {
 public:
  FakeScope& set(script::Name name, std::string json) {
    values_[static_cast<std::size_t>(name)] = std::move(json);
    return *this;
  }
  FakeScope& setStep(const std::string& id, std::string json) {
    steps_[id] = std::move(json);
    return *this;
  }

  const std::string* json(script::Name name) const override {
    ++reads;
    const auto& value = values_[static_cast<std::size_t>(name)];
    return value ? &*value : nullptr;
  }
  FakeScope& setNamed(const std::string& name, std::string json) {
    named_[name] = std::move(json);
    return *this;
  }
  const std::string* named(std::string_view name) const override {
    const auto found = named_.find(std::string(name));
    return found == named_.end() ? nullptr : &found->second;
  }
  std::optional<std::string> step(std::string_view id) const override {
    ++stepReads;
    const auto found = steps_.find(std::string(id));
    if (found == steps_.end()) return std::nullopt;
    return found->second;
  }
  std::vector<std::string> stepIds() const override {
    std::vector<std::string> ids;
    for (const auto& [id, json] : steps_) ids.push_back(id);
    return ids;
  }
  std::int64_t nowMs() const override { return now; }
  std::uint64_t seed() const override { return seedValue; }

  std::int64_t now = 1'700'000'000'000;  // 2023-11-14T22:13:20Z
  std::uint64_t seedValue = 1;
  mutable int reads = 0;
  mutable int stepReads = 0;

 private:
  std::array<std::optional<std::string>, script::kNameCount> values_;
  std::map<std::string, std::string> steps_;
  std::map<std::string, std::string> named_;
};

}  // namespace belay::test
