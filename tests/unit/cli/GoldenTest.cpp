// Each case is a command line, what the daemon answers, and two files: what people see and what
// programs see. BELAY_UPDATE_GOLDEN=1 writes the files anew; the difference is then to be read like
// code.

#include <cstdlib>

#include "common/base/Files.h"
#include "common/json/Json.h"
#include "tests/unit/cli/FakeWorld.h"

#include <CppUTest/TestHarness.h>

using belay::test::FakeWorld;

namespace {

struct Case {
  const char* name;
  std::vector<std::string> words;
  const char* request;
  const char* data;
  std::vector<std::string> more = {};  ///< Further pairs of request and data.
  int code = 0;                        ///< Of the command.
};

const char* const kRun =
    R"J({"run":{"id":"r01abc","flow":"gate","status":"waiting","source":"draft","digest":"sha256:0123456789abcdef0123",)J"
    R"J("started_by":"uid:0 (root)","created_at":"2027-01-15T07:55:00.000Z","updated_at":"2027-01-15T07:56:00.000Z",)J"
    R"J("duration_ms":300000,"reason":"step review waits for approval: Ship it?","input":{"who":"you"},"state":{}},)J"
    R"J("steps":[{"step":"work","visit":1,"family":"run","status":"succeeded","started_at":"2027-01-15T07:55:00.000Z",)J"
    R"J("duration_ms":4100,"attempts":[{"attempt":1},{"attempt":2}],"output":{"exit_code":0},"next":"review"},)J"
    R"J({"step":"review","visit":2,"family":"wait","status":"waiting","started_at":"2027-01-15T07:56:00.000Z",)J"
    R"J("duration_ms":240000,"wait":{"id":"w01","kind":"approval","status":"open"}}],)J"
    R"J("path":["work","review#2"],"controls":[{"at":"2027-01-15T07:57:00.000Z","what":"paused","by":"uid:0"}],)J"
    R"J("log":[{"at":"2027-01-15T07:55:02.000Z","text":"tried\n3 hosts"}],)J"
    R"J("actions":["belay wait show w01","belay approve w01","belay reject w01"]})J";

const char* const kWait =
    R"J({"wait":{"id":"w01","run":"r01abc","flow":"gate","step":"review","kind":"approval","status":"open",)J"
    R"J("summary":"Ship it?","opened_at":"2027-01-15T07:56:00.000Z","expires_at":"2027-01-16T07:56:00.000Z",)J"
    R"J("request_digest":"aa11","request":{"approvers":["ops-lead"],"artifacts":[{"name":"diff","ref":"res://sha256/ab",)J"
    R"J("size":2048,"media_type":"text/plain"}],"form":{"type":"object","properties":{"ticket":{"type":"integer",)J"
    R"J("description":"number of the change"}}}},"actions":["belay approve w01","belay reject w01"]}})J";

const char* const kRunRow =
    R"J({"run":{"id":"r01abc","flow":"gate","status":"running","created_at":"2027-01-15T08:00:00.000Z","duration_ms":1}})J";

const char* const kLearned =
    R"J({"name":"box","type":"ssh","source":"added","version":"0123456789abcdef","found":{"changed":false,"host_keys":[)J"
    R"J({"type":"ssh-ed25519","fingerprint":"SHA256:new","state":"new","key":"ssh-ed25519 AAAA"},)J"
    R"J({"type":"ssh-rsa","fingerprint":"SHA256:rsa","state":"pinned","key":"ssh-rsa BBBB"}],)J"
    R"J("pinned":[{"type":"ssh-rsa","fingerprint":"SHA256:rsa"}]}})J";

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"run-list",
       {"run", "list"},
       "GET /v1/runs?limit=20",
       R"J({"runs":[{"id":"r01abc","flow":"gate","status":"waiting","step":"review","created_at":"2027-01-15T07:55:00.000Z",)J"
       R"J("duration_ms":300000},{"id":"r01aaa","flow":"gate","status":"failed","step":"work",)J"
       R"J("error":{"code":"BLY-STEP-EXIT-CODE","message":"make ended with exit code 2"},)J"
       R"J("created_at":"2027-01-14T08:00:00.000Z","duration_ms":1234}],"next_before":"r01aaa"})J"},
      {"run-list-empty", {"run", "list"}, "GET /v1/runs?limit=20", R"J({"runs":[]})J"},
      {"run-show", {"run", "show", "r01"}, "GET /v1/runs/r01", kRun},
      {"run-show-step",
       {"run", "show", "r01", "--step", "work"},
       "GET /v1/runs/r01?step=work",
       R"J({"run":{"id":"r01abc"},"steps":[{"step":"work","visit":1,"family":"run","effect":"once","status":"failed",)J"
       R"J("started_at":"2027-01-15T07:55:00.000Z","duration_ms":4100,"idempotency_key":"k1",)J"
       R"J("error":{"code":"BLY-STEP-EXIT-CODE","message":"exit code 2"},"rendered":{"command":["make"]},)J"
       R"J("output":{"exit_code":2}}]})J"},
      {"run-pause", {"run", "pause", "r01"}, "POST /v1/runs/r01/pause", kRunRow},
      {"run-resume", {"run", "resume", "r01"}, "POST /v1/runs/r01/resume", kRunRow},
      {"run-stop", {"run", "stop", "r01"}, "POST /v1/runs/r01/stop", kRunRow},
      {"run-cancel", {"run", "cancel", "r01"}, "POST /v1/runs/r01/cancel", kRunRow},
      {"run-retry", {"run", "retry", "r01", "--from", "work"}, "POST /v1/runs/r01/retry", kRunRow},
      {"run-resolve",
       {"run", "resolve", "r01", "pay", "--as", "succeeded", "--note", "seen"},
       "POST /v1/runs/r01/resolve",
       kRunRow},
      {"wait-list",
       {"wait", "list"},
       "GET /v1/waits",
       R"J({"waits":[{"id":"w01","run":"r01abc","flow":"gate","step":"review","kind":"approval","status":"open",)J"
       R"J("summary":"Ship it?","opened_at":"2027-01-15T07:56:00.000Z","expires_at":"2027-01-16T07:56:00.000Z"},)J"
       R"J({"id":"w02","run":"r01abd","flow":"listen","step":"hear","kind":"event","status":"open","event":"build.finished",)J"
       R"J("opened_at":"2027-01-15T07:56:00.000Z"}],"more":false})J"},
      {"wait-show", {"wait", "show", "w01"}, "GET /v1/waits/w01", kWait},
      {"approve",
       {"approve", "w01", "-m", "go", "--form", "ticket:=7"},
       "POST /v1/waits/w01/approve",
       R"J({"wait":"w01","approved":true,"run":{"id":"r01abc","flow":"gate","status":"running"}})J",
       {"GET /v1/waits/w01", kWait}},
      {"reject",
       {"reject", "w01"},
       "POST /v1/waits/w01/reject",
       R"J({"wait":"w01","approved":false,"run":{"id":"r01abc","flow":"gate","status":"running"}})J",
       {"GET /v1/waits/w01", kWait}},
      {"callback",
       {"callback", "w02", "--body", "{\"n\":1}"},
       "POST /v1/callbacks/w02",
       R"J({"wait":"w02"})J"},
      {"event-emit",
       {"event", "emit", "build.finished"},
       "POST /v1/events",
       R"J({"name":"build.finished","answered":2})J"},
      {"flow-run",
       {"flow", "run", "gate", "-i", "who=you"},
       "POST /v1/runs",
       R"J({"existing":false,"run":{"id":"r01abc","flow":"gate","status":"running"}})J"},
      {"flow-list",
       {"flow", "list"},
       "GET /v1/flows",
       R"J({"flows":[{"slug":"gate","draft_digest":"sha256:0123456789abcdef0123","runs":3,"updated_at":"2027-01-15T07:00:00.000Z"}]})J"},
      {"flow-show",
       {"flow", "show", "gate"},
       "GET /v1/flows/gate",
       R"J({"flow":{"slug":"gate","name":"Gate","description":"Asks first.","tags":[],"draft_digest":"sha256:01","runs":3,)J"
       R"J("updated_at":"2027-01-15T07:00:00.000Z","steps":[{"id":"review","family":"wait","effect":"pure"},)J"
       R"J({"id":"tell","title":"Say so","family":"notify","effect":"once","when":"steps.review.output.approved","next":"end"}],)J"
       R"J("requires":[{"name":"chat","type":"chat"}]}})J"},
      {"flow-configure",
       {"flow", "configure", "gate", "chat=team"},
       "PUT /v1/flows/gate/bindings/chat",
       R"J({"flow":"gate","name":"chat","connection":"team"})J"},
      {"flow-list-live",
       {"flow", "list"},
       "GET /v1/flows",
       R"J({"flows":[{"slug":"gate","runs":3,"draft_digest":"sha256:0123456789abcdef0123","updated_at":"2027-01)J"
       R"J(-15T07:00:00.000Z","draft_by":"uid:1000 (alice)","newest_release":{"number":3,"digest":"sha256:33",")J"
       R"J(note":"third","released_at":"2027-01-15T07:10:00.000Z","released_by":"uid:1000 (alice)"},"live":{"re)J"
       R"J(lease":2,"digest":"sha256:22","promoted_at":"2027-01-15T07:20:00.000Z","promoted_by":"uid:0 (root)"})J"
       R"J(,"archived":false},{"slug":"old","runs":0,"draft_digest":"sha256:0123456789abcdef0123","updated_at":)J"
       R"J("2027-01-15T07:00:00.000Z","draft_by":"uid:1000 (alice)","newest_release":{"number":3,"digest":"sha2)J"
       R"J(56:33","note":"third","released_at":"2027-01-15T07:10:00.000Z","released_by":"uid:1000 (alice)"},"li)J"
       R"J(ve":{"release":2,"digest":"sha256:22","promoted_at":"2027-01-15T07:20:00.000Z","promoted_by":"uid:0 )J"
       R"J((root)"},"archived":true}]})J"},
      {"flow-show-live",
       {"flow", "show", "gate"},
       "GET /v1/flows/gate",
       R"J({"flow":{"slug":"gate","name":"Gate","description":"","tags":[],"runs":3,"draft_digest":"sha256:0123)J"
       R"J(456789abcdef0123","updated_at":"2027-01-15T07:00:00.000Z","draft_by":"uid:1000 (alice)","newest_rele)J"
       R"J(ase":{"number":3,"digest":"sha256:33","note":"third","released_at":"2027-01-15T07:10:00.000Z","relea)J"
       R"J(sed_by":"uid:1000 (alice)"},"live":{"release":2,"digest":"sha256:22","promoted_at":"2027-01-15T07:20)J"
       R"J(:00.000Z","promoted_by":"uid:0 (root)"},"archived":false,"steps":[],"requires":[]}})J"},
      {"flow-draft",
       {"flow", "draft", "gate"},
       "GET /v1/flows/gate/content?of=draft",
       R"J({"flow":"gate","name":"draft","digest":"sha256:01","format":"yaml","content":"slug: gate\nname: Gate)J"
       R"J(\n"})J"},
      {"flow-diff",
       {"flow", "diff", "gate"},
       "GET /v1/flows/gate/diff?from=live&to=draft",
       R"J({"from":{"name":"live:2","digest":"sha256:22"},"to":{"name":"draft","digest":"sha256:01"},"same":fal)J"
       R"J(se,"added":1,"removed":1,"hunks":[{"from_line":1,"from_count":2,"to_line":1,"to_count":2,"lines":[" )J"
       R"J(slug: gate\n","-name: a\n","+name: b\n"]}],"text":"--- live:2\n+++ draft\n@@ -1,2 +1,2 @@\n slug: ga)J"
       R"J(te\n-name: a\n+name: b\n","flow":"gate"})J"},
      {"flow-release",
       {"flow", "release", "gate", "-m", "third"},
       "POST /v1/flows/gate/releases",
       R"J({"flow":"gate","release":{"number":3,"digest":"sha256:0123456789abcdef0123","note":"third","released)J"
       R"J(_at":"2027-01-15T07:10:00.000Z","released_by":"uid:1000 (alice)"}})J"},
      {"flow-releases",
       {"flow", "releases", "gate"},
       "GET /v1/flows/gate/releases",
       R"J({"flow":"gate","live":{"release":3},"releases":[{"number":3,"digest":"sha256:0123456789abcdef0123",")J"
       R"J(note":"third","released_at":"2027-01-15T07:10:00.000Z","released_by":"uid:1000 (alice)","live":true})J"
       R"J(,{"number":2,"digest":"sha256:0123456789abcdef0123","note":"second","released_at":"2027-01-15T07:10:)J"
       R"J(00.000Z","released_by":"uid:1000 (alice)","live":false}],"next_before":2,"promotions":[{"release":3,)J"
       R"J("digest":"sha256:0123456789abcdef0123","rollback":false,"at":"2027-01-15T07:20:00.000Z","by":"uid:0 )J"
       R"J((root)"}]})J"},
      {"flow-promote",
       {"flow", "promote", "gate", "3"},
       "POST /v1/flows/gate/promote",
       R"J({"flow":"gate","live":3,"digest":"sha256:33","before":2,"existing":false})J"},
      {"flow-rollback",
       {"flow", "rollback", "gate"},
       "POST /v1/flows/gate/rollback",
       R"J({"flow":"gate","live":2,"digest":"sha256:22","before":3,"existing":false})J"},
      {"flow-export",
       {"flow", "export", "gate"},
       "GET /v1/flows/gate/export",
       R"J({"export":{"belay_export":1,"slug":"gate","release":3,"digest":"sha256:33","format":"yaml","note":"t)J"
       R"J(hird","released_at":"2027-01-15T07:10:00.000Z","released_by":"uid:1000 (alice)","content":"slug: gat)J"
       R"J(e\n"}})J"},
      {"flow-archive",
       {"flow", "archive", "gate"},
       "POST /v1/flows/gate/archive",
       R"J({"flow":"gate","archived":true,"existing":false})J"},
      {"flow-search",
       {"flow", "search", "gat"},
       "GET /v1/search/flows?text=gat&limit=20",
       R"J({"flows":[{"slug":"gate","name":"Gate","description":"","tags":["prod"],"matches":["slug","name"],"l)J"
       R"J(ive":3,"archived":false}]})J"},
      {"flow-check",
       {"flow", "configure", "gate", "--check"},
       "GET /v1/flows/gate/bindings",
       R"J({"flow":"gate","ready":true,"requires":[{"name":"chat","type":"chat","required_by":["draft","live"],)J"
       R"J("connection":"team"}]})J"},
      {"webhook-deliver",
       {"webhook", "deliver", "ci", "push", "--header", "X-A: b"},
       "POST /v1/webhooks/ci/push",
       R"J({"flow":"ci","webhook":"push","answered":0,"existing":false,"ignored":false,"run":{"id":"r01abc"}})J"},
      {"webhook-deliver-again",
       {"webhook", "deliver", "ci", "push"},
       "POST /v1/webhooks/ci/push",
       R"J({"flow":"ci","webhook":"push","answered":0,"existing":true,"ignored":false,"run_id":"r01abc"})J"},
      {"event-emit-starts",
       {"event", "emit", "built"},
       "POST /v1/events",
       R"J({"name":"built","answered":2,"runs":["r01abc"],"refused":[{"flow":"d","code":"BLY-INPUT-INVALID",)J"
       R"J("message":"input of flow d: x is missing"}]})J"},
      {"schedule-list",
       {"schedule", "list"},
       "GET /v1/schedules",
       R"J({"schedules":[{"name":"tidy/nightly","flow":"tidy","id":"nightly","status":"active","timing":"0 2 * * 1-5",)J"
       R"J("timezone":"Europe/Berlin","on_missed":"latest","window":"24h","release":3,"since":"2027-01-01T00:00:00.000Z",)J"
       R"J("next":{"due":"2027-01-15T12:00:00.000Z","local":"2027-01-15T13:00:00+01:00"}},)J"
       R"J({"name":"tidy/pulse","flow":"tidy","id":"pulse","status":"paused","timing":"every 1m","timezone":"UTC",)J"
       R"J("paused_by":"uid:0 (root)","paused_since":"2027-01-15T07:00:00.000Z"}]})J"},
      {"schedule-show",
       {"schedule", "show", "tidy"},
       "GET /v1/schedules?flow=tidy",
       R"J({"schedules":[{"name":"tidy/nightly","id":"nightly"}]})J",
       {"GET /v1/schedules/tidy/nightly",
        R"J({"schedule":{"name":"tidy/nightly","status":"active","timing":"0 2 * * 1-5","timezone":"Europe/Berlin",)J"
        R"J("on_missed":"all","max":10,"spacing":"1m","window":"24h","jitter":"5m","release":3,)J"
        R"J("since":"2027-01-01T00:00:00.000Z"},"next":[{"due":"2027-01-16T01:00:00.000Z",)J"
        R"J("local":"2027-01-16T02:00:00+01:00","run_at":"2027-01-16T01:02:11.000Z"}],"ledger":[)J"
        R"J({"due":"2027-01-15T01:00:00.000Z","local":"2027-01-15T02:00:00+01:00","outcome":"ran","started":true,)J"
        R"J("run":"r01abc","run_at":"2027-01-15T01:00:30.000Z","decided":true,"release":3,"why":"w"}]})J"}},
      {"schedule-next",
       {"schedule", "next", "tidy/nightly", "--count", "2"},
       "GET /v1/schedules/tidy/nightly/next?limit=2",
       R"J({"schedule":"tidy/nightly","status":"paused","timezone":"UTC","next":[)J"
       R"J({"due":"2027-01-15T09:00:00.000Z","local":"2027-01-15T09:00:00+00:00"},)J"
       R"J({"due":"2027-01-15T10:00:00.000Z","local":"2027-01-15T10:00:00+00:00"}]})J"},
      {"schedule-ledger",
       {"schedule", "ledger", "tidy/nightly"},
       "GET /v1/schedules/tidy/nightly/ledger",
       R"J({"schedule":"tidy/nightly","next_before":"2027-01-12T01:00:00Z","rows":[)J"
       R"J({"due":"2027-01-15T07:59:00.000Z","local":"2027-01-15T08:59:00+01:00","outcome":"ran","started":false,)J"
       R"J("run_at":"2027-01-15T08:05:00.000Z","decided":true,"why":"w"},)J"
       R"J({"due":"2027-01-14T01:00:00.000Z","local":"2027-01-14T02:00:00+01:00","outcome":"skipped","reason":"refused",)J"
       R"J("note":"input of flow tidy: n is missing [BLY-INPUT-INVALID]","decided":true,"why":"w"},)J"
       R"J({"due":"2027-01-13T01:00:00.000Z","local":"2027-01-13T02:00:00+01:00","outcome":"superseded","decided":false,"why":"w"},)J"
       R"J({"due":"2027-01-12T01:00:00.000Z","local":"2027-01-12T02:00:00+01:00","count":300,"outcome":"skipped",)J"
       R"J("reason":"too_old","decided":true,"why":"w"}]})J"},
      {"schedule-why",
       {"schedule", "why", "tidy/nightly", "2027-01-14T02:00"},
       "GET /v1/schedules/tidy/nightly/why?at=2027-01-14T02%3A00",
       R"J({"schedule":"tidy/nightly","at":"2027-01-14T01:00:00.000Z","local":"2027-01-14T02:00:00+01:00",)J"
       R"J("why":"due 2027-01-14T02:00:00+01:00: missed; the one due 2027-01-15T02:00:00+01:00 runs in its place",)J"
       R"J("row":{"decided":true},"superseded_by":{"why":"due 2027-01-15T02:00:00+01:00: missed, and caught up"}})J"},
      {"schedule-pause",
       {"schedule", "pause", "tidy/nightly"},
       "POST /v1/schedules/tidy/nightly/pause",
       R"J({"schedule":"tidy/nightly","paused":true,"existing":false})J"},
      {"schedule-resume",
       {"schedule", "resume", "tidy/nightly"},
       "POST /v1/schedules/tidy/nightly/resume",
       R"J({"schedule":"tidy/nightly","paused":false,"existing":true})J"},
      {"kv-get",
       {"kv", "get", "a/b"},
       "GET /v1/kv/default/value?key=a%2Fb",
       R"J({"entry":{"space":"default","key":"a/b","value":{"n":1},"updated_at":"2027-01-15T07:00:00.000Z"}})J"},
      {"kv-list",
       {"kv", "list", "--prefix", "a"},
       "GET /v1/kv/default?prefix=a",
       R"J({"space":"default","entries":[{"key":"a/b","value":{"n":1},"updated_at":"2027-01-15T07:00:00.000Z"},)J"
       R"J({"key":"ac","value":"text","expires_at":"2027-01-15T09:00:00.000Z","updated_at":"2027-01-15T07:00:00.000Z"}]})J"},
      {"kv-set",
       {"kv", "set", "k", "v", "--ttl", "1h"},
       "POST /v1/kv/default",
       R"J({"value":"v","exists":false})J"},
      {"kv-delete", {"kv", "delete", "k"}, "POST /v1/kv/default", R"J({"exists":false})J"},
      {"kv-increment",
       {"kv", "increment", "k", "--by", "2"},
       "POST /v1/kv/default",
       R"J({"value":7,"exists":true})J"},
      {"kv-append",
       {"kv", "append", "k", "1", "--value-json"},
       "POST /v1/kv/default",
       R"J({"value":[1],"exists":true})J"},
      {"resource-list",
       {"resource", "list"},
       "GET /v1/resources",
       R"J({"resources":[{"ref":"res://sha256/ab","name":"diff","size":2048,"media_type":"text/plain","run":"r01abc",)J"
       R"J("step":"work","created_at":"2027-01-15T07:00:00.000Z"}],"more":false})J"},
      {"secret-list",
       {"secret", "list"},
       "GET /v1/secrets",
       R"J({"secrets":[{"name":"TOKEN","version":2,"updated_at":"2027-01-15T07:00:00.000Z","size_at_most":64,"redacted":true},)J"
       R"J({"name":"PIN","version":1,"updated_at":"2027-01-15T07:00:00.000Z","size_at_most":16,"redacted":false}]})J"},
      {"secret-delete",
       {"secret", "delete", "TOKEN"},
       "DELETE /v1/secrets/TOKEN",
       R"J({"name":"TOKEN"})J"},
      {"connection-list",
       {"connection", "list"},
       "GET /v1/connections",
       R"J({"connections":[{"name":"team","type":"chat","version":"0123456789abcdef","secrets":["CHAT"],"source":"added"}]})J"},
      {"connection-test",
       {"connection", "test", "box"},
       "POST /v1/connections/box/test",
       R"J({"name":"box","type":"ssh","source":"added","version":"0123456789abcdef","found":{"detail":"box:22 shows a pinned )J"
       R"J(key and accepts ada","duration_ms":12}})J"},
      {"connection-learn",
       {"connection", "test", "box", "--learn", "--fingerprint", "SHA256:new"},
       "POST /v1/connections/box/test",
       kLearned,
       {"PUT /v1/connections/box/host-keys", R"J({"name":"box","type":"ssh","version":"fedcba9876543210"})J"}},
      {"connection-learn-changed",
       {"connection", "test", "box", "--learn", "--yes"},
       "POST /v1/connections/box/test",
       R"J({"name":"box","type":"ssh","source":"added","version":"0123456789abcdef","found":{"changed":true,"host_keys":[)J"
       R"J({"type":"ssh-ed25519","fingerprint":"SHA256:other","state":"changed","key":"ssh-ed25519 AAAA"}],)J"
       R"J("pinned":[{"type":"ssh-ed25519","fingerprint":"SHA256:old"}]}})J",
       {},
       7},
      {"connection-learn-alone", {"connection", "test", "box", "--learn"}, "POST /v1/connections/box/test", kLearned, {}, 2},
      {"connection-learn-missing",
       {"connection", "test", "box", "--learn", "--fingerprint", "SHA256:none"},
       "POST /v1/connections/box/test",
       kLearned,
       {},
       7},
      {"journal-stats",
       {"journal", "stats"},
       "GET /v1/journal/stats",
       R"J({"journal":{"file_bytes":1048576,"wal_bytes":0,"pages":256,"free_pages":3,"runs":12,"events":340,"open_waits":1,)J"
       R"J("timers":1,"kv":2,"resources":3,"commits":99,"schema_version":1,"full_mode":false}})J"},
      {"journal-verify",
       {"journal", "verify"},
       "POST /v1/journal/verify",
       R"J({"verified":true,"runs":12,"events":340,"host_rows":11,"flow_changes":5,"statements":3})J"},
      {"trust-show",
       {"trust", "show"},
       "GET /v1/trust",
       R"J({"trust":{"fleet":"aa11","name":"prod","root":{"version":1,"digest":"aa11","accepted_at":"2027-01-14T08:00:00.000Z",)J"
       R"J("accepted_by":"uid:0 (root)","threshold":2,"keys":[{"key":"k1","person":"rosa"}]},"roster":{"version":4,)J"
       R"J("digest":"bb22","accepted_at":"2027-01-15T07:55:00.000Z","accepted_by":"uid:0 (root)","stale":true,"max_age_s":1,)J"
       R"J("pin_threshold":2,"keys":[{"key":"k2","role":"release-signer","class":"none","person":"ada","revoked":true},)J"
       R"J({"key":"k3","role":"approver","class":"e2e","person":"dora","revoked":false}],"revocations":[{"key":"k2",)J"
       R"J("mode":"void","reason":"stolen"}],"pin_floors":[{"flow":"deploy","channel":"stable","counter":7}]},)J"
       R"J("forks":[{"kind":"pin","chain":"deploy/stable","counter":6,"digest":"cc33","at":"2027-01-15T07:55:00.000Z",)J"
       R"J("by":"uid:0"}]}})J"},
      {"journal-backup",
       {"journal", "backup", "/b/copy.db"},
       "POST /v1/journal/backup",
       R"J({"target":"/b/copy.db"})J"},
      {"journal-prune",
       {"journal", "prune", "--older-than", "30d"},
       "POST /v1/journal/prune",
       R"J({"runs":2,"events":40,"resources":1,"before":"2026-12-16T08:00:00.000Z"})J"},
      {"flow-new", {"flow", "new", "greet", "--template", "hello"}, "", "{}"},
      {"flow-steps-examples", {"flow", "steps", "examples", "set"}, "", "{}"},
  };
  return all;
}

