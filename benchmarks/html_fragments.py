"""Generated HTML, sound and broken, translated by a stand-in that moves words, marks and images about.

    python benchmarks/html_fragments.py --fragments 100000

For every fragment, writing the source gives the same bytes. After the translation html5lib, which shares no
code with Octavo's reader, finds the same tags with the same attributes, the same comments, the blocks in the
same order, every inline element within the elements it was in, and no letter of text more or less. Needs
``pip install html5lib``. It prints the first failures and exits with 1 if there are any.
"""

from __future__ import annotations

import argparse
import collections
import random
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.document_stand_ins import Shuffle

from octavo.documents.html import read_text
from octavo.documents.html_elements import BLOCKS, VOIDS


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


INLINE = _names(
    "a b i em strong span u s sub sup small mark q cite abbr label font ins del x-y bdo code kbd var tt"
)
BLOCK = _names("p div ul li table tr td h1 h2 dl dt dd button option title pre body")
RAW = _names("script style textarea iframe xmp")
SKIPPED = _names("svg math template")
VOID = _names("br img input wbr hr embed")
WORDS = _names("Octavo gives text back and nothing changes über naïve 5 %s {name} … 北京 👍🏽 don't")
ODD = [
    "&amp;",
    "&nbsp;",
    "&copy",
    "&#8217;",
    "&lt;b&gt;",
    "&bogus;",
    "&",
    "<",
    "< ",
    ">",
    "\xa0",
    "\r\n",
    "\n",
    "&#0;",
    '"',
]
ATTRIBUTES = [
    *(
        'class="x y"',
        "id=a",
        "hidden",
        'title="A tip &amp; more"',
        "alt='An image'",
        "translate=no",
        "href=a/b/",
    ),
    *(
        'class="notranslate"',
        'aria-label="A > b"',
        'data-x="\'"',
        'title=""',
        "=x",
        "a'b",
        "translate=yes",
        "/",
    ),
    *("placeholder=Name", 'alt = "x\ny"', "type=submit value=Send"),
]
BROKEN = [
    "<",
    "</",
    "</>",
    "<!",
    "<!-- -->",
    "<!>",
    "<!-->",
    "<?php x > y ?>",
    "<![CDATA[x]]>",
    "</ b>",
    "<!-- <b> --!>",
]
TAIL = [
    "<!-- open",
    "<b",
    "<a href='x",
    "<script>",
    "<title>",
    "</i",
    "<plaintext>",
    "<svg><text>x",
    "<!",
    "",
]


class Grammar:
    """Fragments of HTML by chance."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._choice = self._random.choice

    def fragment(self) -> str:
        """One fragment; every tenth ends in the middle of something."""
        content = "".join(self._content(0) for _ in range(self._random.randint(1, 4)))
        return content + (self._choice(TAIL) if self._random.random() < 0.1 else "")

    def _content(self, depth: int) -> str:
        return "".join(self._item(depth) for _ in range(self._random.randint(1, 5)))

    def _item(self, depth: int) -> str:
        chance = self._random.random()
        if chance < 0.45 or depth > 5:
            return " ".join(self._choice(WORDS) for _ in range(self._random.randint(1, 5))) + self._choice(
                " \n  "
            )
        if chance < 0.52:
            return self._choice(ODD)
        if chance < 0.77:
            return self._element(self._choice(INLINE), depth)
        if chance < 0.88:
            return self._element(self._choice(BLOCK), depth)
        if chance < 0.92:
            return f"<{self._choice(VOID)}{self._attributes()}{self._choice(['', '/', ' /'])}>"
        if chance < 0.95:
            name = self._choice(RAW + SKIPPED)
            content = f"if (a<b) <!-- <{name}> <b>x</b>" if name in RAW else "<text>x</text><desc>y</desc>"
            return f"<{name}{self._attributes()}>{content}</{name}>"
        if chance < 0.97:
            return self._choice(BROKEN)
        return self._choice(["<%s>", "</%s>", "<%s/>"]) % self._choice((*INLINE, *BLOCK, "br", "svg"))

    def _element(self, name: str, depth: int) -> str:
        end = f"</{name}>" if self._random.random() < 0.9 else ""
        if self._random.random() < 0.05:
            name = name.upper()
        return f"<{name}{self._attributes()}>{self._content(depth + 1)}{end}"

    def _attributes(self) -> str:
        number = self._choice([0, 0, 0, 1, 1, 2])
        return "".join(self._choice(" \n") + self._choice(ATTRIBUTES) for _ in range(number))


def html5lib_tokens(text: str) -> list[dict[str, Any]]:
    """The tokens that html5lib's parser takes from its tokenizer, copied before the parser changes them."""
    import html5lib
    from html5lib._tokenizer import HTMLTokenizer

    recorded: list[dict[str, Any]] = []

    class RecordedTokenizer(HTMLTokenizer):
        def __iter__(self) -> Iterator[dict[str, Any]]:
            for token in super().__iter__():
                data = token["data"]
                recorded.append({**token, "data": dict(data) if isinstance(data, dict) else data})
                yield token

    class Parser(html5lib.HTMLParser):
        def mainLoop(self) -> None:  # noqa: N802 - html5lib's name
            self.tokenizer.__class__ = RecordedTokenizer
            super().mainLoop()

    Parser().parseFragment(text)
    return recorded


