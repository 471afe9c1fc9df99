#include "plugins/postgres/Query.h"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/FreeWith.h"
#include "common/base/Text.h"
#include "common/base/UniqueFd.h"
#include "common/json/Json.h"
#include "plugins/postgres/Rows.h"

namespace belay::postgres {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

using Connection = std::unique_ptr<PGconn, base::FreeWith<&PQfinish>>;
using Answer = std::unique_ptr<PGresult, base::FreeWith<&PQclear>>;
using Cancel = std::unique_ptr<PGcancel, base::FreeWith<&PQfreeCancel>>;

constexpr const char* kSystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";
constexpr int kCancelMs = 2'000;
constexpr std::size_t kParametersMax = 10'000;

struct StateRow {
  std::string_view state;  ///< The beginning of an SQLSTATE.
  ErrorCode code;
  std::string_view kind;  ///< As in retry.on; empty: trying again does not help.
};
constexpr std::array<StateRow, 10> kStates{{{"08", ErrorCode::kConnect, "connection"},
                                            {"28", ErrorCode::kAuthentication, ""},
                                            {"25006", ErrorCode::kDbReadOnly, ""},
                                            {"40001", ErrorCode::kDbBusy, "unavailable"},
                                            {"40P01", ErrorCode::kDbBusy, "unavailable"},
                                            {"55P03", ErrorCode::kDbBusy, "unavailable"},
                                            {"53", ErrorCode::kDbBusy, "unavailable"},
                                            {"57014", ErrorCode::kStepTimeout, "timeout"},
                                            {"57P", ErrorCode::kConnect, "connection"},
                                            {"", ErrorCode::kDbQuery, ""}}};

const StateRow& rowOf(std::string_view state) {
  return *std::find_if(kStates.begin(), kStates.end(),
                       [&](const StateRow& row) { return state.starts_with(row.state); });
}

std::string lineOf(const char* text) {
  return base::visible(base::trim(std::string_view(text ? text : "").substr(0, 1500)), true);
}

/// One parameter as text; nothing: NULL.
Result<std::optional<std::string>> parameterOf(const Value& value, std::size_t index) {
  if (value.isNull()) return std::optional<std::string>();
  std::string text = value.isString() ? value.asString() : json::print(value);
  if (text.find('\0') == std::string::npos) return std::optional(std::move(text));
  return Error{ErrorCode::kInvalidArgument,
               "params[" + std::to_string(index) + "] has a NUL, which no text of PostgreSQL can hold"};
}

struct Input {
  std::string sql;
  std::vector<std::optional<std::string>> parameters;
  std::size_t rowsMax = 1000;
  bool readOnly = false;
  bool transaction = true;
};

Error wrong(const std::string& why) { return Error{ErrorCode::kInvalidArgument, why}; }

Result<Input> readInput(const Value& given) {
  Input out;
  out.sql = given.text("sql");
  if (out.sql.empty() || out.sql.find('\0') != std::string::npos)
    return wrong("sql must be a text that is not empty");
  if (const Value* list = given.find("params"); list && !list->isNull()) {
    if (!list->isArray() || list->asArray().size() > kParametersMax)
      return wrong("params must be a list of at most 10,000 values");
    for (const Value& item : list->asArray()) {
      BELAY_ASSIGN(std::optional<std::string> text, parameterOf(item, out.parameters.size()));
      out.parameters.push_back(std::move(text));
    }
  }
  const std::int64_t rows = given.integer("max_rows", 1000);
  if (rows < 1 || rows > 100'000) return wrong("max_rows must be from 1 to 100,000");
  out.rowsMax = static_cast<std::size_t>(rows);
  out.readOnly = given.flag("read_only");
  const Value* const within = given.find("transaction");
  if (within && !within->isBool()) return wrong("transaction must be true or false");
  out.transaction = !within || within->asBool();
  if (out.readOnly && !out.transaction)
    return wrong("read_only needs the transaction that transaction: false leaves out");
  return out;
}

/// One query, from the connection to its last row.
class Query {
 public:
  explicit Query(const Value& request) : request_(request) {}

  Value run() {
    const Status done = all();
    if (!done.ok()) return failure(done.error(), effect_, kind_);
    Value result;
    result.set("ok", true).set("output", rows_.output());
    return result;
  }

 private:
  Status all() {
    const Value* given = request_.find("input");
    BELAY_ASSIGN(input_, readInput(given ? *given : Value()));
    BELAY_TRY(connect());
    listen();
    // In a message of its own, so that the statement is within it from its beginning, and can
    // neither commit a part nor change what it may.
    if (input_.transaction) BELAY_TRY(command(input_.readOnly ? "BEGIN READ ONLY" : "BEGIN"));
    BELAY_TRY(send());
    BELAY_TRY(receive());
    return input_.transaction ? end() : Status();
  }

  Status end() {
    if (input_.readOnly) {
      // For a pooler on the way; to the server the end of the connection says the same.
      static_cast<void>(command("ROLLBACK"));
      return {};
    }
    if (cancelled_) {
      effect_ = "none";
      kind_ = "timeout";
      return Error{ErrorCode::kStepTimeout, "the step was to end before the statement was committed"};
    }
    return command("COMMIT");
  }

  Status command(const char* text) {
    if (PQsendQuery(connection_.get(), text) != 1) return lost();
    Status status;
    for (;;) {
      BELAY_TRY(waitForAnswer());
      const Answer answer(PQgetResult(connection_.get()));
      if (!answer) return status;
      if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK) {
        status = takeError(answer.get());
      } else if (!std::string_view(text).starts_with(PQcmdStatus(answer.get()))) {
        // COMMIT of what has failed answers ROLLBACK, and is no error to the server.
        effect_ = "none";
        status = Error{ErrorCode::kDbQuery, "the server took the statement back"};
      }
    }
  }

  Error lost() {
    kind_ = "connection";
    return Error{ErrorCode::kConnect, lineOf(PQerrorMessage(connection_.get()))};
  }

  Status connect() {
    const Value* const definition = request_.find("connection");
    const Value none;
    const Value& from = definition ? *definition : none;
    for (const char* key : {"host", "database", "user"}) {
      if (from.text(key).empty())
        return wrong("the connection has no " + std::string(key));
    }
    const std::string host = from.text("host");
    const std::string port = std::to_string(from.integer("port", 5432));
    const std::string timeout = std::to_string(from.integer("connect_timeout", 10));
    const std::string options =
        std::string(input_.readOnly ? "-c default_transaction_read_only=on " : "") +
        "-c statement_timeout=" + std::to_string(std::max<std::int64_t>(0, request_.integer("timeout_ms")));
    const std::array<std::pair<const char*, std::string>, 16> wanted{
        {{"host", host},
         {"port", port},
         {"dbname", from.text("database")},
         {"user", from.text("user")},
         {"password", from.text("password")},
         {"sslmode", host.starts_with('/') ? "disable" : from.text("sslmode", "verify-full")},
         {"sslrootcert", from.text("ca_file", kSystemAuthorities)},
         // A certificate or password of this user's home is none of this connection's.
         {"sslcert", "/nonexistent"},
         {"passfile", "/dev/null"},
         {"gssencmode", "disable"},
         {"connect_timeout", timeout},
         {"options", options},
         {"application_name", "belay " + request_.text("flow") + " " + request_.text("step")},
         {"client_encoding", "UTF8"},
         {"keepalives_idle", "30"},
         {"tcp_user_timeout", "60000"}}};
    std::array<const char*, 17> keys{};
    std::array<const char*, 17> values{};
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      keys[i] = wanted[i].first;
      values[i] = wanted[i].second.c_str();
    }
    connection_.reset(PQconnectdbParams(keys.data(), values.data(), 0));
    if (PQstatus(connection_.get()) == CONNECTION_OK) return {};
    const std::string said = lineOf(PQerrorMessage(connection_.get()));
    // The protocol gives no SQLSTATE before there is a connection.
    const bool refused = said.find("authentication failed") != std::string::npos ||
                         said.find("no password supplied") != std::string::npos;
    kind_ = refused ? "" : "connection";
    return Error{refused ? ErrorCode::kAuthentication : ErrorCode::kConnect, said};
  }

