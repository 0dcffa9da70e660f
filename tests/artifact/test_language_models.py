"""Model directories of language models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from octavo.artifact import ModelDirectory, Shortlist, write_model
from octavo.errors import ModelError
from octavo.model.config import AttentionFunction, NormFunction
from octavo.model.scheme import Scheme
from octavo.model.search import SearchDefaults

from ..models import language_config, random_tensors, tiny_tokenizer, write_tiny_model
from .test_model_directory import edit_config, refusal

INTEGER = {"attention": AttentionFunction.POLYNOMIAL, "norm_function": NormFunction.L1}


@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_language_model_comes_back(tmp_path: Path, scheme: Scheme) -> None:
    config = language_config(**INTEGER if scheme is Scheme.INTEGER else {})
    model = ModelDirectory.open(write_tiny_model(tmp_path / "lm", config=config, scheme=scheme))
    assert model.config == config
    assert (model.source_language, model.target_language) == ("en", "en")
    source, target = model.tokenizers()
    assert source is target
    found = dict(model.tensors())
    assert found.keys() == random_tensors(config, scheme).keys()
    assert not [name for name in found if name.startswith("encoder") or "cross_attention" in name]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda v: v.update(target_language="de"), "target_language = 'de': a language model has one langua"),
        (
            lambda v: v["model"].update(shared_embeddings=True),
            "has one embedding; shared_embeddings is false",
        ),
        (lambda v: v["model"].pop("shared_embeddings"), "has one embedding; shared_embeddings is false"),
        (lambda v: v["model"].update(source_vocab_size=95), "has one vocabulary, so source_vocab_size = 95"),
        (lambda v: v["model"].update(encoder_layers=1), "tensors"),
    ],
)
def test_faults_are_named(tmp_path: Path, edit: Callable[[dict[str, Any]], object], message: str) -> None:
    path = write_tiny_model(tmp_path / "lm", config=language_config())
    edit_config(path, edit)
    assert message in refusal(path)


def test_it_has_one_vocabulary_and_no_shortlist(tmp_path: Path) -> None:
    files = tuple(tiny_tokenizer(tmp_path / f"{side}.spm") for side in ("source", "target"))
    shortlist = Shortlist(np.array([3, 5], np.int32), np.zeros(97, np.int32), np.array([], np.int32))
    for changes, message in (
        ({"tokenizer_files": files}, "tokenizer: a language model has one vocabulary"),
        ({"shortlist": shortlist}, "shortlist: a language model has none"),
        ({"target_language": "de"}, "a language model has one language"),
    ):
        arguments: dict[str, Any] = {
            "tokenizer_files": (files[0], files[0]),
            "target_language": "en",
        } | changes
        with pytest.raises(ModelError, match=message):
            write_model(
                tmp_path / "lm",
                config=language_config(),
                scheme=Scheme.NONE,
                search=SearchDefaults(),
                tensors=random_tensors(language_config()),
                name="tiny",
                source_language="en",
                quality={},
                **arguments,
            )
