# The second part of the demo, read by demo.sh: a relay between this host and a world that cannot reach it. Real TLS on
# loopback; a callback by curl and openssl, a release by a signed pin, an approval by somebody who has nothing but a key,
# and a relay that is away for a while.

relay_folder=$folder/relay
relay_pid=''

# A certificate authority of the demo's own, before the daemon reads its settings.
make_certificates() {
  mkdir -p "$relay_folder"
  relay_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  relay_url=https://localhost:$relay_port
  (
    cd "$relay_folder"
    openssl ecparam -name prime256v1 -genkey -noout -out ca.key
    openssl req -x509 -new -key ca.key -subj '/CN=Belay demo' -days 7 -addext 'keyUsage=critical,keyCertSign' -out ca.crt
    openssl ecparam -name prime256v1 -genkey -noout -out relay.key
    openssl req -new -key relay.key -subj '/CN=localhost' -out relay.csr
    printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n' > relay.ext
    openssl x509 -req -in relay.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 7 -extfile relay.ext -out relay.crt
  ) > "$relay_folder/openssl.log" 2>&1
}

relay() { "$belay_relay" "$@" --config "$relay_folder/relay.yaml"; }
api() { curl -sS --fail-with-body --cacert "$relay_folder/ca.crt" --max-time 20 "$@"; }

start_relay() {
  setsid "$belay_relay" serve --config "$relay_folder/relay.yaml" >> "$relay_folder/relay.log" 2>&1 < /dev/null &
  relay_pid=$!
  for _ in $(seq 100); do
    ! api -o /dev/null "$relay_url/readyz" 2> /dev/null || return 0
    sleep 0.05
  done
  echo "the relay did not start:" >&2
  cat "$relay_folder/relay.log" >&2
  exit 1
}

# until_link PHASE: the link of the host is in it, and has nothing left to say.
until_link() {
  for _ in $(seq 400); do
    [ "$(run link status --json | json data.state.phase)" != "$1" ] || return 0
    sleep 0.05
  done
  run link status
  return 1
}

# A flow that hands out a callback and waits for it.
make_call_flow() {
  cat > "$folder/ask-a-worker.flow.yaml" << YAML
slug: ask-a-worker
steps:
  - id: order
    run:
      script: |
        printf '%s\n' "\$BELAY_CALLBACK_WAIT" "\$BELAY_CALLBACK_TOKEN" "\$BELAY_CALLBACK_URL" > $folder/order.tmp
        mv $folder/order.tmp $folder/order
      callback: answer
  - id: answer
    wait:
      callback: {schema: {type: object, required: [ok], properties: {ok: {type: boolean}}}}
      timeout: 1h
output: {body: "\${{ steps.answer.output.body }}"}
YAML
}

# answer_call BODY: what any worker does who was given the three values.
answer_call() {
  local wait token url at mac code
  { read -r wait; read -r token; read -r url; } < "$folder/order"
  at=$(date +%s)
  mac=$(printf '%s.%s.%s' "$wait" "$at" "$1" | openssl dgst -sha256 -hmac "$token")
  for _ in $(seq 100); do
    code=$(curl -s -o /dev/null -w '%{http_code}' --max-time 20 --cacert "$relay_folder/ca.crt" "$url" \
      -H "Belay-Timestamp: $at" -H "Belay-Signature: v1=${mac##* }" --data-binary "$1") || code=000
    [ "$code" != 202 ] || return 0
    sleep 0.1
  done
  echo "the relay answers $code" >&2
  return 1
}

demo_relay() {
  say "A relay: the host dials out, the world only knows a URL"
  show "belay-relay init --url $relay_url && belay-relay serve &"
  cat > "$relay_folder/relay.yaml" << YAML
relay: {url: "$relay_url", state: $relay_folder/state, socket: $relay_folder/s}
listen: {address: "127.0.0.1:$relay_port"}
tls: {certificate: $relay_folder/relay.crt, key: $relay_folder/relay.key}
YAML
  relay init > /dev/null
  start_relay
  show "belay link enrol $relay_url --token …"
  relay tokens new --role host --json | json data.secret | run link enrol "$relay_url" --token - --label demo
  until_link connected
  run link status

  say "A worker answers a callback with curl and openssl"
  make_call_flow
  rm -f "$folder/order"
  call=$(run flow run "$folder/ask-a-worker.flow.yaml" --json | json data.run.id)
  for _ in $(seq 100); do [ -s "$folder/order" ] && break; sleep 0.05; done
  show "curl -H 'Belay-Signature: v1=…' --data-binary '{\"ok\":true}' $(sed -n 3p "$folder/order")"
  answer_call '{"ok":true}'
  run run watch "$call" --timeout 30s > /dev/null
  run run show "$call"
  [ "$(run run show "$call" --json | json data.run.output.body.ok)" = True ]

  say "A release that two people have signed becomes live; the relay only carries it"
  demo_pin

  say "Somebody far away approves: the request and its artifact come sealed over the relay"
  demo_approval

  say "The relay goes away, the host works on, and catches up"
  kill -KILL "$relay_pid"
  wait "$relay_pid" 2> /dev/null || true
  show "kill -9 $relay_pid"
  rm -f "$folder/order"
  call=$(run flow run "$folder/ask-a-worker.flow.yaml" --json | json data.run.id)
  run flow run "$repository/config/templates/hello.flow.yaml" --wait > /dev/null
  until_link waiting
  run link status
  start_relay
  until_link connected
  answer_call '{"ok":false}'
  run run watch "$call" --timeout 30s > /dev/null
  run run show "$call"
  [ "$(run run show "$call" --json | json data.run.output.body.ok)" = False ]
}

