"""Language models: blocks, whole runs, resumption, conversion to an Integer Transformer, bad recipes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from octavo.artifact import ModelDirectory
from octavo.evaluation.perplexity import ReferenceScoringEngine, measure_perplexity
from octavo.reference import Dropout, LanguageModel
from octavo.text.stream import TokenStream
from octavo.training.batches import IGNORED_LABEL
from octavo.training.blocks import block_epoch
from octavo.training.checkpoint import CheckpointStore, Progress
from octavo.training.identity import run_identity
from octavo.training.language import read_text
from octavo.training.optimization import Optimization
from octavo.training.ranks import Ranks
from octavo.training.recipe import LanguageRecipe, RecipeError, TextRecipe
from octavo.training.recipe_file import read_recipe
from octavo.training.run import train
from octavo.training.vocabulary import EOS_ID

from ..models import language_config, synthetic_sentences
from .conftest import write_lines
from .test_fine_tuning import first_loss
from .test_kill import check_kills
from .test_run import edit, newest

RECIPE = """
name = "tiny-language"
language = "aa"
seed = 7

[[data.train]]
text = "train.txt"

[[data.dev]]
text = "dev.txt"

[[data.dev]]
text = "train.txt"
lines = [2, 5]

[vocabulary]
size = 80

[model]
d_model = 16
ffn_dim = 32
decoder_layers = 1
attention_heads = 2
max_positions = 40

[training]
max_updates = 40
block_tokens = 20
batch_tokens = 110
accumulate = 2
threads = 1
checkpoint_minutes = 0

[training.schedule]
peak = 0.01
warmup = 10

[training.dropout]
residual = 0.2
attention = 0.1
activation = 0.1

[training.average]
count = 3

