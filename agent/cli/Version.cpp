#include "version/Version.h"

#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

using json::Value;

namespace {

base::Result<api::Envelope> describe(Invocation&) {
  api::Envelope out;
  json::Array libraries;
  for (const version::Dependency& dependency : version::dependencies()) {
    Value library;
    library.set("name", dependency.name)
        .set("version", dependency.version)
        .set("package", dependency.package);
    libraries.push_back(std::move(library));
  }
  out.data.set("version", version::string()).set("libraries", std::move(libraries));
  return out;
}

std::string print(const Invocation&, const Value& data) {
  std::string out = "belay " + data.text("version") + "\n";
  for (const Value& library : data.find("libraries")->asArray()) {
    out += "  " + library.text("name") + " " + library.text("version") + "\n";
  }
  return out;
}

}  // namespace

const Command kVersionCommand{
    "version", "",    "show the version of this binary and of what is linked into it", "", {},
    &describe, &print};

}  // namespace belay::cli