demo_pin() {
  local keys=$folder/keys digest
  mkdir -p "$keys"
  printf 'a passphrase for the demo\n' > "$keys/passphrase"
  for name in root ada bob; do
    run key new "$keys/$name.key" --passphrase-file "$keys/passphrase" > /dev/null 2>&1
  done
  show "belay trust init fleet --root root=… --signer ada=… --signer bob=… --pin-threshold 2"
  run trust init "$keys/fleet" --name demo --root "root=$keys/root.key.pub" --signer "ada=$keys/ada.key.pub" \
    --signer "bob=$keys/bob.key.pub" --pin-threshold 2 --key "$keys/root.key" --passphrase-file "$keys/passphrase" \
    --json > "$keys/trust.json"
  run trust install --root "$(trust_of root_file)" --root-digest "$(trust_of root_digest)" \
    --roster "$(trust_of roster_file)" --least-roster 1 > /dev/null
  # Made somewhere else: this host has not seen the flow.
  cat > "$folder/greet.flow.yaml" << 'YAML'
slug: greet
steps:
  - id: greet
    set: {said: "signed by ada and bob"}
state: {said: nothing}
output: "${{ state }}"
YAML
  digest=$(sha256sum "$folder/greet.flow.yaml" | cut -d ' ' -f 1)
  show "belay pin create greet --release ${digest:0:8}… --key ada.key && belay pin sign … --key bob.key"
  run pin create greet --release "sha256:$digest" --size "$(stat -c %s "$folder/greet.flow.yaml")" --counter 1 \
    --out "$folder/greet.pin" --key "$keys/ada.key" \
    --passphrase-file "$keys/passphrase" > /dev/null
  run pin sign "$folder/greet.pin" --key "$keys/bob.key" --passphrase-file "$keys/passphrase" > /dev/null
  relay tokens new --role release --expires 1h --json | json data.secret > "$keys/token"
  show "belay pin send greet.pin --release greet.flow.yaml --relay $relay_url"
  run pin send "$folder/greet.pin" --release "$folder/greet.flow.yaml" --relay "$relay_url" \
    --token-file "$keys/token" --ca-file "$relay_folder/ca.crt"
  for _ in $(seq 200); do
    [ "$(run flow show greet --json 2> /dev/null | json data.flow.live.release)" != 1 ] || break
    sleep 0.05
  done
  run flow run greet --wait
}

# trust_of NAME: what `trust init` has made.
trust_of() { json "data.$1" < "$folder/keys/trust.json"; }

demo_approval() {
  local keys=$folder/keys far=$folder/far-away host request call
  local relay_words=(--relay "$relay_url" --token-file "$far/token" --ca-file "$relay_folder/ca.crt")
  mkdir -p "$far"
  run key new "$far/cleo.key" --passphrase-file "$keys/passphrase" > /dev/null 2>&1
  show "belay trust add-approver … cleo cleo.key.pub"
  run trust add-approver "$(trust_of roster_file)" cleo "$far/cleo.key.pub" "$keys/roster-2.jws" \
    --root "$(trust_of root_file)" --key "$keys/root.key" --passphrase-file "$keys/passphrase" > /dev/null
  run trust install --root "$(trust_of root_file)" --root-digest "$(trust_of root_digest)" \
    --roster "$keys/roster-2.jws" --least-roster 2 > /dev/null
  cat > "$folder/migrate.flow.yaml" << 'YAML'
slug: migrate
steps:
  - id: review
    wait:
      approval: {summary: Run the migration?, artifacts: ["ALTER TABLE customers ADD COLUMN note text;"]}
      timeout: 1h
output: {by: "${{ steps.review.output.by }}"}
YAML
  call=$(run flow run "$folder/migrate.flow.yaml" --json | json data.run.id)
  # What Cleo has: a key, a token of the relay, and the thumbprint of the host, which did not come over the relay.
  host=$(run host key --json | json data.host)
  relay tokens new --role approver --expires 1h --json | json data.secret > "$far/token"
  for _ in $(seq 200); do
    request=$(run approvals list "${relay_words[@]}" --json | json data.approvals.0.request)
    [ -z "$request" ] || break
    sleep 0.3
  done
  show "belay approve ${request:0:8}… --relay $relay_url --host ${host:0:8}… --key cleo.key"
  run approve "$request" "${relay_words[@]}" --host "$host" --key "$far/cleo.key" \
    --passphrase-file "$keys/passphrase" --artifacts "$far/artifacts" --yes
  cat "$far/artifacts/artifact-1"
  echo
  run run watch "$call" --timeout 30s > /dev/null
  [ "$(run run show "$call" --json | json data.run.output.by)" = cleo ]
}
