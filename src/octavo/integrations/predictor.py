"""Predictor: one object that Ray Data, Hugging Face datasets and pandas can call with a batch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Unpack, cast

from octavo.integrations.model_source import LoadOptions, ModelSource
from octavo.translation import TranslationOptions, Translator


class PredictorOptions(LoadOptions, TranslationOptions, total=False):
    """The options of ``octavo.load`` and of a call of its translator."""


class Predictor:
    """Translates a column of batches. It can be pickled; each process loads the model once, when needed.

    ``model`` is what ``octavo.load`` takes, a path, a name or None; or the bytes that ``pack_model`` gives,
    or an ObjectRef of Ray that holds these. ``column`` has the texts, ``output`` gets the translations.
    Options are those of ``octavo.load`` and of a Translator's call, for example ``threads=1, beam=1``. Where
    several processes share a machine, give each its share of the cores with ``threads``.

        dataset.map_batches(Predictor, fn_constructor_kwargs={"threads": 1}, num_cpus=1)     # Ray Data
        dataset.map(Predictor(column="en"), batched=True)                                    # datasets
        frame = Predictor(output="de")(frame)                                                # pandas
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | bytes | Any = None,
        column: str = "text",
        output: str = "translation",
        **options: Unpack[PredictorOptions],
    ) -> None:
        if isinstance(model, ModelSource):
            self._source = model
        elif model is None or isinstance(model, str | os.PathLike):
            self._source = ModelSource(path=None if model is None else _as_path(model))
        else:
            self._source = ModelSource(packed=model)
        self.column = column
        self.output = output
        load = {name: value for name, value in options.items() if name in LoadOptions.__annotations__}
        self._load = cast(LoadOptions, load)
        rest = {name: value for name, value in options.items() if name not in load}
        self._options = cast(TranslationOptions, rest)
        self._translator: Translator | None = None

    def __call__(self, batch: Any) -> Any:
        """The batch with the column ``output`` added, or replaced, in the type that it came in.

        A batch is a dict of numpy arrays or of lists, a pandas.DataFrame, or a pyarrow.Table or RecordBatch.
        A missing text (None, NaN, NA) stays missing. Raises KeyError for a batch without the column,
        TypeError for another type and for an entry that is no text, and OctavoError.
        """
        kind = _kind_of(batch)
        texts = _texts(batch, kind, self.column)
        return _with_column(batch, kind, self.output, self.translations(texts), like=self.column)

    def translations(self, texts: Sequence[object]) -> list[str | None]:
        """The translation of each text; None of what is missing. Raises TypeError, OctavoError."""
        missing = [_is_missing(text) for text in texts]
        present = [text for text, absent in zip(texts, missing, strict=True) if not absent]
        found = (
            result.text for result in self.translator.stream(cast(Iterable[str], present), **self._options)
        )
        return [None if absent else next(found) for absent in missing]

    @property
    def translator(self) -> Translator:
        """The translator of this process. Raises OctavoError."""
        if self._translator is None:
            self._translator = self._source.load(self._load)
        return self._translator

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_translator": None}


_FRAMES: Final[dict[str, tuple[str, ...]]] = {"pandas": ("DataFrame",), "pyarrow": ("Table", "RecordBatch")}
"""Types of batches, by library and name, so that no library is imported for it."""


def _as_path(model: str | os.PathLike[str]) -> str:
    """A directory by its whole path, for processes that work in another one; else the name of a model."""
    path = Path(model)
    return str(path.absolute()) if path.exists() else str(model)


def _kind_of(batch: object) -> str:
    """ "pandas", "pyarrow" or "dict". Raises TypeError."""
    for base in type(batch).__mro__:
        library = base.__module__.partition(".")[0]
        if base.__name__ in _FRAMES.get(library, ()):
            return library
    if isinstance(batch, Mapping):
        return "dict"
    raise TypeError(
        f"a batch is a {type(batch).__name__}: must be a dict of columns, a pandas.DataFrame or a "
        "pyarrow.Table"
    )


def _texts(batch: Any, kind: str, column: str) -> Sequence[object]:
    names = list(batch.schema.names) if kind == "pyarrow" else list(batch)
    if column not in names:
        raise KeyError(f"the batch has no column {column!r}; it has {', '.join(map(repr, names))}")
    values = batch[column]
    return values.to_pylist() if kind == "pyarrow" else list(values)


def _with_column(batch: Any, kind: str, name: str, values: list[str | None], like: str) -> Any:
    if kind == "pandas":
        return batch.assign(**{name: values})
    if kind == "pyarrow":
        import pyarrow as pa

        added = pa.array(values, pa.string())
        index = batch.schema.get_field_index(name)
        return batch.append_column(name, added) if index < 0 else batch.set_column(index, name, added)
    return {**batch, name: _as_array(values, batch[like])}


def _as_array(values: list[str | None], like: object) -> object:
    """A numpy array where the texts came in one, else the list."""
    if type(like).__module__ != "numpy":
        return values
    import numpy as np

    return np.array(values, dtype=object)


def _is_missing(value: object) -> bool:
    """None, NaN of a float, and what pandas has for them."""
    is_nan = isinstance(value, float) and value != value
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")
