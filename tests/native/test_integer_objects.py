"""Integer precision holds no floating-point instruction: its objects are disassembled."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "native"
#: Beside the folders "integer": sources of the core whose every instruction serves integer precision.
INTEGER_SOURCES = {
    *("fixed_point.cpp", "integer.cpp", "polynomial_attention.cpp", "scratch.cpp"),
    *("sentence_rows.cpp", "page_pool.cpp"),
}

PREFIXES = {"bnd", "cs", "data16", "ds", "es", "fs", "gs", "lock", "notrack", "rep", "repnz", "repz", "ss"}
#: By the type that ends the name (integer instructions that end so begin with p, or are products of tiles),
#: conversions, FMA, x87.
FLOATING = re.compile(
    r"(?!v?p|tdpb[su]{2}d)\w*(ss|sd|ps|pd)|(?!vp)v\w*(sh|ph)|v?perm\w*p[sd]|v?cvt\w*|v?f\w*"
)
#: What only moves bits, or combines them without regard to what they mean.
MOVES = re.compile(
    r"v?(mov(ss|sd|sh|[au]p[sd]|[hl]p[sd]|hlps|lhps|ntp[sd]|mskp[sd])|shufp[sd]|unpck[hl]p[sd]|blendv?p[sd]"
    r"|blendmp[sd]|perm\w*p[sd]|broadcasts[sd]|insertps|extractps|maskmovp[sd]|compressp[sd]|expandp[sd]"
    r"|gather\w*p[sd]|scatter\w*p[sd]|(and|andn|or|xor)p[sd])"
)


def serves_integers(path: Path) -> bool:
    """Whether a source of the core, or its object, has to be free of floats."""
    return path.parent.name == "integer" or path.name.removesuffix(".o") in INTEGER_SOURCES


def mnemonics(line: str) -> list[str]:
    """The instruction of a line of ``objdump -d --no-show-raw-insn``, if it has one."""
    words = line.split("\t", maxsplit=1)[1].split() if re.match(r"\s+[0-9a-f]+:\t", line) else []
    while words and words[0] in PREFIXES:
        words = words[1:]
    return words[:1]


def computes_in_floats(name: str) -> bool:
    return FLOATING.fullmatch(name) is not None and MOVES.fullmatch(name) is None


def floating_point_instructions(disassembly: str) -> list[str]:
    """The functions and instructions that compute with, convert or compare floats."""
    found = []
    function = "?"
    for line in disassembly.splitlines():
        if header := re.match(r"[0-9a-f]+ <(.*)>:$", line):
            function = header[1]
        found += [f"{name} in {function}" for name in mnemonics(line) if computes_in_floats(name)]
    return found


def disassembled(path: Path) -> str:
    command = ["objdump", "-d", "-C", "--no-show-raw-insn", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def is_for_arm(folder: Path) -> bool:
    """Whether a folder of kernels is for another architecture than the one disassembled here."""
    return any("vectors_neon/" in path.read_text(encoding="utf-8") for path in folder.glob("*.[ch]*"))


@pytest.fixture
def integer_objects(native_build: Path) -> list[Path]:
    if shutil.which("objdump") is None or os.uname().machine != "x86_64":
        pytest.skip("needs objdump, on x86-64")
    folder = native_build / "native" / "CMakeFiles"
    return [path for path in folder.rglob("*.o") if serves_integers(path)]


def test_integer_precision_holds_no_floating_point(integer_objects: list[Path]) -> None:
    compiled = {(path.parent.name, path.name.removesuffix(".o")) for path in integer_objects}
    core = (path for path in NATIVE.rglob("*.cpp") if path.parent != NATIVE / "tests")
    sources = {path for path in core if serves_integers(path) and not is_for_arm(path.parent)}
    assert {(path.parent.name, path.name) for path in sources} == compiled
    assert {path.parent.name for path in sources if path.name == "integer.cpp"} == {
        path.parent.name for path in NATIVE.rglob("table.cpp") if not is_for_arm(path.parent)
    }
    for path in integer_objects:
        text = disassembled(path)
        assert sum(len(mnemonics(line)) for line in text.splitlines()) > 10, f"nothing read of {path}"
        assert not floating_point_instructions(text), path


@pytest.mark.parametrize(
    ("source", "instruction"),
    [
        ("float f(float a, float b) { return a * b; }", "mulss"),
        ("double f(double a, double b) { return a + b; }", "addsd"),
        ("float f(int a) { return static_cast<float>(a); }", "cvtsi2ss"),
        ("long f(double a) { return static_cast<long>(a); }", "cvttsd2si"),
        ("bool f(float a, float b) { return a < b; }", "comiss"),
        ("float f(float a) { return __builtin_sqrtf(a); }", "sqrtss"),
        ("long double f(long double a, long double b) { return a * b; }", "fmul"),
        ("void f(float* a, int n) { for (int i = 0; i < n; ++i) a[i] += 1; }", "addps"),
    ],
)
@pytest.mark.parametrize("options", [[], ["-mavx2"]], ids=["sse2", "avx2"])
def test_a_planted_float_is_found(source: str, instruction: str, options: list[str], tmp_path: Path) -> None:
    compiler = os.environ.get("CXX", "c++")
    if shutil.which("objdump") is None or shutil.which(compiler) is None or os.uname().machine != "x86_64":
        pytest.skip("needs objdump and a compiler for x86-64")
    (tmp_path / "planted.cpp").write_text(source)
    command = [compiler, "-O3", "-fno-math-errno", *options, "-c", "planted.cpp", "-o", "planted.o"]
    subprocess.run(command, cwd=tmp_path, check=True)
    found = floating_point_instructions(disassembled(tmp_path / "planted.o"))
    assert any(instruction in line for line in found), found


@pytest.mark.parametrize(
    ("line", "floating"),
    [
        ("   0:\tvpdpbusd (%rax),%zmm1,%zmm2", False),
        ("   0:\tvpabsd %ymm1,%ymm2", False),
        ("   0:\ttdpbusd %tmm6,%tmm4,%tmm0", False),
        ("   0:\ttdpbf16ps %tmm6,%tmm4,%tmm0", True),
        ("   0:\tpackssdw %xmm1,%xmm2", False),
        ("   0:\tvpackssdw %ymm1,%ymm1,%ymm2", False),
        ("   0:\tvmovups (%rax),%ymm2", False),
        ("   0:\tvblendps $0xaa,%ymm1,%ymm1,%ymm2", False),
        ("   0:\tvshufps $0xaa,%ymm1,%ymm1,%ymm2", False),
        ("   0:\tvbroadcastss (%rax),%ymm2", False),
        ("   0:\tvpermps %ymm1,%ymm1,%ymm2", False),
        ("   0:\txorps %xmm1,%xmm1", False),
        ("   0:\tpush   %rbp", False),
        ("   0:\tcs nopw 0x0(%rax,%rax,1)", False),
        ("   0:\tfs mov 0x0,%rax", False),
        ("   0:\tvfmadd231ps %ymm1,%ymm1,%ymm2", True),
        ("   0:\tvroundps $0x8,%ymm1,%ymm2", True),
        ("   0:\tvrsqrt14ps %zmm1,%zmm2", True),
        ("   0:\tvcvtps2udq %zmm1,%zmm2", True),
        ("   0:\tvcmpltps %zmm1,%zmm2,%k1", True),
        ("   0:\tvmaxps %ymm1,%ymm1,%ymm2", True),
        ("   0:\tvdivsd %xmm1,%xmm1,%xmm2", True),
        ("   0:\tvaddph %zmm1,%zmm1,%zmm2", True),
        ("   0:\tvdpbf16ps %zmm1,%zmm1,%zmm2", True),
        ("   0:\tfldt   0x8(%rsp)", True),
        ("   0:\tnotrack jmp *%rax", False),
    ],
)
def test_what_counts_as_floating_point(line: str, floating: bool) -> None:
    assert bool(floating_point_instructions(line)) == floating
