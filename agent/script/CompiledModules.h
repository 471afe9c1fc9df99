#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/script/Compiler.h"
#include "agent/script/Evaluator.h"
#include "agent/script/Realm.h"
#include "agent/script/Template.h"

namespace belay::script {

/// Lets maps of strings be asked with a view.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
template <typename T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

/// What has been compiled of one release: each text once, when it is first asked for.
///
/// Threads:   owner.
/// Ownership: the realm must outlive it.
class CompiledModule final : public FunctionSource {
 public:
  CompiledModule(Realm& realm, const Module& module)
      : realm_(realm), digest_(module.digest), functions_(module.functions) {}

  const std::string& digest() const { return digest_; }
  /// What it holds: bytes of the interpreter's heap and of texts.
  std::size_t bytes() const { return bytes_; }

  // Borrowed; valid as long as the module.
  base::Result<JSValueConst> expression(std::string_view source);
  base::Result<const Template*> text(std::string_view source);
  /// A function with the parameter `input`, whose value is that of the code, or a function.
  base::Result<JSValueConst> code(std::string_view source);
  /// A function that makes the function; the error of its source; kFlowUnknownName.
  base::Result<JSValueConst> maker(std::string_view name);

  bool hasFunction(std::string_view name) const override {
    return functions_.find(std::string(name)) != functions_.end();
  }
  std::vector<std::string> functionNames() const override;
  JsValue makeFunction(std::string_view name) override;

 private:
  base::Result<JSValueConst> compileInto(TextMap<JsValue>& compiled, std::string_view key,
                                         std::string_view source, SourceForm form,
                                         const char* label);

  Realm& realm_;
  const std::string digest_;
  const std::map<std::string, std::string> functions_;
  TextMap<JsValue> expressions_;
  TextMap<JsValue> codes_;
  TextMap<JsValue> makers_;
  TextMap<Template> templates_;
  std::size_t bytes_ = 0;
};

/// The modules that one realm has compiled, the least recently used of which make room.
///
/// Threads:   owner.
/// Ownership: the realm must outlive it. A module stays until the next trim().
class CompiledModules {
 public:
  explicit CompiledModules(Realm& realm) : realm_(realm) {}

  /// Finds or makes the entry of a module, by its digest.
  CompiledModule& of(const Module& module);
  /// Drops what is over the bounds of the limits. Only between calls: what is dropped may be
  /// running.
  void trim();

 private:
  struct Entry {
    std::unique_ptr<CompiledModule> module;
    std::uint64_t usedAt = 0;
  };

  Realm& realm_;
  TextMap<Entry> entries_;
  CompiledModule* latest_ = nullptr;         // in entries_
  const CompiledModule* trimmed_ = nullptr;  // the latest at the last trim(), and its size then
  std::size_t trimmedBytes_ = 0;
  std::uint64_t uses_ = 0;
};

}  // namespace belay::script
