"""The shape of the code: files per folder, floors, arrows, and arrows that go upward.

    python tools/structure.py
    python tools/structure.py --at v0.1.0
    python tools/structure.py ../another-checkout

A *room* is a folder of source files. In `src/octavo` a module beside the folders is a room of its own; those
beside the folders of a part are two: its ground, which needs no folder of the part, and its roof. An *arrow*
leads from a room (or a file) to another one that it imports or includes, however often. The *floors* are the
rooms on the longest chain of arrows. Arrows in a circle of rooms have no floor order: as many of them as an
order cannot avoid are *upward*, and are listed. Imports inside functions count like all others.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path, PurePosixPath

TREES = ("src/octavo", "native")
Arrows = dict[str, set[str]]


def python_arrows(root: Path, files: list[Path]) -> Arrows:
    """Each file of a package and those of its files that it imports, by path under the root."""
    package = root.parent
    modules = {module_name(path, package): path for path in files}
    return {
        name_in(root, path): {
            name_in(root, modules[found])
            for name in imported_names(path, module_name(path, package))
            if (found := nearest(name, modules)) and modules[found] != path
        }
        for path in files
    }


def module_name(path: Path, package: Path) -> str:
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(path: Path, module: str) -> Iterable[str]:
    """Dotted names of all modules or members that a file imports."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def nearest(name: str, modules: dict[str, Path]) -> str:
    """The module that a dotted name is or lies in; empty where it is none of ours."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def native_arrows(root: Path, files: list[Path]) -> Arrows:
    """Each native file and those that it includes, by path under the root."""
    there = set(files)
    found: Arrows = {}
    for path in files:
        named = re.findall(r'^\s*#\s*include\s*"([^"]+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
        near = [next((f for f in (root / name, path.parent / name) if f in there), None) for name in named]
        found[name_in(root, path)] = {name_in(root, f) for f in near if f and f != path}
    return found


def name_in(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def rooms_of(files: Arrows) -> dict[str, str]:
    """The room of each file."""
    folder = {file: PurePosixPath(file).parent.as_posix() for file in files}
    roof = {
        file for file in files if file.endswith(".py") and folder[file] != "." and over_folders(file, files)
    }
    rooms = {file: f"{folder[file]} (roof)" if file in roof else folder[file] for file in files}
    return {file: file if room == "." else room for file, room in rooms.items()}


def over_folders(file: str, files: Arrows) -> bool:
    """Whether a file needs one from a folder below its own, itself or by its neighbours."""
    here = PurePosixPath(file).parent
    reached: set[str] = set()
    left = [file]
    while left:
        name = left.pop()
        reached.add(name)
        if PurePosixPath(name).parent == here:
            left.extend(to for to in files[name] - reached if PurePosixPath(to).is_relative_to(here))
    return any(PurePosixPath(name).parent != here for name in reached)


def between_rooms(files: Arrows) -> tuple[Arrows, Counter[tuple[str, str]]]:
    """The arrows between rooms, and how many arrows between files each stands for."""
    room = rooms_of(files)
    weights = Counter(
        (room[file], room[to]) for file, targets in files.items() for to in targets if room[file] != room[to]
    )
    rooms: Arrows = {name: set() for name in room.values()}
    for here, there in weights:
        rooms[here].add(there)
    return rooms, weights


def upward(rooms: Arrows, weights: Counter[tuple[str, str]]) -> list[tuple[str, str]]:
    """Arrows that an order of the rooms leaves upward: lightest first until no circle is left."""
    left = {room: set(targets) for room, targets in rooms.items()}
    taken = []
    while circle := circle_in(left):
        here, there = min(pairwise(circle), key=lambda arrow: (weights[arrow], arrow))
        left[here].remove(there)
        taken.append((here, there))
    return sorted(taken)


def circle_in(arrows: Arrows) -> list[str]:
    """A circle of arrows as its nodes, the first one again at the end; empty where there is none."""
    state: dict[str, int] = {}

    def visit(node: str, path: list[str]) -> list[str]:
        state[node] = 1
        for target in sorted(arrows[node]):
            if state.get(target) == 1:
                trail = [*path, node]
                return [*trail[trail.index(target) :], target]
            if target not in state and (circle := visit(target, [*path, node])):
                return circle
        state[node] = 2
        return []

    return next((circle for node in sorted(arrows) if node not in state and (circle := visit(node, []))), [])


def floors(arrows: Arrows, without: Iterable[tuple[str, str]] = ()) -> dict[str, int]:
    """The floor of each node: 1 for those that need nothing, else one above the highest that it needs."""
    skipped = set(without)
    down = {node: {to for to in targets if (node, to) not in skipped} for node, targets in arrows.items()}
    floor: dict[str, int] = {}
    for node in TopologicalSorter(down).static_order():
        floor[node] = 1 + max((floor[to] for to in down[node]), default=0)
    return floor


def count(arrows: Arrows) -> int:
    return sum(map(len, arrows.values()))


def inside(files: Arrows, part: str) -> Arrows:
    """The arrows between the files of one folder and its subfolders."""
    chosen = {file for file in files if file.startswith(f"{part}/")}
    return {file: files[file] & chosen for file in chosen}


def shape(arrows: Arrows, weights: Counter[tuple[str, str]]) -> str:
    """How many nodes, floors and arrows there are, as cells of a table."""
    return f"{len(arrows)} | {max(floors(arrows, upward(arrows, weights)).values())} | {count(arrows)}"


def between_files(root: Path, tree: str) -> Arrows:
    """The arrows between all source files of one tree."""
    is_python = tree.startswith("src")
    suffixes = {".py"} if is_python else {".h", ".cpp"}
    paths = sorted(path for path in (root / tree).rglob("*") if path.suffix in suffixes)
    return (python_arrows if is_python else native_arrows)(root / tree, paths)


def describe(root: Path, tree: str) -> bool:
    """Print one tree; whether no arrow of it goes upward."""
    files = between_files(root, tree)
    rooms, weights = between_rooms(files)
    wrong = upward(rooms, weights)
    floor = floors(rooms, wrong)
    sizes = Counter(rooms_of(files).values())
    print(f"\n## {tree}: {len(wrong)} arrows between rooms go upward\n")
    for here, there in wrong:
        print(f"* upward: `{here}` needs `{there}` ({weights[here, there]} arrows between files)")
    print("| part | rooms | floors | arrows | files | floors | arrows |\n| --- |" + " ---: |" * 6)
    print(f"| all | {shape(rooms, weights)} | {shape(files, Counter())} |")
    for part in sorted({file.partition("/")[0] for file in files if "/" in file}):
        own = inside(files, part)
        print(f"| `{part}/` | {shape(*between_rooms(own))} | {shape(own, Counter())} |")
    print("\n| floor | room | files | rooms it needs |\n| ---: | --- | ---: | ---: |")
    for room in sorted(rooms, key=lambda room: (floor[room], room)):
        print(f"| {floor[room]} | `{room}` | {sizes[room]} | {len(rooms[room])} |")
    return not wrong


def unpack(root: Path, revision: str, folder: Path) -> None:
    """The trees of a git revision, as files in a folder."""
    command = ["git", "-C", str(root), "archive", revision, *TREES]
    archive = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")


def main() -> int:
    """Print both trees; 1 when an arrow goes upward."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = Path(__file__).resolve().parents[1]
    parser.add_argument("root", nargs="?", type=Path, default=here, help="a checkout; default: this one")
    parser.add_argument("--at", metavar="REV", help="a git revision of that checkout in place of its files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = arguments.root
        if arguments.at:
            root = Path(scratch)
            try:
                unpack(arguments.root, arguments.at, root)
            except subprocess.CalledProcessError:
                parser.error(f"git has no revision {arguments.at!r} with {' and '.join(TREES)}")
        downward = [describe(root, tree) for tree in TREES]
        return int(not all(downward))


if __name__ == "__main__":
    sys.exit(main())