[validation]
every_updates = 15
"""
RANKS = Ranks(0, 1, torch.device("cpu"))
INTEGER = '[model]\nattention = "polynomial"\nnorm_function = "l1-layer-norm"'


@pytest.fixture
def language_recipe(tmp_path: Path) -> Path:
    """The recipe beside its data: 60 lines, some of them empty."""
    lines = synthetic_sentences(60, seed=1)
    lines[3] = lines[30] = ""
    write_lines(tmp_path / "train.txt", lines)
    write_lines(tmp_path / "dev.txt", synthetic_sentences(5, seed=2))
    path = tmp_path / "language.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.mark.parametrize("tokens", [1, 2, 7, 40, 41])
@pytest.mark.parametrize("block", [2, 8])
def test_blocks_predict_every_token_once_from_those_before(tokens: int, block: int) -> None:
    sequence = np.arange(3, 4 + tokens, dtype=np.int32)
    found = []
    for epoch in range(4):
        blocks, plan = block_epoch(sequence, language_config(), block, 3 * block, seed=1, epoch=epoch)
        again = block_epoch(sequence, language_config(), block, 3 * block, seed=1, epoch=epoch)
        assert plan == again[1]
        assert list(blocks.cuts) == list(again[0].cuts)
        predicted = []
        for chosen in plan:
            assert len(chosen) <= 3
            batch = blocks.batch(chosen)
            assert batch.fed.shape == batch.labels.shape
            assert batch.fed.shape[1] <= block
            for fed, labels in zip(batch.fed.tolist(), batch.labels.tolist(), strict=True):
                width = sum(label != IGNORED_LABEL for label in labels)
                assert labels[:width] == [token + 1 for token in fed[:width]]
                assert set(fed[width:]) <= {language_config().pad_id}
                predicted += labels[:width]
            assert batch.tokens == int((batch.labels != IGNORED_LABEL).sum())
        assert sorted(predicted) == list(range(4, 4 + tokens))
        found.append((plan, list(blocks.cuts)))
    if tokens >= 40:
        assert found[0] != found[1]
        assert len({cuts[1] for _, cuts in found}) > 1


@pytest.mark.parametrize("model", ["softmax", "integer"])
def test_a_run_learns_and_writes_a_model_whose_perplexity_is_the_one_noted(
    language_recipe: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(language_recipe, "max_updates = 40", "max_updates = 60")
    if model == "integer":
        edit(language_recipe, "[model]", INTEGER)
    path = train(language_recipe, tmp_path / "run")
    directory = ModelDirectory.open(path)
    assert (directory.source_language, directory.target_language) == ("aa", "aa")
    assert directory.config.is_language_model
    assert directory.config.decoder_start_id == EOS_ID
    assert (directory.config.integer_transformer_part is not None) == (model == "integer")
    validations = json.loads(newest(tmp_path / "run", "progress.json").read_text())["progress"]["validations"]
    assert validations[-1]["loss"] < 0.9 * validations[0]["loss"]
    assert len(validations[-1]["word_perplexity"]) == 2
    tokenizer = directory.tokenizers()[0]
    stream = TokenStream.encode((tmp_path / "dev.txt").read_text().splitlines(), tokenizer, EOS_ID)
    engine = ReferenceScoringEngine(directory)
    found = measure_perplexity(engine, directory.config, stream, context=20, stride=10)
    noted, part = directory.quality["dev"]
    assert part["set"] == f"{tmp_path.name}/train:2-5"
    assert (noted["set"], noted["context"], noted["stride"]) == (f"{tmp_path.name}/dev", 20, 10)
    assert (noted["tokens"], noted["words"]) == (found.tokens, found.words)
    assert noted["loss"] == pytest.approx(math.log(found.per_token), abs=1e-4)
    assert noted["perplexity_per_word"] == pytest.approx(found.per_word, rel=1e-4)
    assert set(directory.quality["training"]) >= {"tokens", "words"}
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == "reading the training text"
    assert "making a vocabulary of " in shown[1]
    assert " tokens of text, " in shown[2]
    assert f"perplexity per word {tmp_path.name}/dev " in shown[3]


def test_kills_change_no_bit(language_recipe: Path, tmp_path: Path) -> None:
    edit(language_recipe, "warmup = 10", 'warmup = 10\ndecay = "cosine"\nperiod = 40\nfloor = 1e-4')
    check_kills(language_recipe, tmp_path, kills=4, updates=60)


def test_nesterovs_momentum_comes_back_whole(language_recipe: Path, tmp_path: Path) -> None:
    edit(language_recipe, "[training]", '[training]\noptimizer = "nesterov"\nmomentum = 0.9')
    recipe = read_recipe(language_recipe)
    sequence = np.arange(3, 90, dtype=np.int32)
    epoch, plan = block_epoch(sequence, language_config(), 8, 16, 1, 0)

    def begun() -> Optimization:
        return Optimization(
            LanguageModel(language_config(), Dropout(residual=0.2)), recipe.training, 1, RANKS
        )

    def go(run: Optimization, updates: range) -> None:
        for update in updates:
            run.update(update, plan[:2], epoch)

    run, again, store = begun(), begun(), CheckpointStore(tmp_path / "run")
    store.prepare()
    go(run, range(1, 4))
    store.save(run.model, run.optimizer, Progress(3), {})
    assert store.load(again.model, again.optimizer) == (Progress(3), {})
    go(run, range(4, 6))
    go(again, range(4, 6))
    after = again.model.state_dict()
    assert all(torch.equal(one, after[name]) for name, one in run.model.state_dict().items())


def test_nesterovs_step_is_the_published_one(language_recipe: Path) -> None:
    edit(language_recipe, "[training]", '[training]\noptimizer = "nesterov"\nmomentum = 0.9\nclip_norm = 0')
    edit(language_recipe, "peak = 0.01\nwarmup = 10", "peak = 0.01\nwarmup = 1\ncooldown = 0")
    run = Optimization(LanguageModel(language_config()), read_recipe(language_recipe).training, 1, RANKS)
    weight = next(run.model.parameters())
    expected, velocity = weight.detach().clone(), torch.zeros_like(weight)
    for update in (1, 2, 3):
        gradient = torch.full_like(weight, float(update))
        weight.grad = gradient.clone()
        run._step(0.01, tokens=1.0)
        velocity = 0.9 * velocity + gradient
        expected -= 0.01 * (gradient + 0.9 * velocity)
        torch.testing.assert_close(weight.detach(), expected)


def test_a_softmax_model_is_fine_tuned_into_an_integer_one(
    language_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = train(language_recipe, tmp_path / "softmax")
    edit(language_recipe, "[model]", INTEGER)
    after = ModelDirectory.open(train(language_recipe, tmp_path / "integer", init=before))
    shown = capsys.readouterr().err
    assert f"converting {before}: attention = polynomial, norm_function = l1-layer-norm\n" in shown
    assert after.quality["dev"][0]["loss"] < first_loss(shown)[0]
    assert after.tokenizer_paths[0].read_bytes() == (before / "tokenizer.spm").read_bytes()


def test_what_a_run_notes_is_of_its_kind(language_recipe: Path) -> None:
    recipe = read_recipe(language_recipe)
    assert isinstance(recipe, LanguageRecipe)
    noted = run_identity(recipe, "text", {"tokenizer.spm": "a"}, None)
    assert noted["training.block_tokens"] == 20
    assert not {"sampling", "data.max_tokens", "training.optimizer", "training.momentum"} & set(noted)
    assert set(noted["training.schedule"]) == {"peak", "warmup"}
    edit(language_recipe, "peak = 0.01", 'peak = 0.01\ndecay = "cosine"\nperiod = 5')
    edit(language_recipe, "[training]", '[training]\noptimizer = "nesterov"')
    noted = run_identity(read_recipe(language_recipe), "text", {"tokenizer.spm": "a"}, None)
    assert (noted["training.optimizer"], noted["training.schedule"]["period"]) == ("nesterov", 5)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("block_tokens = 20", "block_tokens = 41", "training.block_tokens = 41 is more than model.max_pos"),
        ("batch_tokens = 110", "batch_tokens = 19", "training: batch_tokens = 19 is less than a block's 20"),
        ("size = 80", "size = 80\nshared = false", "vocabulary.shared = false: a language model has one"),
        ("[validation]", "[quantization]\n[validation]", "quantization: only translation models train with"),
        ("[validation]", '[validation]\nmetric = "bleu"', r"validation\.metric: .*'loss' \(found 'bleu'"),
        ("[validation]", "[validation]\nbeam = 2", "unknown key 'validation.beam'"),
        ("[validation]", "[sampling]\nnbest = 4\n[validation]", "unknown key 'sampling'"),
        (
            "decoder_layers = 1",
            "decoder_layers = 1\nencoder_layers = 1",
            "unknown key 'model.encoder_layers'",
        ),
        ('language = "aa"', 'language = "a a"', "language = 'a a': must be a language tag"),
        ('language = "aa"', 'language = "aa"\nsource_language = "aa"', "unknown key 'source_language'"),
        ("lines = [2, 5]", "lines = [5, 2]", "data.dev.1: lines: the first one comes after the last"),
        ("lines = [2, 5]", "lines = [0, 2]", r"data\.dev\.1\.lines\.0: .*greater than or equal to 1"),
        ("lines = [2, 5]", "lines = [2, 99]", r"train\.txt: lines = \[2, 99\], but it has 60"),
        ('"dev.txt"', '"none.txt"', "none.txt: cannot read the corpus"),
        ("peak = 0.01", 'peak = 0.01\ndecay = "cosine"', "training.schedule: decay = cosine needs period"),
        ("peak = 0.01", "peak = 0.01\nfloor = 1e-4", "training.schedule: period and floor need decay"),
        ("[training]", '[training]\noptimizer = "sgd"', "training.optimizer: .*'adam', 'muon' or 'nesterov'"),
    ],
)
def test_a_bad_recipe_is_explained(
    language_recipe: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    edit(language_recipe, old, new)
    with pytest.raises(RecipeError, match=message):
        train(language_recipe, tmp_path / "run")


def test_it_is_not_trained_with_quantization(language_recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="only translation models train with quantization; leave out --q"):
        train(language_recipe, tmp_path / "run", init=tmp_path, quantize=True)


def test_lines_are_counted_from_one(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "text", ["a", "", "c", "d"])
    assert read_text(TextRecipe(text=path, lines=(2, 3))) == ["", "c"]
    assert read_text(TextRecipe(text=path)) == ["a", "", "c", "d"]