void compare(const std::string& file, const std::string& actual) {
  const std::string path = "tests/unit/cli/golden/" + file;
  if (::getenv("BELAY_UPDATE_GOLDEN") != nullptr) {
    CHECK(belay::base::writeFileDurably(path, actual, 0644).ok());
    return;
  }
  const auto expected = belay::base::readFile(path, 1u << 20);
  CHECK_TEXT(expected.ok(), ("no golden file " + path).c_str());
  STRCMP_EQUAL_TEXT(expected->c_str(), actual.c_str(), path.c_str());
}

void prepare(FakeWorld& world, const Case& c) {
  world.daemon.data(c.request, c.data);
  for (std::size_t i = 0; i + 1 < c.more.size(); i += 2)
    world.daemon.data(c.more[i], c.more[i + 1]);
}

}  // namespace

TEST_GROUP(Golden){};

TEST(Golden, whatPeopleSee) {
  for (const Case& c : cases()) {
    FakeWorld world;
    prepare(world, c);
    const int code = world.run(c.words);
    // Without asked bodies a command could send anything.
    std::string text = "exit " + std::to_string(code) + "\n--- stdout\n" + world.console.outText +
                       "--- stderr\n" + world.console.errText;
    for (const auto& asked : world.daemon.asked) {
      text += "--- " + asked.method + " " + asked.target + "\n" + asked.body +
              (asked.body.empty() ? "" : "\n");
    }
    compare(std::string(c.name) + ".txt", text);
  }
}

TEST(Golden, whatProgramsSee) {
  for (const Case& c : cases()) {
    FakeWorld world;
    prepare(world, c);
    std::vector<std::string> words = c.words;
    words.push_back("--json");
    LONGS_EQUAL_TEXT(c.code, world.run(words), c.name);
    STRCMP_EQUAL_TEXT("", world.console.errText.c_str(), c.name);
    const auto envelope = belay::json::parse(world.console.outText);
    CHECK_TEXT(envelope.ok(), c.name);
    compare(std::string(c.name) + ".json", belay::json::printPretty(*envelope) + "\n");
  }
}
