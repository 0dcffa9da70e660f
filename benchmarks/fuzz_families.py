"""Whole models of every family, with damage in one of their files."""

from __future__ import annotations

import dataclasses
import importlib
import json
import random
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import torch_files
from benchmarks.damage import damaged, damaged_inside
from benchmarks.marian_files import lexical_bytes
from safetensors.numpy import load_file, save_file
from tests.conversion import marian_npz, test_argos, test_eole
from tests.conversion.checkpoints import renamed, tensors_of
from tests.conversion.marian import marian_config, write_marian
from tests.models import tiny_config, write_tiny_model

import octavo
from octavo.conversion import convert, export_ctranslate2
from octavo.conversion.families import fairseq, family_of

SHARDS = 2
CONVERTED = 10
"""One of so many models is converted, loaded and translates; of others all tensors are read."""


def opus(folder: Path, **changes: Any) -> Path:
    """OPUS-MT with two languages."""
    return write_marian(folder, marian_config(**changes), codes=[">>fra<<", ">>deu<<"]).path


def separate(folder: Path) -> Path:
    """OPUS-MT with a vocabulary for each side."""
    sizes = {"source_vocab_size": 95, "target_vocab_size": 120}
    shape = marian_config(**sizes, shared_embeddings=False, tied_output=False)
    return write_marian(folder, shape).path


def sharded(folder: Path, *, pickled: bool) -> Path:
    """OPUS-MT, its weights in several files with an index, of safetensors or of PyTorch."""
    path = opus(folder)
    whole = path / "model.safetensors"
    tensors = load_file(whole)
    whole.unlink()
    stem, ending = ("pytorch_model", "bin") if pickled else ("model", "safetensors")
    places = {name: f"{stem}-{place % SHARDS}.{ending}" for place, name in enumerate(tensors)}
    for file in set(places.values()):
        held = {name: tensors[name] for name in tensors if places[name] == file}
        if pickled:
            keys = {name: str(place) for place, name in enumerate(held)}
            content = {name: torch_files.whole_tensor(keys[name], array) for name, array in held.items()}
            storages = {keys[name]: array.tobytes() for name, array in held.items()}
            pickle = torch_files.pickled(torch_files.dict_of(content))
            (path / file).write_bytes(torch_files.zip_bytes(pickle, storages))
        else:
            save_file(held, path / file)
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    (path / f"{stem}.{ending}.index.json").write_text(json.dumps(index))
    return path


def multilingual(folder: Path, kind: str) -> Path:
    """M2M-100, NLLB, mBART and BART; with Transformers."""
    return importlib.import_module("tests.conversion.multilingual").write_multilingual(folder, kind).path


def with_tokenizer_json(path: Path, pieces: str) -> Path:
    """The directory with tokenizer.json in place of its sentencepiece file; with Transformers."""
    importlib.import_module("transformers").AutoTokenizer.from_pretrained(path).save_pretrained(path)
    (path / pieces).unlink(missing_ok=True)
    return path


def t5(folder: Path, **changes: Any) -> Path:
    """T5; with Transformers."""
    return importlib.import_module("tests.conversion.t5").write_t5(folder, **changes)


def marian(folder: Path) -> Path:
    """Marian's .npz with vocabularies in YAML, pieces by name and decoder.yml."""
    folder.mkdir(parents=True)
    marian_npz.write_npz(folder / "model.npz")
    names = marian_npz.cutting_files(folder)
    names += [f"<rest-{token}>" for token in range(len(names), marian_npz.TOKENS)]
    lines = [f"{json.dumps(name, ensure_ascii=False)}: {token}\n" for token, name in enumerate(names)]
    (folder / "opus.vocab.yml").write_text("".join(lines), encoding="utf-8")
    vocabularies = "  - opus.vocab.yml\n" * 2
    (folder / "decoder.yml").write_text(f"models:\n  - model.npz\nvocabs:\n{vocabularies}beam-size: 6\n")
    return folder


def firefox(folder: Path) -> Path:
    """Firefox's .bin with SSRU, its vocabulary and its shortlist."""
    folder.mkdir(parents=True)
    static = marian_npz.alphas(marian_npz.SSRU)
    data = marian_npz.firefox_bytes(marian_npz.SSRU, static)
    (folder / "model.ende.intgemm.alphas.bin").write_bytes(data)
    lists = [[token % 7 + 3, 50 + token % 40] for token in range(marian_npz.TOKENS)]
    (folder / "lex.50.50.ende.s2t.bin").write_bytes(lexical_bytes(lists, 5))
    (folder / "vocab.ende.spm").write_bytes(marian_npz.vocabulary())
    return folder


def ctranslate2(folder: Path, dtype: str) -> Path:
    """A directory of CTranslate2."""
    write_tiny_model(folder / "ours", config=tiny_config(suppressed_ids=(), output_bias=True))
    export_ctranslate2(folder / "ours", folder / "theirs", dtype=dtype)  # type: ignore[arg-type]
    shutil.rmtree(folder / "ours")
    return folder / "theirs"


def argos(folder: Path) -> Path:
    """A package of Argos Translate."""
    folder.mkdir(parents=True)
    package = test_argos.zipped(test_argos.write_folder(folder), zipfile.ZIP_STORED)
    for part in ("ours", "en_de"):
        shutil.rmtree(folder / part)
    return package


