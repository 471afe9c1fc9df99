#include <sys/stat.h>

#include <utility>

#include "common/base/Files.h"
#include "common/http/Url.h"
#include "relay/console/Command.h"
#include "relay/mailbox/SqliteMailbox.h"
#include "relay/service/Relay.h"

namespace belay::console {

using base::Result;
using json::Value;
using wire::Envelope;

namespace {

constexpr unsigned kSettingsMode = 0644;
constexpr Flag kFlags[] = {
    {"url", "URL", "base URL by which hosts and the world reach this relay"},
    {"state", "FOLDER", "where the store goes (/var/lib/belay-relay)"},
    {"certificate", "FILE", "certificate chain, PEM"},
    {"key", "FILE", "private key, PEM"},
};

/// A first settings file: what was given, above all that can be set.
Result<std::string> firstSettings(const Words& words) {
  const service::Settings defaults;
  const auto orElse = [&words](std::string_view flag, const std::string& fallback) {
    const std::string given = words.text(flag);
    return given.empty() ? fallback : given;
  };
  BELAY_ASSIGN(const http::Url url, http::parseUrl(words.text("url")));
  const std::string text =
      "relay:\n  url: https://" + url.authority() +
      "\n  state: " + orElse("state", defaults.stateFolder) +
      "\ntls:\n  certificate: " + orElse("certificate", "/etc/belay-relay/certificate.pem") +
      "\n  key: " + orElse("key", "/etc/belay-relay/key.pem") + "\n";
  BELAY_TRY(service::parseSettings(text, "the settings to be written"));
  return text;
}

Result<Envelope> init(Invocation& invocation) {
  ::umask(077);
  json::Array made;
  if (!base::fileExists(invocation.configFile)) {
    if (!invocation.words.has("url")) {
      return base::Error{base::ErrorCode::kUsage,
                         "there is no " + invocation.configFile + ", and --url is not given",
                         {"belay-relay init --url https://relay.example.org"}};
    }
    BELAY_ASSIGN(const std::string text, firstSettings(invocation.words));
    BELAY_TRY(base::makeFolders(invocation.configFile.substr(0, invocation.configFile.rfind('/'))));
    BELAY_TRY(base::writeFileDurably(invocation.configFile, text, kSettingsMode));
    made.emplace_back(invocation.configFile);
  }
  BELAY_ASSIGN(const service::Settings settings, readSettings(invocation));
  const std::string store = service::storePath(settings);
  if (!base::fileExists(store)) {
    BELAY_TRY(base::makeFolders(settings.stateFolder));
    mailbox::SqliteOptions options;
    options.path = store;
    BELAY_TRY(mailbox::SqliteMailbox::open(options));
    made.emplace_back(store);
  }
  Value data;
  data.set("made", std::move(made)).set("url", settings.url);
  return Envelope{std::nullopt, std::move(data), {}};
}

std::string print(const Value& data) {
  std::string out;
  for (const Value& path : data.find("made")->asArray()) out += "made  " + path.asString() + "\n";
  return out.empty() ? "everything is there already\n" : out;
}

}  // namespace

const Command kInitCommand{"init",
                           "",
                           "make settings and store where they are missing",
                           "Changes nothing that is there, so it can be repeated. As root, give "
                           "the store to the user that "
                           "serves.",
                           kFlags,
                           &init,
                           &print};

}  // namespace belay::console
