PRAGMA application_id = 1113943161;
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE bindings (slug TEXT NOT NULL, name TEXT NOT NULL, connection TEXT NOT NULL, PRIMARY KEY (slug, name)) STRICT, WITHOUT ROWID;
CREATE TABLE events (place INTEGER PRIMARY KEY, run INTEGER NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL) STRICT;
INSERT INTO "events" VALUES(1,1,1,1795878322141,'run_created','{"flow":"kept","digest":"sha256:c18b6c81845cc4cf206658e59caa52eda51d7ef83c4566a0f9419af43342dda9","source":"live:1","input":{},"state":{},"trigger":{"type":"manual"},"by":"uid:0 (root)","first":"big","seed":58991518008901}',X'55C509FF35F45F7C8200030BEB625B464528BB65E2288612D7BA06939904CA03');
INSERT INTO "events" VALUES(2,1,2,1795878322144,'step_started','{"step":"big","effect":"pure","rendered":{"script":"head -c 100000 /dev/zero | tr ''\\0'' q"},"key":"6b98d71424054ff4e867b9e621ba2c08","boot":"7a6e5d47-51aa-4944-8b09-26d7d6b54a09","timeout_ms":3600000}',X'2AAE262A7FA213E64A7738E4EE724BACF2559AD00EB34D788B1E37BD3AEA5648');
INSERT INTO "events" VALUES(3,1,3,1795878322229,'step_finished','{"step":"big","outcome":"succeeded","output_ref":"res://sha256/94a7c7157b84a00b5d8f2fd8f15fb828f7c48151fd4a2edb31cd6de04bba8f12","next":"step","to":"ask","ms":23}',X'CB4A14AF90DED84AC3CE3631EB6A1BDB5889A7117B521B82F81E9AB090BCB5F4');
INSERT INTO "events" VALUES(4,1,4,1795878322229,'wait_opened','{"step":"ask","wait":"w1m8hb101nn2wsvky","kind":"approval","on_timeout":"reject","request":{"kind":"approval","flow":"kept","digest":"sha256:c18b6c81845cc4cf206658e59caa52eda51d7ef83c4566a0f9419af43342dda9","run":"r1m8hb0zyx48ns765","step":"ask","visit":1,"wait":"w1m8hb101nn2wsvky","nonce":"g_vKq92QRlW27pLEOj7RfNsixaY0VQhkNzW0jf5l4b8","created_ms":1795878322229,"expires_ms":1795964722229,"summary":"Go","artifacts":[]},"request_digest":"fa86143828c87e272c57c50e63edf8c5f37598d89f275ffb6b6dd9a401a5693b","expires_ms":1795964722229,"delay_ms":86400000}',X'AEA1DD5DAE368607B2B791A908673F6F71C6B41D2012DF94FE1AA629028DD1DC');
INSERT INTO "events" VALUES(5,1,5,1795878322241,'wait_resolved','{"step":"ask","wait":"w1m8hb101nn2wsvky","answer":"approved","body":{"comment":"","form":{}},"decision":"eyJhbGciOiJFUzI1NiIsImtpZCI6Imt1ZHNYS25tN0ppTV9wN19qdmZ2NTJsTWYtcjJzVlRrendpbUJQQi1yRDAiLCJ0eXAiOiJiZWxheS1kZWNpc2lvbitqd3MifQ.eyJ2IjoxLCJjbGFzcyI6ImxvY2FsIiwicGVyc29uIjoidWlkOjAiLCJ1aWQiOjAsInJlcXVlc3QiOiJmYTg2MTQzODI4Yzg3ZTI3MmM1N2M1MGU2M2VkZjhjNWYzNzU5OGQ4OWYyNzVmZmI2YjZkZDlhNDAxYTU2OTNiIiwiZGVjaXNpb24iOiJhcHByb3ZlIiwiZm9ybSI6e30sImNvbW1lbnQiOiIiLCJhdCI6IjIwMjYtMTEtMjhUMTU6MDU6MjIuMjQwWiJ9.B8tIVA0CsEZkh71hnF62t4yM7fCfkFAf9O_E6qmyoq9dCCkAWWbV2poNSLZcTQNz8Xac7djpuo1oLASdsDj6kw","by":"uid:0 (root)"}',X'6075255AF8D8EC6B3ACEF55EFAA32AA8C34526C810E25ACD777858164A1D36E4');
INSERT INTO "events" VALUES(6,1,6,1795878322241,'step_finished','{"step":"ask","outcome":"succeeded","output":{"approved":true,"timed_out":false,"by":"uid:0 (root)","comment":"","form":{},"at":"2026-11-28T15:05:22.241Z"},"next":"end"}',X'1FAF86F78CAAA746F35F362FAB9B8EC3DA78050B9AFC9E9D9DEAD757C0D2F9CF');
INSERT INTO "events" VALUES(7,1,7,1795878322241,'run_finished','{"end":"succeeded"}',X'E0F7D361E801A36B64C291CD732DAA6A346F7E9793B43FDD6372221549AD05D5');
INSERT INTO "events" VALUES(8,2,1,1795878322253,'run_created','{"flow":"kept","digest":"sha256:a6cae0870628a86ea51915e0e933f07a0aa6361c84ba4b196d6e92aef4289daf","source":"draft","input":{},"state":{},"trigger":{"type":"manual"},"by":"uid:0 (root)","first":"big","seed":200762033427803}',X'35C65A67256173F832B18F99CAF36C915C7C724BAD249551C25ED63506FD22AE');
INSERT INTO "events" VALUES(9,2,2,1795878322253,'step_started','{"step":"big","effect":"pure","rendered":{"script":"head -c 100000 /dev/zero | tr ''\\0'' z"},"key":"f2fbdf936b7e5422c586ae56c9a5408b","boot":"7a6e5d47-51aa-4944-8b09-26d7d6b54a09","timeout_ms":3600000}',X'B834B20C9E90A1261CD0E1B26F0868DE27C76B29173FF6D2E504249C3698B7ED');
INSERT INTO "events" VALUES(10,2,3,1795878322288,'step_finished','{"step":"big","outcome":"succeeded","output_ref":"res://sha256/a67733ae234b8fdfbeb1760e1f93b3ad652f46e73f3c2e938caf88f47111ee06","next":"step","to":"ask","ms":11}',X'3EDD8510F7BDB5A61595DDFCBC073894347FEB9F74E85D4FB9C79140E84507F5');
INSERT INTO "events" VALUES(11,2,4,1795878322288,'wait_opened','{"step":"ask","wait":"w1m8hb103grtseaa8","kind":"approval","on_timeout":"reject","request":{"kind":"approval","flow":"kept","digest":"sha256:a6cae0870628a86ea51915e0e933f07a0aa6361c84ba4b196d6e92aef4289daf","run":"r1m8hb102dbxxrdk9","step":"ask","visit":1,"wait":"w1m8hb103grtseaa8","nonce":"rpU9kqLcgMHYH0qhCJTQhE74zBqhRcfcPmcFG4a35u4","created_ms":1795878322288,"expires_ms":1795964722288,"summary":"Go","artifacts":[]},"request_digest":"d5ce37e97a2d4a7a8b2eeaf90241b5eaf95c082a80c8104dce6a118ecae2d751","expires_ms":1795964722288,"delay_ms":86400000}',X'86253A258BCD1CECAC92A48C4D7E57F58F21FB7AE90E11CB207F85E69E55EA64');
CREATE TABLE flow_changes (number INTEGER PRIMARY KEY, slug TEXT NOT NULL, what INTEGER NOT NULL, release INTEGER NOT NULL, digest TEXT NOT NULL, note TEXT NOT NULL, origin TEXT NOT NULL, by_whom TEXT NOT NULL, at_ms INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
INSERT INTO "flow_changes" VALUES(1,'kept',0,0,'sha256:c18b6c81845cc4cf206658e59caa52eda51d7ef83c4566a0f9419af43342dda9','','','uid:0 (root)',1795878322122,X'EC69B46E444FA21A0D03A1AB6137F2688E1AC6290E2E3F0038AE2C563FAA55EB');
INSERT INTO "flow_changes" VALUES(2,'kept',1,1,'sha256:c18b6c81845cc4cf206658e59caa52eda51d7ef83c4566a0f9419af43342dda9','first','','uid:0 (root)',1795878322124,X'CF3F1D6E1834C4D15892177120B87CCD355A86F9DE33DC82600208F52770AE29');
INSERT INTO "flow_changes" VALUES(3,'kept',2,1,'sha256:c18b6c81845cc4cf206658e59caa52eda51d7ef83c4566a0f9419af43342dda9','','','uid:0 (root)',1795878322138,X'8EFAE8E3028E6E9E5BD798CF57D53299E62BDFF4F39E642B26B63D9E171AF66E');
INSERT INTO "flow_changes" VALUES(4,'kept',0,0,'sha256:a6cae0870628a86ea51915e0e933f07a0aa6361c84ba4b196d6e92aef4289daf','','','uid:0 (root)',1795878322250,X'F4A4572485362B1DABB5E1F0B61D07214F2DC1289E52AABFF591CBFEBD72A21B');
CREATE TABLE flow_heads (slug TEXT PRIMARY KEY, draft_digest TEXT NOT NULL, updated_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "flow_heads" VALUES('kept','sha256:a6cae0870628a86ea51915e0e933f07a0aa6361c84ba4b196d6e92aef4289daf',1795878322250);
CREATE TABLE flows (digest TEXT NOT NULL UNIQUE, slug TEXT NOT NULL, format TEXT NOT NULL, content TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;
INSERT INTO "flows" VALUES('sha256:c18b6c81845cc4cf206658e59caa52eda51d7ef83c4566a0f9419af43342dda9','kept','yaml','slug: kept
steps:
  - id: big
    run: {script: "head -c 100000 /dev/zero | tr ''\\0'' q"}
    effect: pure
  - id: ask
    wait: {approval: {summary: Go}, timeout: 24h}
',1795878322122);
INSERT INTO "flows" VALUES('sha256:a6cae0870628a86ea51915e0e933f07a0aa6361c84ba4b196d6e92aef4289daf','kept','yaml','slug: kept
steps:
  - id: big
    run: {script: "head -c 100000 /dev/zero | tr ''\\0'' z"}
    effect: pure
  - id: ask
    wait: {approval: {summary: Go}, timeout: 24h}
',1795878322250);
CREATE TABLE host_anchor (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL, at_ms INTEGER NOT NULL) STRICT;
CREATE TABLE host_chain (seq INTEGER PRIMARY KEY, run_id TEXT NOT NULL, run_seq INTEGER NOT NULL, run_hash BLOB NOT NULL, at_ms INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
INSERT INTO "host_chain" VALUES(1,'r1m8hb0zyx48ns765',7,X'E0F7D361E801A36B64C291CD732DAA6A346F7E9793B43FDD6372221549AD05D5',1795878322241,X'7883F6CBD5138ED83D953549E0404C9F6802218EB331D1B613FAE0345491B3B3');
CREATE TABLE kv (space TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, expires_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, PRIMARY KEY (space, key)) STRICT, WITHOUT ROWID;
INSERT INTO "kv" VALUES('default','k','"1"',0,1795878322303);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('epoch','eXTEbG3vsUK8I_X1HpmFyw');
CREATE TABLE resources (number INTEGER PRIMARY KEY, ref TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, run INTEGER NOT NULL, step TEXT NOT NULL, name TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL, created_ms INTEGER NOT NULL) STRICT;
INSERT INTO "resources" VALUES(1,'res://sha256/7572f8be61469d7d661f13f715581800783290dd80d64a9a96932218fb32b3dc','7572f8be61469d7d661f13f715581800783290dd80d64a9a96932218fb32b3dc',1,'big','big.stdout','text/plain',100000,1795878322223);
INSERT INTO "resources" VALUES(2,'res://sha256/94a7c7157b84a00b5d8f2fd8f15fb828f7c48151fd4a2edb31cd6de04bba8f12','94a7c7157b84a00b5d8f2fd8f15fb828f7c48151fd4a2edb31cd6de04bba8f12',1,'big','big.output.json','application/json',65742,1795878322229);
INSERT INTO "resources" VALUES(3,'res://sha256/7e9470bdc2048db4667681aed70b1dd034b5310feac2f34e96220565d47638b2','7e9470bdc2048db4667681aed70b1dd034b5310feac2f34e96220565d47638b2',2,'big','big.stdout','text/plain',100000,1795878322280);
INSERT INTO "resources" VALUES(4,'res://sha256/a67733ae234b8fdfbeb1760e1f93b3ad652f46e73f3c2e938caf88f47111ee06','a67733ae234b8fdfbeb1760e1f93b3ad652f46e73f3c2e938caf88f47111ee06',2,'big','big.output.json','application/json',65742,1795878322288);
CREATE TABLE runs (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, slug TEXT NOT NULL, flow_digest TEXT NOT NULL, source TEXT NOT NULL, status INTEGER NOT NULL, step TEXT NOT NULL, error_code TEXT NOT NULL, error_message TEXT NOT NULL, started_by TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, finished_ms INTEGER NOT NULL) STRICT;
INSERT INTO "runs" VALUES(1,'r1m8hb0zyx48ns765','kept','sha256:c18b6c81845cc4cf206658e59caa52eda51d7ef83c4566a0f9419af43342dda9','live:1',5,'','','','uid:0 (root)',1795878322141,1795878322241,1795878322241);
INSERT INTO "runs" VALUES(2,'r1m8hb102dbxxrdk9','kept','sha256:a6cae0870628a86ea51915e0e933f07a0aa6361c84ba4b196d6e92aef4289daf','draft',1,'ask','','','uid:0 (root)',1795878322253,1795878322288,0);
CREATE TABLE start_keys (key TEXT PRIMARY KEY, run INTEGER NOT NULL, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE timers (run INTEGER NOT NULL, key TEXT NOT NULL, boot_id TEXT NOT NULL, due_boot_ms INTEGER NOT NULL, due_wall_ms INTEGER NOT NULL, left_ms INTEGER NOT NULL, on_wall INTEGER NOT NULL, PRIMARY KEY (run, key)) STRICT, WITHOUT ROWID;
INSERT INTO "timers" VALUES(2,'wait:w1m8hb103grtseaa8','7a6e5d47-51aa-4944-8b09-26d7d6b54a09',89876592,1795964722288,86400000,0);
CREATE TABLE waits (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, run INTEGER NOT NULL, step TEXT NOT NULL, kind INTEGER NOT NULL, status INTEGER NOT NULL, request TEXT NOT NULL, request_digest TEXT NOT NULL, token_hash TEXT NOT NULL, event_name TEXT NOT NULL, opened_ms INTEGER NOT NULL, closed_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) STRICT;
INSERT INTO "waits" VALUES(1,'w1m8hb101nn2wsvky',1,'ask',0,1,'{"kind":"approval","flow":"kept","digest":"sha256:c18b6c81845cc4cf206658e59caa52eda51d7ef83c4566a0f9419af43342dda9","run":"r1m8hb0zyx48ns765","step":"ask","visit":1,"wait":"w1m8hb101nn2wsvky","nonce":"g_vKq92QRlW27pLEOj7RfNsixaY0VQhkNzW0jf5l4b8","created_ms":1795878322229,"expires_ms":1795964722229,"summary":"Go","artifacts":[]}','fa86143828c87e272c57c50e63edf8c5f37598d89f275ffb6b6dd9a401a5693b','','',1795878322229,1795878322241,1795964722229);
INSERT INTO "waits" VALUES(2,'w1m8hb103grtseaa8',2,'ask',0,0,'{"kind":"approval","flow":"kept","digest":"sha256:a6cae0870628a86ea51915e0e933f07a0aa6361c84ba4b196d6e92aef4289daf","run":"r1m8hb102dbxxrdk9","step":"ask","visit":1,"wait":"w1m8hb103grtseaa8","nonce":"rpU9kqLcgMHYH0qhCJTQhE74zBqhRcfcPmcFG4a35u4","created_ms":1795878322288,"expires_ms":1795964722288,"summary":"Go","artifacts":[]}','d5ce37e97a2d4a7a8b2eeaf90241b5eaf95c082a80c8104dce6a118ecae2d751','','',1795878322288,0,1795964722288);
CREATE INDEX runs_by_slug ON runs (slug);
CREATE INDEX runs_by_status ON runs (status) WHERE status <> 5;
CREATE INDEX runs_by_end ON runs (finished_ms) WHERE finished_ms > 0;
CREATE UNIQUE INDEX events_by_run ON events (run, seq);
CREATE INDEX waits_by_run ON waits (run);
CREATE INDEX waits_open ON waits (kind) WHERE status = 0;
CREATE INDEX waits_for_event ON waits (event_name) WHERE status = 0 AND kind = 2;
CREATE INDEX timers_by_boot ON timers (due_boot_ms) WHERE on_wall = 0;
CREATE INDEX timers_by_wall ON timers (due_wall_ms) WHERE on_wall = 1;
CREATE INDEX kv_by_expiry ON kv (expires_ms) WHERE expires_ms > 0;
CREATE INDEX resources_by_digest ON resources (digest);
CREATE INDEX resources_by_run ON resources (run);
CREATE INDEX start_keys_by_run ON start_keys (run);
CREATE INDEX flow_changes_by_slug ON flow_changes (slug, what, number);
CREATE UNIQUE INDEX flow_releases ON flow_changes (slug, release) WHERE what = 1;
CREATE INDEX flow_releases_by_digest ON flow_changes (slug, digest) WHERE what = 1;
COMMIT;
