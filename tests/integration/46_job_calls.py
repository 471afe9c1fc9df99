"""A job calls back inside its own step, finds and leaves files: through the whole host, in each profile."""

import os
import shutil
import subprocess
import tempfile

import belay
import check

BINARIES = os.path.dirname(belay.BINARY)
PROFILES = ("bare", "user", "strong")


class Place:
    """A host whose jobs can be of every profile that this machine has, and a copy of the program that they may run."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="belay-calls-", dir="/tmp")
        os.chmod(self.path, 0o755)
        self.program = shutil.copy(belay.BINARY, self.path + "/belay")
        jobs = {"grace": "200ms", "files_max": "1 MiB"}
        if os.geteuid() == 0:
            jobs.update(profile="bare", users=["72100-72103"], user_folder=self.path + "/of-flows",
                        read_paths=[self.path + "/belay"])
        self.host = belay.started({"jobs": jobs})
        self.profiles = [p for p in PROFILES if p == "bare" or os.geteuid() == 0]
        if not os.path.exists("/usr/bin/bwrap"):
            self.profiles = [p for p in self.profiles if p != "strong"]
        return self

    def __exit__(self, *_):
        self.host.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def flow(self, script, **more):
        return {"slug": "f", "steps": [{"id": "a", "run": {
            "script": script, "env": {"BELAY": self.program}, **more}}], "output": "${{ steps.a.output }}"}

    def cat(self, resource):
        return self.host.cli("resource", "cat", resource["ref"], json_out=False).out


def test_progress_files_and_result():
    with Place() as place:
        for profile in place.profiles:
            shown = place.host.run(place.flow(
                "$BELAY job progress 'half of it'; echo report > report.txt; $BELAY job attach report.txt; "
                "echo more >> report.txt; mkdir -p out; echo kept > out/kept; "
                "$BELAY job result '{\"n\": 4}'", profile=profile, collect=["out/kept"]))
            check.equal("succeeded", shown["run"]["status"], "%s: %s" % (profile, str(shown)[:900]))
            output = shown["run"]["output"]
            check.equal({"n": 4}, output["result"])
            check.equal("report\nmore\n", place.cat(output["attachments"]["report.txt"]))
            check.equal("kept\n", place.cat(output["files"]["out/kept"]))
            check.has(place.host.cli("run", "logs", shown["run"]["id"], json_out=False).err, "half of it")


def test_progress_is_seen_while_it_runs():
    with Place() as place:
        run = place.host.start_run(place.flow("echo noise; $BELAY job progress 'step 3 of 7'; echo noise; sleep 60"))
        belay.eventually(lambda: belay.step_of(place.host.show(run), "a").get("progress") == "step 3 of 7")
        check.has(place.host.cli("run", "show", run, json_out=False).out, "step 3 of 7")
        watch = place.host.spawn("run", "watch", run, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        # It ends with the run: until then each line is one that was printed while the job was there.
        check.equal(True, any("step 3 of 7" in line for line in watch.stdout))
        check.equal("running", place.host.show(run)["run"]["status"])
        place.host.post("/v1/runs/%s/cancel" % run)
        place.host.wait_run(run)
        watch.communicate(timeout=20)
        check.lacks(str(place.host.show(run)["steps"]), "'progress'")


def test_the_folder_of_a_job():
    with Place() as place:
        for profile in place.profiles:
            flow = place.flow("cat $BELAY_JOB_DIR/payload.json; grep -c '\"attempt\":1' $BELAY_JOB_DIR/context.json; "
                              "echo \"$BELAY_JOB_DIR\"; echo '{\"from\": \"file\"}' > $BELAY_JOB_DIR/result.json",
                              profile=profile, payload={"items": "${{ [1, 2] }}"})
            shown = place.host.run(flow)
            check.equal("succeeded", shown["run"]["status"], "%s: %s" % (profile, str(shown)[:900]))
            output = shown["run"]["output"]
            check.equal({"from": "file"}, output["result"])
            said = output["stdout"]["text"]
            check.has(said, '{"items":[1,2]}1\n')
            check.equal(False, os.path.exists(said.split("\n")[1]), "the folder of the job, %s" % profile)


def test_two_results_are_an_error():
    with Place() as place:
        for script in ("$BELAY job result 1; $BELAY job result 2 || true", "$BELAY job result 1; echo 2 >&3",
                       "echo 1 > $BELAY_JOB_DIR/result.json; echo 2 >&3"):
            shown = place.host.run(place.flow(script, payload={}))
            check.equal("BLY-JOB-RESULT-TWICE", shown["run"]["error"]["code"], script)


def test_what_cannot_be_kept_is_an_error():
    with Place() as place:
        for script, collect, wanted in (("true", ["missing"], "No such file"), ("ln -s /etc/passwd l", ["l"], "collect l"),
                                        ("truncate -s 3M large", ["large"], "jobs.files_max")):
            shown = place.host.run(place.flow(script, collect=collect))
            check.equal("BLY-JOB-RESULT", shown["run"]["error"]["code"], script)
            check.has(shown["run"]["error"]["message"], wanted)
        answer = place.host.cli("flow", "validate", place.host.write("f.flow.json", place.flow("true", collect=[1])))
        check.equal("BLY-FLOW-WRONG-TYPE", answer.error.get("code"))
        shown = place.host.run(place.flow("true", collect=["../x"]))
        check.equal("BLY-INVALID-ARGUMENT", shown["run"]["error"]["code"])


def test_outside_of_a_job_there_is_nothing_to_call():
    with belay.Host() as host:
        for words in (("progress", "x"), ("attach", belay.BINARY), ("result", "1")):
            answer = host.cli("job", *words)
            check.equal(7, answer.code, str(answer))
            check.equal("BLY-JOB-TOKEN", answer.error.get("code"))
        for number in ("4", "0", "99999", "x", ""):
            answer = host.cli("job", "progress", "x", environment={**host.environment, "BELAY_JOB_FD": number})
            check.equal("BLY-JOB-TOKEN", answer.error.get("code"))
        check.equal(2, host.cli("job", "attach", belay.BINARY, "--name", "../x").code)


def test_secrets_are_masked():
    with Place() as place:
        place.host.cli("secret", "set", "token", stdin="s3cret-of-the-test")
        flow = place.flow("echo $T > f; $BELAY job attach f; cp f of-$T; $BELAY job attach of-$T; $BELAY job progress \"with $T\"; $BELAY job result \"\\\"$T\\\"\"; "
                          + place.host.gate())
        flow["steps"][0]["run"]["env"]["T"] = {"secret": "token"}
        run = place.host.start_run(flow)
        belay.eventually(lambda: belay.step_of(place.host.show(run), "a").get("progress") == "with ***token***")
        place.host.write("go", "")
        output = place.host.wait_run(run)["run"]["output"]
        check.equal("***token***", output["result"])
        check.equal("***token***\n", place.cat(output["attachments"]["f"]))
        check.equal({"f", "of-***token***"}, set(output["attachments"]))
        check.lacks(str(place.host.cli("resource", "list", "--run", run).data), "s3cret")
        check.lacks(place.host.cli("run", "logs", run, json_out=False).err, "s3cret")


if __name__ == "__main__":
    check.main(globals())
