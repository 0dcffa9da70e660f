"""The files in deploy/ fit the program that they start."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .document_blocks import ROOT
from .test_docs import options_of_commands

DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.iterdir() if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_options_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace('", "', " ")
    known = options_of_commands()["serve"]
    for line in text.splitlines():
        for used in re.findall(r"octavo serve\b([^,;]*)", line):
            assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", used)) <= known, line


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    text = (DEPLOY / "octavo.service").read_text(encoding="utf-8")
    unit = tmp_path / "octavo.service"
    unit.write_text(text.replace("/opt/octavo/bin/octavo", shutil.which("true") or "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "octavo.service" in line] == []
    assert done.returncode == 0


def test_the_unit_gives_no_rights_and_more_time_than_the_service_takes_to_stop() -> None:
    text = (DEPLOY / "octavo.service").read_text(encoding="utf-8")
    settings = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    assert settings["CapabilityBoundingSet"] == settings["AmbientCapabilities"] == ""
    assert (settings["DynamicUser"], settings["NoNewPrivileges"]) == ("yes", "yes")
    assert (settings["ProtectSystem"], settings["IPAddressDeny"]) == ("strict", "any")
    grace = re.search(r"--grace (\d+)", settings["ExecStart"])
    assert grace
    assert int(settings["TimeoutStopSec"]) > int(grace[1])


def test_the_container_names_no_host_and_runs_without_root() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    images = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert images
    assert not [image for image in images if "/" in image]
    assert re.findall(r"^USER (\d+):", text, re.MULTILINE)[-1] != "0"
    for copied in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        assert all((ROOT / name).exists() for name in copied.split())
