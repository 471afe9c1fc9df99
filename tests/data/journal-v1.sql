PRAGMA application_id = 1113943161;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE bindings (slug TEXT NOT NULL, name TEXT NOT NULL, connection TEXT NOT NULL, PRIMARY KEY (slug, name)) STRICT, WITHOUT ROWID;
INSERT INTO "bindings" VALUES('kept','chat','team');
CREATE TABLE events (place INTEGER PRIMARY KEY, run INTEGER NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL) STRICT;
INSERT INTO "events" VALUES(1,1,1,1795238838028,'run_created','{"flow":"kept","digest":"sha256:11969695461ab950954b9621535ffb2dba9e4f177bd825dd652e8529e016bfa7","source":"draft","input":{},"state":{"ok":false},"trigger":{"type":"manual"},"by":"uid:0 (root)","first":"count","seed":273106972890533}',X'B46CDD9599E8BABDD917B0192973DD8888077D76D8E7443A009A07B5647A50F1');
INSERT INTO "events" VALUES(2,1,2,1795238838054,'step_finished','{"step":"count","outcome":"succeeded","output":{"value":1,"exists":false,"previous":null},"next":"step","to":"review","ms":26}',X'24128FFF588F5F0E4BD63C3107669BB4DCFA9C9AA5F9B2148F96B0B774387E92');
INSERT INTO "events" VALUES(3,1,3,1795238838054,'wait_opened','{"step":"review","wait":"w1m7y95fs647hkkps","kind":"approval","on_timeout":"reject","request":{"kind":"approval","flow":"kept","digest":"sha256:11969695461ab950954b9621535ffb2dba9e4f177bd825dd652e8529e016bfa7","run":"r1m7y95frcnnj2wrr","step":"review","visit":1,"wait":"w1m7y95fs647hkkps","nonce":"t4cm98fDk57LBIGxR1oj1wmGb41uwPHeOXxYl1YLF7Y","created_ms":1795238838054,"expires_ms":1795325238054,"summary":"Go on?","artifacts":[]},"request_digest":"9b969280465ef6c29ea30c5500f4c217ae0c78d2470fd9c77b5054ea05603a88","expires_ms":1795325238054,"delay_ms":86400000}',X'16D85272434BB79685A2B1B1B40E2C475E302D2710D76AD5823CCEC7B4EF11B5');
INSERT INTO "events" VALUES(4,2,1,1795238838084,'run_created','{"flow":"ended","digest":"sha256:4761ad1f516e7be1a4e8b68924329d0dca986d4b913296fd8852877b04cc31e6","source":"draft","input":{},"state":{"n":0},"trigger":{"type":"manual"},"by":"uid:0 (root)","first":"one","seed":192616702785490}',X'5D74172C4D30BCA4F0A97BB9741DD283D94C69918DA4C939880A200DBDAC61F0');
INSERT INTO "events" VALUES(5,2,2,1795238838085,'step_finished','{"step":"one","outcome":"succeeded","output":{"n":1},"state":{"n":1},"next":"end"}',X'B3703EB4CB606718491665B0572F27813B295D58EBC49C43DCCD8782622B4EF2');
INSERT INTO "events" VALUES(6,2,3,1795238838085,'run_finished','{"end":"succeeded"}',X'E2B8EE45AE89A2E90092464FDA4AB5B981DC7092728E73956F714B3705416B06');
CREATE TABLE flow_heads (slug TEXT PRIMARY KEY, draft_digest TEXT NOT NULL, updated_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "flow_heads" VALUES('ended','sha256:4761ad1f516e7be1a4e8b68924329d0dca986d4b913296fd8852877b04cc31e6',1795238838084);
INSERT INTO "flow_heads" VALUES('kept','sha256:11969695461ab950954b9621535ffb2dba9e4f177bd825dd652e8529e016bfa7',1795238838027);
CREATE TABLE flows (digest TEXT NOT NULL UNIQUE, slug TEXT NOT NULL, format TEXT NOT NULL, content TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;
INSERT INTO "flows" VALUES('sha256:11969695461ab950954b9621535ffb2dba9e4f177bd825dd652e8529e016bfa7','kept','yaml','slug: kept
name: A flow of version 1
tags: [kept]
requires:
  - {name: chat, type: chat}
steps:
  - {id: count, kv: {increment: n}}
  - {id: review, wait: {approval: {summary: "Go on?"}, timeout: 24h}}
  - {id: done, set: {ok: true}}
state: {ok: false}
',1795238838027);
INSERT INTO "flows" VALUES('sha256:4761ad1f516e7be1a4e8b68924329d0dca986d4b913296fd8852877b04cc31e6','ended','yaml','slug: ended
steps:
  - {id: one, set: {n: 1}}
state: {n: 0}
',1795238838084);
CREATE TABLE host_anchor (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL, at_ms INTEGER NOT NULL) STRICT;
CREATE TABLE host_chain (seq INTEGER PRIMARY KEY, run_id TEXT NOT NULL, run_seq INTEGER NOT NULL, run_hash BLOB NOT NULL, at_ms INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
INSERT INTO "host_chain" VALUES(1,'r1m7y95ft4f76scxw',3,X'E2B8EE45AE89A2E90092464FDA4AB5B981DC7092728E73956F714B3705416B06',1795238838085,X'794AA97AFF1439AA2FCB7F6B168CDB6FD6DDEE32FF3BD7478FE503FAE8C8EF2C');
CREATE TABLE kv (space TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, expires_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, PRIMARY KEY (space, key)) STRICT, WITHOUT ROWID;
INSERT INTO "kv" VALUES('default','n','1',0,1795238838028);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('epoch','lz8offsfBRbQMsZwCcmOqw');
CREATE TABLE resources (number INTEGER PRIMARY KEY, ref TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, run INTEGER NOT NULL, step TEXT NOT NULL, name TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL, created_ms INTEGER NOT NULL) STRICT;
CREATE TABLE runs (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, slug TEXT NOT NULL, flow_digest TEXT NOT NULL, source TEXT NOT NULL, status INTEGER NOT NULL, step TEXT NOT NULL, error_code TEXT NOT NULL, error_message TEXT NOT NULL, started_by TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, finished_ms INTEGER NOT NULL) STRICT;
INSERT INTO "runs" VALUES(1,'r1m7y95frcnnj2wrr','kept','sha256:11969695461ab950954b9621535ffb2dba9e4f177bd825dd652e8529e016bfa7','draft',1,'review','','','uid:0 (root)',1795238838028,1795238838054,0);
INSERT INTO "runs" VALUES(2,'r1m7y95ft4f76scxw','ended','sha256:4761ad1f516e7be1a4e8b68924329d0dca986d4b913296fd8852877b04cc31e6','draft',5,'','','','uid:0 (root)',1795238838084,1795238838085,1795238838085);
CREATE TABLE start_keys (key TEXT PRIMARY KEY, run INTEGER NOT NULL, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE timers (run INTEGER NOT NULL, key TEXT NOT NULL, boot_id TEXT NOT NULL, due_boot_ms INTEGER NOT NULL, due_wall_ms INTEGER NOT NULL, left_ms INTEGER NOT NULL, on_wall INTEGER NOT NULL, PRIMARY KEY (run, key)) STRICT, WITHOUT ROWID;
INSERT INTO "timers" VALUES(1,'wait:w1m7y95fs647hkkps','407b91e6-05d5-4a61-a111-f491e2ec21da',102774058,1795325238054,86400000,0);
CREATE TABLE waits (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, run INTEGER NOT NULL, step TEXT NOT NULL, kind INTEGER NOT NULL, status INTEGER NOT NULL, request TEXT NOT NULL, request_digest TEXT NOT NULL, token_hash TEXT NOT NULL, event_name TEXT NOT NULL, opened_ms INTEGER NOT NULL, closed_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) STRICT;
INSERT INTO "waits" VALUES(1,'w1m7y95fs647hkkps',1,'review',0,0,'{"kind":"approval","flow":"kept","digest":"sha256:11969695461ab950954b9621535ffb2dba9e4f177bd825dd652e8529e016bfa7","run":"r1m7y95frcnnj2wrr","step":"review","visit":1,"wait":"w1m7y95fs647hkkps","nonce":"t4cm98fDk57LBIGxR1oj1wmGb41uwPHeOXxYl1YLF7Y","created_ms":1795238838054,"expires_ms":1795325238054,"summary":"Go on?","artifacts":[]}','9b969280465ef6c29ea30c5500f4c217ae0c78d2470fd9c77b5054ea05603a88','','',1795238838054,0,1795325238054);
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
COMMIT;
