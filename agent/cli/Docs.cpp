#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "common/base/Text.h"
#include "embedded/Embedded.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::string_view kFolder = "docs/";
constexpr std::string_view kEnd = ".md";

/// "flows" of "docs/flows.md"; empty for what is no page of the manual. Error pages have `explain`.
std::string_view topicOf(std::string_view path) {
  if (!path.starts_with(kFolder) || !path.ends_with(kEnd)) return {};
  const std::string_view topic =
      path.substr(kFolder.size(), path.size() - kFolder.size() - kEnd.size());
  return topic.starts_with("errors/") ? std::string_view() : topic;
}

/// The text of the first heading.
std::string titleOf(std::string_view content) {
  for (const std::string_view line : base::split(content, '\n')) {
    if (line.starts_with("# ")) return std::string(line.substr(2));
  }
  return "";
}

Result<api::Envelope> docs(Invocation& invocation) {
  api::Envelope out;
  std::vector<std::string_view> topics;
  json::Array list;
  for (const embedded::File& file : embedded::files()) {
    const std::string_view topic = topicOf(file.path);
    if (topic.empty()) continue;
    topics.push_back(topic);
    Value entry;
    entry.set("topic", topic).set("title", titleOf(file.content));
    list.push_back(std::move(entry));
  }
  const auto wanted = invocation.positional(0);
  if (!wanted) {
    out.data.set("topics", std::move(list));
    return out;
  }
  const embedded::File* page = embedded::find(std::string(kFolder) + *wanted + std::string(kEnd));
  if (!page) {
    std::string message = "the manual has no page \"" + base::visible(*wanted) + "\"";
    if (const auto near = base::nearest(*wanted, topics))
      message += "; did you mean \"" + *near + "\"?";
    return Error{ErrorCode::kNotFound, std::move(message), {"belay docs"}};
  }
  out.data.set("topic", *wanted).set("page", page->content);
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  const Value* topics = data.find("topics");
  if (!topics) return data.text("page");
  Table table({"TOPIC", "TITLE"});
  for (const Value& topic : topics->asArray())
    table.row({topic.text("topic"), topic.text("title")});
  invocation.note("read one: belay docs TOPIC");
  return table.print(invocation.style());
}

}  // namespace

const Command kDocsCommand{"docs", "[TOPIC]", "read the manual, which is inside the binary", "", {},
                           &docs,  &print};

}  // namespace belay::cli
