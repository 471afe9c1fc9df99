# A part of the demo, read by demo.sh: a coding agent improves a repository in a clone, tests run, a person approves, and
# exactly its diff is committed. The agent speaks the Agent Client Protocol and edits files for real; its model is a script.

# Before the daemon reads its settings.
configure_agent() {
  cat > "$folder/improve.json" << 'JSON'
[{"say": "I look at what is there, and add a check."},
 {"write": {"path": "check-readme.sh", "content": "#!/bin/sh\n# The readme has to be there.\ntest -s README.md\n"}},
 {"append": {"path": "README.md", "content": "\nChecked by check-readme.sh.\n"}},
 {"say": "The check is there, and the readme names it."}]
JSON
  sed -i "/^agents:/a\\  coder: {adapter: acp, binary: $repository/tests/support/acp_agent.py, args: [--script, $folder/improve.json]}" \
    "$XDG_CONFIG_HOME/belay/belay.yaml"
}

demo_agent() {
  say "A coding agent improves a repository"
  git clone --quiet "$folder/project.git" "$folder/checkout"
  show "belay flow run autonomous-improvement.flow.yaml --input repository=… --input task='Add a check' --input test='sh check-readme.sh'"
  local run_id approval=''
  run_id=$(run flow run "$repository/config/templates/autonomous-improvement.flow.yaml" --input "repository=$folder/checkout" \
    --input "task=Add a check of the readme." --input "test=sh check-readme.sh" --json | json data.run.id)
  for _ in $(seq 600); do
    approval=$(run wait list --run "$run_id" --json | json data.waits.0.id)
    [ -z "$approval" ] || break
    sleep 0.05
  done
  [ -n "$approval" ] || { run run show "$run_id"; run run logs "$run_id"; echo "no approval was asked for" >&2; exit 1; }
  run run logs "$run_id"
  show "belay approve $approval"
  run approve "$approval"
  run run watch "$run_id" --timeout 60s > /dev/null
  run run show "$run_id"
  [ "$(run run show "$run_id" --json | json data.run.output.applied)" = True ]
  git -C "$folder/checkout" show --stat --format='%h %s' HEAD
  git -C "$folder/checkout" grep --quiet 'Checked by check-readme.sh' HEAD -- README.md
}