  Status send() {
    std::vector<const char*> values;
    for (const auto& text : input_.parameters) values.push_back(text ? text->c_str() : nullptr);
    // From here on it is not known what the server does, unless it says so.
    effect_ = input_.readOnly ? "none" : "unknown";
    const bool sent =
        PQsendQueryParams(connection_.get(), input_.sql.c_str(), static_cast<int>(values.size()),
                          nullptr, values.data(), nullptr, nullptr, 0) == 1 &&
        PQsetSingleRowMode(connection_.get()) == 1;
    if (sent) return {};
    return lost();
  }

  void listen() {
    sigset_t wanted;
    ::sigemptyset(&wanted);
    ::sigaddset(&wanted, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
    signals_.reset(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  Status receive() {
    for (;;) {
      BELAY_TRY(waitForAnswer());
      const Answer answer(PQgetResult(connection_.get()));
      if (!answer) return {};
      BELAY_TRY(take(answer.get()));
    }
  }

  Status waitForAnswer() {
    while (PQisBusy(connection_.get()) != 0) {
      std::array<pollfd, 2> polled{
          {{PQsocket(connection_.get()), POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
      if (::poll(polled.data(), polled.size(), cancelled_ ? kCancelMs : -1) == 0)
        return Error{ErrorCode::kStepTimeout, "the server did not answer the cancel of the statement"};
      if (polled[1].revents != 0) {
        signalfd_siginfo info;
        static_cast<void>(!::read(signals_.get(), &info, sizeof info));
        cancel();
      }
      if (polled[0].revents != 0 && PQconsumeInput(connection_.get()) == 0) return lost();
    }
    return {};
  }

  void cancel() {
    cancelled_ = true;
    const Cancel handle(PQgetCancel(connection_.get()));
    std::array<char, 256> ignored{};
    if (handle) static_cast<void>(PQcancel(handle.get(), ignored.data(), ignored.size()));
  }

  Status take(const PGresult* answer) {
    switch (PQresultStatus(answer)) {
      case PGRES_SINGLE_TUPLE:
        if (rows_.add(answer, input_.rowsMax) || cutting_) return {};
        // The rest is not fetched; what the statement did stays done.
        cutting_ = input_.readOnly;
        if (cutting_) cancel();
        return {};
      case PGRES_TUPLES_OK:
      case PGRES_COMMAND_OK:
        rows_.finish(answer);
        return {};
      default:
        return takeError(answer);
    }
  }

  Status takeError(const PGresult* answer) {
    const char* const given = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
    const std::string state = given ? given : "";
    if (cutting_ && state == "57014") return {};  // By ourselves, once there were enough rows.
    const StateRow& row = state.empty() ? kStates.front() : rowOf(state);
    kind_ = row.kind;
    // An error ends the transaction, and is none any more once a commit is written: what comes then
    // is worse, as is what ends the connection. 40003: the server does not know either.
    const char* const severity = PQresultErrorField(answer, PG_DIAG_SEVERITY_NONLOCALIZED);
    const bool undone = severity && std::string_view(severity) == "ERROR" && state != "40003";
    if (undone && input_.transaction) effect_ = "none";
    const std::string said = lineOf(PQresultErrorMessage(answer));
    return Error{row.code, state.empty() ? said : "SQLSTATE " + state + ": " + said};
  }

  const Value& request_;
  Input input_;
  Connection connection_;
  base::UniqueFd signals_;
  Rows rows_;
  std::string effect_ = "none";
  std::string kind_;
  bool cutting_ = false;
  bool cancelled_ = false;
};

}  // namespace

Value failure(const Error& error, std::string_view effect, std::string_view kind) {
  Value inner;
  inner.set("code", base::errorText(error.code)).set("message", error.message);
  if (!kind.empty()) inner.set("class", kind);
  Value out;
  out.set("ok", false).set("error", std::move(inner)).set("effect", effect);
  return out;
}

Value runQuery(const Value& request) { return Query(request).run(); }

}  // namespace belay::postgres