CHARACTERS, SPACES, START, END, COMMENT = 1, 2, 3, 4, 6


def seen(text: str) -> tuple[Any, ...]:
    """What a translation must not change, as html5lib sees it."""
    tags: collections.Counter[Any] = collections.Counter()
    letters: collections.Counter[str] = collections.Counter()
    nested: collections.Counter[Any] = collections.Counter()
    blocks: list[Any] = []
    run: list[Any] = []
    for token in html5lib_tokens(text):
        kind, name = token["type"], token.get("name")
        if kind in (CHARACTERS, SPACES):
            letters.update("".join(token["data"].split()))
        elif kind == COMMENT:
            tags[token["data"]] += 1
        elif kind in (START, END):
            attributes = tuple(sorted((key, _letters(value)) for key, value in dict(token["data"]).items()))
            tag = (kind, name, attributes)
            tags[tag] += 1
            if name in BLOCKS:
                blocks.append(tag)
                nested.update(_elements(run))
                run = []
            elif name not in VOIDS and not (
                kind == START and token["selfClosing"] and name not in (*RAW, "template")
            ):
                run.append(tag)
    nested.update(_elements(run))
    return tags, letters, nested, blocks


def _letters(value: str) -> str:
    return "".join(sorted("".join(value.split())))


def _elements(run: list[Any]) -> Iterator[Any]:
    """The inline elements between two blocks, each as itself and the names of those around it."""
    pairs, unclosed = {}, []
    for index, (kind, name, _) in enumerate(run):
        if kind == START:
            unclosed.append(index)
        elif any(run[opened][1] == name for opened in unclosed):
            opened = unclosed.pop()
            while run[opened][1] != name:
                opened = unclosed.pop()
            pairs[opened] = index
    paths: list[tuple[str, ...]] = [()]
    ends = set(pairs.values())
    for index, (kind, name, attributes) in enumerate(run):
        if index in pairs:
            # What is skipped stands anywhere, and what is in it goes with it.
            path = () if name in RAW + SKIPPED else paths[-1]
            yield (*path, kind, name, attributes)
            paths.append((*path, name))
        elif index in ends:
            paths.pop()


def failure(fragment: str, shuffle: Shuffle) -> str | None:
    """What is wrong with the translation of a fragment; None if nothing is."""
    document = read_text(fragment)
    passages = document.passages
    if document.write_text([passage.parts for passage in passages]) != fragment:
        return "the identity changes it"
    translated = document.write_text([shuffle(passage.parts) for passage in passages])
    names = ("tags", "letters", "nesting", "blocks")
    for name, before, after in zip(names, seen(fragment), seen(translated), strict=True):
        if before != after:
            return f"{name} differ\n  after  {translated!r}"
    return None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fragments", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    grammar, shuffle = Grammar(arguments.seed), Shuffle(arguments.seed)
    started, failures, passages = time.perf_counter(), 0, 0
    for _ in range(arguments.fragments):
        fragment = grammar.fragment()
        passages += len(read_text(fragment).passages)
        wrong = failure(fragment, shuffle)
        failures += wrong is not None
        if wrong and failures <= 10:
            print(f"{wrong}\n  before {fragment!r}")
    seconds = time.perf_counter() - started
    print(f"{arguments.fragments:,} fragments, {passages:,} passages, {failures:,} failures, {seconds:.0f} s")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