def eole(folder: Path) -> Path:
    """A directory of eole."""
    folder.mkdir(parents=True)
    model = tensors_of(test_eole.MODEL, biases=False)
    return test_eole.write(folder, renamed(test_eole.naming(test_eole.PLAIN), model, biases=False))


def opennmt_py(folder: Path) -> Path:
    """A checkpoint of OpenNMT-py; with PyTorch."""
    folder.mkdir(parents=True)
    test = importlib.import_module("tests.conversion.test_opennmt_py")
    return test.write(folder, renamed(test.naming(test.PLAIN), tensors_of(test.MODEL)))


def fairseq_checkpoint(folder: Path) -> Path:
    """A checkpoint of fairseq; with PyTorch."""
    folder.mkdir(parents=True)
    test = importlib.import_module("tests.conversion.test_fairseq")
    theirs = renamed(fairseq._NAMING, tensors_of(test.MODEL))
    for name in ("decoder.embed_tokens.weight", "decoder.output_projection.weight"):
        theirs[name] = theirs["encoder.embed_tokens.weight"]
    return test.write(folder, theirs)


MODELS: dict[str, Callable[[Path], Path]] = {
    "OPUS-MT": opus,
    "OPUS-MT, two vocabularies": separate,
    "sharded safetensors": lambda folder: sharded(folder, pickled=False),
    "sharded PyTorch": lambda folder: sharded(folder, pickled=True),
    "NLLB": lambda folder: multilingual(folder, "nllb"),
    "NLLB, tokenizer.json": lambda folder: with_tokenizer_json(
        multilingual(folder, "nllb"), "sentencepiece.bpe.model"
    ),
    "M2M-100": lambda folder: multilingual(folder, "m2m100"),
    "SMaLL-100": lambda folder: multilingual(folder, "small100"),
    "mBART-50": lambda folder: multilingual(folder, "mbart50"),
    "mBART": lambda folder: multilingual(folder, "mbart"),
    "T5": t5,
    "MADLAD, tokenizer.json": lambda folder: with_tokenizer_json(
        t5(folder, madlad=True, feed_forward_proj="gated-gelu", tie_word_embeddings=False), "spiece.model"
    ),
    "Marian .npz": marian,
    "Firefox .bin": firefox,
    "CTranslate2 float32": lambda folder: ctranslate2(folder, "float32"),
    "CTranslate2 int8": lambda folder: ctranslate2(folder, "int8"),
    "Argos": argos,
    "OpenNMT-py": opennmt_py,
    "eole": eole,
    "fairseq": fairseq_checkpoint,
}

_HUGGING_FACE = ("NLLB", "NLLB, tokenizer.json", "M2M-100", "SMaLL-100", "mBART-50", "mBART", "T5")
NEED_TORCH = dict.fromkeys((*_HUGGING_FACE, "MADLAD, tokenizer.json"), ("torch", "transformers"))
NEED_TORCH |= dict.fromkeys(("OpenNMT-py", "fairseq"), ("torch",))
"""What other modules make these models."""


@dataclasses.dataclass
class Family:
    """A whole model in ``folder``, made there the first time: what is damaged and read."""

    name: str
    folder: Path

    def __post_init__(self) -> None:
        kept = self.folder / self.name.replace("/", "-")
        place = kept / "path"
        if not place.exists():
            shutil.rmtree(kept, ignore_errors=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                path = MODELS[self.name](kept / "model")
            place.write_text(str(path.relative_to(kept)))
        self.path = kept / place.read_text()
        self.files = sorted(file for file in (kept / "model").rglob("*") if file.is_file())
        self.output = kept / "converted"

    def attempt(self, rng: random.Random, number: int) -> None:
        """Damage a file, and read the model. Raises what reading raises; the file is whole again then."""
        file = rng.choice(self.files)
        data = file.read_bytes()
        try:
            self._damage(file, data, rng)
            self._use(number % CONVERTED == 0)
        finally:
            if file.is_dir():
                file.rmdir()
            file.write_bytes(data)

    def _damage(self, file: Path, data: bytes, rng: random.Random) -> None:
        way = rng.random()
        if way < 0.6:
            file.write_bytes(damaged_inside(data, rng))
        elif way < 0.9:
            file.write_bytes(damaged(data, rng))
        elif way < 0.94:
            file.write_bytes(rng.choice((b"", rng.choice(self.files).read_bytes())))
        else:
            file.unlink()
            if way < 0.97:
                file.mkdir()

    def _use(self, is_converted: bool) -> None:
        if is_converted:
            convert(self.path, self.output, overwrite=True)
            translate(self.output)
        elif (family := family_of(self.path)) is not None:
            tensors = family.read(self.path).tensors
            for name in tensors:
                tensors[name]


def translate(model: Path) -> None:
    """A sentence, by the engine, in the first of the languages that the model has."""
    with octavo.load(model, threads=1) as translator:
        languages = translator.model.languages
        code = next(iter(languages.codes)) if languages else None
        source = code if languages and languages.needs_source else None
        target = code if languages and languages.needs_target else None
        translator("ba ko ti re", beam=2, source=source, to=target)
