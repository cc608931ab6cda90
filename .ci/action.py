"""Runs the steps of action.yml that are commands, as a runner would, on estates whose findings are known."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import yaml

PROJECT = pathlib.Path(__file__).resolve().parent.parent
ACTION = yaml.safe_load((PROJECT / "action.yml").read_text())


def run(folder, estate, **given):
    """Runs the action in a copy of an estate. Answers with the exit code and the file for code scanning."""
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(PROJECT / "fixtures" / "estates" / estate, work / "deploy")
    temp = folder / "temp"
    temp.mkdir(parents=True, exist_ok=True)
    values = {"github.action_path": str(PROJECT), "runner.temp": str(temp), "runner.os": "Linux", "runner.arch": "X64"}
    inputs = {name: one.get("default", "") for name, one in ACTION["inputs"].items()} | given
    values |= {f"inputs.{name}": text for name, text in inputs.items()}
    code = 0
    for step in ACTION["runs"]["steps"]:
        if "uses" in step:
            # What only the runner's own servers can do. What it is given must be there.
            [fill(text, values) for text in step["with"].values()]
            continue
        if "cache-hit" in step.get("if", "") and (temp / "palisade/bin/palisade").exists():
            continue
        output = folder / "output"
        output.write_text("")
        environment = {name: fill(text, values) for name, text in step.get("env", {}).items()}
        environment |= {"GITHUB_OUTPUT": str(output)}
        # As the runner calls it.
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(shell, cwd=work, env=os.environ | environment, capture_output=True, text=True)
        for line in output.read_text().splitlines():
            name, _, text = line.partition("=")
            values[f"steps.{step['id']}.outputs.{name}"] = text
        if done.returncode:
            code = done.returncode
            print(done.stdout[-300:], done.stderr[-2000:], sep="\n")
            break
    return code, values.get("steps.check.outputs.sarif")


def fill(text, values):
    """A text with its expressions filled in; those that are not known are wrong."""

    def value(match):
        name = match.group(1)
        known = name in values or name.startswith("steps.")
        assert known, f"action.yml names `{name}`, which is not known"
        return values.get(name, "")

    return re.sub(r"\$\{\{\s*([\w.-]+)\s*\}\}", value, str(text))


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    # The binary is kept from run to run, as the cache does, but not from one day to the next.
    shutil.rmtree(folder, ignore_errors=True)
    cases = [
        ("reference", {}, 0, True),
        ("tutorial", {"paths": "deploy\n", "arguments": "--quiet\n"}, 1, True),
        ("tutorial", {"paths": "deploy/team-y\ndeploy/team-x", "arguments": "--fail-on=never"}, 0, True),
        ("tutorial", {"paths": "no/such/path"}, 2, False),
        ("tutorial", {"arguments": "--no-such-option"}, 2, False),
    ]
    for estate, given, code, has_findings in cases:
        found, sarif = run(folder, estate, **given)
        assert found == code, f"{estate} with {given}: exit code {found}, not {code}"
        assert bool(sarif) == has_findings, f"{estate} with {given}: {sarif}"
        if sarif:
            assert '"version":"2.1.0"' in pathlib.Path(sarif).read_text(), sarif
    print(f"{len(cases)} runs ended as they must")


main()
