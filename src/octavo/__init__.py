"""Octavo: Transformer translation in 8-bit integers on ordinary CPUs.

    import octavo

    with octavo.load() as translator:
        print(translator("A man rides a bicycle.").text)

Importing the package loads neither numpy nor the native engine; the first use does.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar

from octavo.errors import OctavoError

if TYPE_CHECKING:
    from pathlib import Path

    from octavo.generation import Continuation, LanguageModel
    from octavo.translation import Precision, Translation, TranslationWarning, Translator

__all__ = [
    "Continuation",
    "LanguageModel",
    "OctavoError",
    "Translation",
    "TranslationWarning",
    "Translator",
    "__version__",
    "load",
    "load_language_model",
]

__version__: str


def load(
    path: str | PathLike[str] | None = None,
    *,
    precision: Precision | None = None,
    threads: int = 0,
    sentence_by_sentence: bool = True,
    shortlist: bool = True,
    source: str | None = None,
    to: str | None = None,
) -> Translator:
    """Load a model and return its translator.

    ``path``: the model directory, or the name or the pair of an installed model, such as "en-de"
    (docs/guide/models.md); None takes the English-German model that comes with Octavo.
    ``precision``: "int8", "float32" or "integer"; None takes what the model is stored for.
    ``threads``: 0 takes every core.
    ``sentence_by_sentence``: translate each sentence of a text on its own, as a model trained on single
    sentences needs; False hands the model whole texts.
    ``shortlist``: use the model's, where it has one; False chooses from its whole vocabulary.
    ``source``, ``to``: languages of a model that has several, such as "en" and "de", where a call states
    none.

    Raises OctavoError when the model cannot be read or cannot run in this precision.
    """
    from octavo.translation import Translator

    return Translator.open(
        _model_path(path),
        precision=precision,
        threads=threads,
        sentence_by_sentence=sentence_by_sentence,
        shortlist=shortlist,
        source=source,
        to=to,
    )


def load_language_model(
    path: str | PathLike[str], *, precision: Precision | None = None, threads: int = 0
) -> LanguageModel:
    """Load a language model, which continues text.

    ``path``: its directory, or its name where it is installed.
    ``precision``: "int8", "float32" or "integer"; None takes what the model is stored for.
    ``threads``: 0 takes every core. For example::

        with octavo.load_language_model("my-model") as model:
            print(model.generate("The castle was built", seed=1, top_p=0.9)[0].text)

    Raises OctavoError when the model cannot be read, translates, or cannot run in this precision.
    """
    from octavo.generation import LanguageModel

    return LanguageModel.open(_model_path(path), precision=precision, threads=threads)


PathT = TypeVar("PathT")


def _model_path(path: PathT) -> PathT | Path:
    """The directory of a model that is named. None stays the model in the box, also where this is pickled,
    and what names nothing is refused by who opens it."""
    from octavo.catalog import resolve

    return resolve(path) if isinstance(path, str | PathLike) else path


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _installed_version()
    if name in ("Translation", "TranslationWarning", "Translator"):
        from octavo import translation

        return getattr(translation, name)
    if name in ("Continuation", "LanguageModel"):
        from octavo import generation

        return getattr(generation, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _installed_version() -> str:
    from importlib import metadata

    try:
        return metadata.version("octavo")
    except metadata.PackageNotFoundError:  # imported from a source tree that was never installed
        return "0+source"
