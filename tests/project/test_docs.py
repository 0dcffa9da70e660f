"""Documents name only files, commands and options that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .document_blocks import DOCUMENTS, ROOT, label
from .test_layering import ALLOWED

FOLDERS = "benchmarks|deploy|docs|models|native|recipes|src|tests|tools"


@pytest.mark.parametrize("document", DOCUMENTS, ids=label)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    inside = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in inside if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=label)
def test_named_paths_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    paths = re.findall(rf"(?<![\w./-])((?:{FOLDERS})/[\w./-]*[\w/])", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []


def options_of_commands() -> dict[str, set[str]]:
    """Each command of the command line and the options it takes."""
    typer = pytest.importorskip("typer")
    from octavo.cli.app import app

    group = typer.main.get_command(app)
    commands = {
        name: [command, *getattr(command, "commands", {}).values()]
        for name, command in group.commands.items()
    }
    return {
        name: {
            option for one in group for item in one.params for option in [*item.opts, *item.secondary_opts]
        }
        for name, group in commands.items()
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=label)
def test_named_commands_and_options_exist(document: Path) -> None:
    known = options_of_commands()
    text = document.read_text(encoding="utf-8").replace("\\\n", " ")
    code = re.findall(r"`([^`\n]+)`", text) + [
        line for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()
    ]
    for line in code:
        for name, rest in re.findall(r"(?:^|[/\s])octavo ([a-z]+)\b([^|>&]*)", line):
            assert name in known, f"{label(document)}: octavo {name}"
            used = set(re.findall(r"(?<![\w-])(--?[a-z][a-z0-9-]*)", rest))
            assert used <= known[name] | {"--help"}, f"{label(document)}: {line}"


def test_the_options_page_names_every_option() -> None:
    page = (ROOT / "docs" / "guide" / "options.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", page))
    known = set().union(*options_of_commands().values())
    assert {option for option in known if option.startswith("--")} - named == set()


@pytest.mark.parametrize("folder", ["src/octavo", "native"])
def test_the_folder_tables_list_what_there_is(folder: str) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = next(part for part in text.split("\n## ") if f"`{folder}/`" in part.partition("\n")[0])
    cells = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    assert {name for name in named if not (ROOT / folder / name).exists()} == set()
    there = {path.name for path in (ROOT / folder).iterdir() if path.is_dir() or path.suffix == ".py"}
    public = {name for name in there if not name.startswith("_")}
    assert public <= {name.partition("/")[0] for name in named}


def test_a_part_stands_below_all_that_it_imports() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.split("## Python:")[1].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
    parts = [
        name.removesuffix(".py").rstrip("/") for cell in cells for name in re.findall(r"`([^`]+)`", cell)
    ]
    place = {part: number for number, part in enumerate(parts)}
    above = {
        (part, needed)
        for part, all_needed in ALLOWED.items()
        for needed in all_needed - {"octavo"}
        if part in place and needed in place and place[needed] > place[part]
    }
    assert above == set()
