#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/resources/ResourceStore.h"
#include "agent/runtime/Performer.h"
#include "agent/vault/Vault.h"
#include "common/base/Clock.h"

namespace belay::steps {

/// Turns what steps produced into outputs: secrets masked, large texts kept as resources.
///
/// Threads:   any.
/// Ownership: store, vault and clock must outlive it.
class Outputs final : public runtime::LargeOutputs {
 public:
  Outputs(resources::ResourceStore& store, const vault::Vault& vault, const base::Clock& clock,
          std::size_t inlineMax)
      : store_(store), vault_(vault), clock_(clock), inlineMax_(inlineMax) {}

  base::Result<journal::ResourceRow> store(std::string_view content, std::string_view mediaType,
                                           std::string_view name) override;
  base::Result<std::string> load(std::string_view ref) override;
  base::Result<std::string> head(std::string_view ref, std::size_t bytesMax) override;

  /// `{text, truncated, ref}` of a text; the row of its resource joins `rows` when one was made.
  base::Result<json::Value> keepText(std::string_view text, flow::Persist persist,
                                     std::string_view name,
                                     std::vector<journal::ResourceRow>& rows);
  /// Whether a file of `size` bytes is kept as a resource, so that keepFile() reads it: one of
  /// which not all may be inline, or not all is in the head that a job hands out.
  bool needsFile(std::uint64_t size, flow::Persist persist) const;
  /// The same for a file that may be larger than memory: `head` is its beginning, `file` all of it;
  /// -1 does where it is not needed.
  /// Where `head` was cut within what may be a secret, the text ends before it. `dropped` bytes of
  /// the text are in no file any more.
  base::Result<json::Value> keepFile(std::string_view head, std::uint64_t size, int file,
                                     flow::Persist persist, std::string_view name,
                                     std::vector<journal::ResourceRow>& rows,
                                     std::uint64_t dropped = 0);
  /// NUL and bytes that are no UTF-8 as U+FFFD: the output of a command may be anything, JSON may
  /// not. A text that this changed is kept as a resource, too, with all bytes as they were.
  static std::string toUtf8(std::string_view text);
  /// `{ref, digest, size, media_type, name}` of a resource that was just stored.
  static json::Value describe(const journal::ResourceRow& row);

  /// Puts ***NAME*** where a secret of this host stands.
  base::Result<std::string> redact(std::string_view text) const;
  /// An output as text. Masked as it is written: a text that a server had escaped may hold a secret
  /// once it was parsed.
  base::Result<std::string> print(const json::Value& output) const;
  /// For a text that comes in pieces. Sharers: see Vault::redactor().
  base::Result<std::shared_ptr<const redaction::Redactor>> redactor() const {
    return vault_.redactor();
  }
  journal::ResourceRow rowOf(const resources::Resource& resource, std::string_view mediaType,
                             std::string_view name) const;
  resources::ResourceStore& resources() { return store_; }

 private:
  base::Result<resources::Resource> putRedacted(int file);

  resources::ResourceStore& store_;
  const vault::Vault& vault_;
  const base::Clock& clock_;
  const std::size_t inlineMax_;
};

}  // namespace belay::steps
