"""What a coding agent writes flows with, on the shipped binary: templates, docs of steps, search."""

import os

import belay
import check


def test_every_template_becomes_a_valid_flow():
    with belay.started() as host:
        names = [one["name"] for one in host.cli("flow", "new", "--list").data["templates"]]
        for name in ("review-and-apply", "nightly-job", "poll-until", "fan-out-and-join"):
            check.equal(True, name in names, name)
        for name in names:
            file = os.path.join(host.folder, name + ".flow.yaml")
            host.cli("flow", "new", "try-" + name, "--template", name, "--output", file)
            checked = host.cli("flow", "validate", file).data
            check.equal("try-" + name, checked["files"][0]["flow"], name)
            check.equal([], checked["diagnostics"], name)


def test_a_template_runs_as_it_is():
    with belay.started() as host:
        file = os.path.join(host.folder, "mine.flow.yaml")
        host.cli("flow", "new", "mine", "--template", "fan-out-and-join", "--output", file)
        shown = host.cli("flow", "run", file, "--input", "hosts:=[\"x\"]", "--wait").data
        check.equal("succeeded", shown["run"]["status"])
        check.equal(["0: x"], shown["run"]["output"]["lines"])


if __name__ == "__main__":
    check.main(globals())
