#include "agent/trust/RenderedEffect.h"

#include "common/crypto/Sha256.h"
#include "common/json/Writer.h"

namespace belay::trust {

namespace {

/// 64-bit numbers are text in everything that is signed: not every reader has that many bits.
void writeSecret(json::Writer& writer, const std::string& name, std::uint64_t version) {
  writer.member("secret", name).member("version", std::to_string(version));
}

void writeValues(json::Writer& writer, std::string_view key,
                 const std::vector<EffectValue>& values) {
  writer.name(key).beginArray();
  for (const EffectValue& value : values) {
    writer.beginObject().member("name", value.name);
    if (value.secret.empty()) {
      writer.member("text", value.text);
    } else {
      writeSecret(writer, value.secret, value.secretVersion);
    }
    writer.endObject();
  }
  writer.endArray();
}

void writeTexts(json::Writer& writer, std::string_view key,
                const std::vector<std::string>& texts) {
  writer.name(key).beginArray();
  for (const std::string& text : texts) writer.string(text);
  writer.endArray();
}

void writeConnection(json::Writer& writer, const std::string& name, const std::string& version,
                     const std::vector<SecretVersion>& secrets) {
  writer.member("connection", name).member("connection_version", version);
  writer.name("connection_secrets").beginArray();
  for (const SecretVersion& secret : secrets) {
    writer.beginObject();
    writeSecret(writer, secret.name, secret.version);
    writer.endObject();
  }
  writer.endArray();
}

void write(json::Writer& writer, const RunEffect& run) {
  writer.name("run").beginObject().member("executable", run.executable);
  writeTexts(writer, "argv", run.argv);
  writer.member("cwd", run.cwd);
  writeValues(writer, "env", run.env);
  writer.member("stdin_sha256", run.stdinDigest);
  // Of steps that have them only: what was signed before they were there stays the same bytes.
  if (!run.payloadDigest.empty()) writer.member("payload_sha256", run.payloadDigest);
  if (!run.collect.empty()) {
    writer.name("collect").beginArray();
    for (const std::string& path : run.collect) writer.string(path);
    writer.endArray();
  }
  writer.member("user", run.user)
      .member("profile", run.profile)
      .endObject();
}

void write(json::Writer& writer, const AgentEffect& agent) {
  writer.name("agent").beginObject().member("agent", agent.agent);
  writer.member("adapter", agent.adapter).member("executable", agent.executable);
  writeTexts(writer, "args", agent.args);
  writer.member("model", agent.model).member("workspace", agent.workspace);
  writer.member("ref", agent.ref);
  writeValues(writer, "env", agent.env);
  writer.member("prompt_sha256", agent.promptDigest);
  writer.member("permissions_sha256", agent.permissionsDigest).name("files").beginArray();
  for (const auto& [path, digest] : agent.files)
    writer.beginObject().member("path", path).member("sha256", digest).endObject();
  writer.endArray().member("accepted_sha256", agent.accepted);
  writer.member("profile", agent.profile).endObject();
}

void write(json::Writer& writer, const HttpEffect& http) {
  writer.name("http").beginObject().member("method", http.method);
  if (http.urlSecret.empty()) {
    writer.member("url", http.url.str());
  } else {
    writer.name("url").beginObject().member("origin",
                                            http.url.scheme + "://" + http.url.authority());
    writeSecret(writer, http.urlSecret, http.urlSecretVersion);
    writer.endObject();
  }
  writeConnection(writer, http.connection, http.connectionVersion, http.connectionSecrets);
  writeValues(writer, "headers", http.headers);
  writer.member("body_sha256", http.bodyDigest).endObject();
}

void write(json::Writer& writer, const DbEffect& db) {
  writer.name("db").beginObject().member("connection", db.connection);
  writer.member("connection_version", db.connectionVersion).member("driver", db.driver);
  writer.member("file", db.file).member("sql", db.sql).member("params_sha256", db.paramsDigest);
  writer.member("write", db.write).endObject();
}

void write(json::Writer& writer, const ReachEffect& reach) {
  writer.name(reach.section).beginObject();
  writeConnection(writer, reach.connection, reach.connectionVersion, reach.connectionSecrets);
  for (const auto& [key, values] : reach.facts) writeTexts(writer, key, values);
  writeTexts(writer, "argv", reach.argv);
  writeValues(writer, "env", reach.env);
  writer.member("input_sha256", reach.inputDigest).endObject();
}

}  // namespace

std::string effectJson(const RenderedEffect& effect) {
  std::string out;
  json::Writer writer(out);
  writer.beginObject()
      .member("v", std::int64_t{1})
      .member("family", effect.family)
      .member("flow", effect.flow)
      .member("step", effect.step);
  if (const auto* run = std::get_if<RunEffect>(&effect.what)) write(writer, *run);
  if (const auto* http = std::get_if<HttpEffect>(&effect.what)) write(writer, *http);
  if (const auto* agent = std::get_if<AgentEffect>(&effect.what)) write(writer, *agent);
  if (const auto* db = std::get_if<DbEffect>(&effect.what)) write(writer, *db);
  if (const auto* reach = std::get_if<ReachEffect>(&effect.what)) write(writer, *reach);
  writer.endObject();
  return out;
}

crypto::Digest effectDigest(std::string_view effectJson) { return crypto::sha256(effectJson); }

}  // namespace belay::trust
