"""M2M-100, NLLB, SMaLL-100, mBART and BART: their ids, their languages, and generate()'s tokens."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from octavo.artifact import ModelDirectory
from octavo.conversion import ConversionError, convert, piece_table
from octavo.conversion.huggingface.language_orders import NLLB
from octavo.languages import LanguageError
from octavo.text.clean import one_line
from octavo.translation import Translator

from ..fake_engine import FakeEngine
from ..models import synthetic_sentences
from .marian import edit_json
from .mixed_text import mixed_lines
from .multilingual import KINDS, NLLB_CODES, translate, write_multilingual

torch = pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    transformers = pytest.importorskip(
        "transformers", reason="comparing with Transformers needs octavo[peers]"
    )

pytestmark = pytest.mark.filterwarnings("ignore")  # Transformers' own

FIRST = 401  # the token behind the pieces

#: Tokens before and after the text, and those that are forced: S and T are the languages', 2 is EOS.
AROUND = {
    "nllb": ("S", "2", "T"),
    "nllb-legacy": ("", "2S", "T"),
    "m2m100": ("S", "2", "T"),
    "small100": ("T", "2", ""),
    "mbart50": ("S", "2", "T"),
    "mbart": ("", "2S", ""),
    "bart": ("", "2", ""),
}


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_those_of_generate(kind: str, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    peer = write_multilingual(tmp_path / "theirs", kind)
    converted = convert(peer.path, tmp_path / "ours")
    ours = ModelDirectory.open(tmp_path / "ours")
    assert converted.config == ours.config
    tokenizer, other = ours.tokenizers()
    assert tokenizer is other
    lines = [one_line(line) for line in mixed_lines(1000)]
    texts = [tokenizer.encode(line) for line in lines]
    assert texts == [peer.text_ids(line) for line in lines]

    codes = dict(ours.languages.codes) if ours.languages else {}
    around = [
        [{"S": codes.get(peer.source), "T": codes.get(peer.target), "2": 2}[item] for item in part]
        for part in AROUND[kind]
    ]
    direction = ours.direction(peer.source or None, peer.target or None)
    read = [*direction.source_suffix, *([2] if ours.config.source_eos else [])]
    assert (list(direction.source_prefix), read, list(direction.target_prefix)) == tuple(around)

    texts = [tokenizer.encode(line) for line in synthetic_sentences(40, seed=9)]
    sources = [[*around[0], *text, *around[1]] for text in texts]
    forced = {"forced_bos_token_id": around[2][0]} if around[2] else {}
    ended = slice(None, -1 if ours.config.source_eos else None)
    for beam in (1, 4):
        expected = peer.generate(sources, num_beams=beam, early_stopping=beam > 1, max_length=31, **forced)
        found = translate(ours, [source[ended] for source in sources], around[2], beam=beam, max_length=30)
        assert found == expected
        assert len({tuple(row) for row in expected}) > 3


def test_languages_have_their_ids(tmp_path: Path) -> None:
    """Stated ones, those that follow by rule, and tags for them."""
    for kind in ("nllb", "m2m100", "mbart50", "mbart"):
        peer = write_multilingual(tmp_path / kind, kind)
        convert(peer.path, tmp_path / f"{kind}-ours", name="x")
        ours = ModelDirectory.open(tmp_path / f"{kind}-ours")
        assert ours.languages is not None
        codes = ours.languages.codes
        first = peer.processor.vocab_size() + 1
        if kind == "nllb":
            assert codes == {name: first + place for place, name in enumerate(NLLB_CODES)}
        elif kind == "m2m100":
            assert len(codes) == 100
            assert codes["__af__"] == len(peer.ids) and codes["__zu__"] == len(peer.ids) + 99
        else:
            assert len(codes) == (52 if kind == "mbart50" else 25)
            assert codes["ar_AR"] == first and codes["zh_CN"] == first + 24
        assert ours.target_language == ("ro" if kind == "mbart" else "mul")
        _, target = ours.tokenizers()
        assert target.decode([codes[peer.target], 10]) == target.decode([10])
    nllb = ModelDirectory.open(tmp_path / "nllb-ours")
    assert nllb.direction("en", "zh").target_prefix == (nllb.languages.codes["zho_Hans"],)
    with pytest.raises(LanguageError, match="ace_Arab, deu_Latn"):
        nllb.direction("en", None)


@pytest.mark.parametrize(("kind", "name"), [("nllb", "NllbTokenizer"), ("mbart50", "MBart50Tokenizer")])
def test_tokenizer_json_alone_is_enough(kind: str, name: str, tmp_path: Path) -> None:
    """Transformers 5 saves no sentencepiece file."""
    peer = write_multilingual(tmp_path / "theirs", kind)
    convert(peer.path, tmp_path / "first", name="x")
    tokenizer = getattr(transformers, name).from_pretrained(peer.path)
    saved = tmp_path / "saved"
    peer.model.save_pretrained(saved)
    tokenizer.save_pretrained(saved)
    assert not (saved / "sentencepiece.bpe.model").exists()
    convert(saved, tmp_path / "second", name="x")
    first, second = (ModelDirectory.open(tmp_path / place) for place in ("first", "second"))
    ids = {code: tokenizer.convert_tokens_to_ids(code) for code in first.languages.codes}
    assert {code: second.languages.codes[code] for code in first.languages.codes} == ids
    assert (second.config, second.added.ids) == (first.config, first.added.ids)
    lines = [one_line(line) for line in mixed_lines(300, seed=3)]
    one, other = (model.tokenizers()[0] for model in (first, second))
    assert [one.encode(line) for line in lines] == [other.encode(line) for line in lines]


def test_a_text_cannot_name_a_language(tmp_path: Path) -> None:
    peer = write_multilingual(tmp_path / "theirs", "nllb")
    convert(peer.path, tmp_path / "ours")
    ours = ModelDirectory.open(tmp_path / "ours")
    tokenizer, _ = ours.tokenizers()
    special = {0, 1, 2, *range(peer.processor.vocab_size() + 1, ours.config.source_vocab_size)}
    for text in ("deu_Latn", "a deu_Latn b", "</s>", "<mask>", "<pad> x"):
        assert not special & set(tokenizer.encode(text))


@pytest.mark.parametrize(("kind", "code"), [("nllb", "deu_Latn"), ("m2m100", "__de__"), ("mbart50", "de_DE")])
def test_codes_of_added_tokens_json_are_no_text(kind: str, code: str, tmp_path: Path) -> None:
    """That file does not say that they are special, and a translation begins with one."""
    peer = write_multilingual(tmp_path / "theirs", kind)
    convert(peer.path, tmp_path / "first", name="x")
    first = ModelDirectory.open(tmp_path / "first")
    assert first.languages is not None
    edit_json(peer.path / "tokenizer_config.json", added_tokens_decoder=None)
    (peer.path / "added_tokens.json").write_text(json.dumps(dict(first.languages.codes)))
    convert(peer.path, tmp_path / "ours", name="x")
    ours = ModelDirectory.open(tmp_path / "ours")
    assert ours.languages == first.languages
    source, target = ours.tokenizers()
    assert target.decode([ours.languages.codes[code], 10]) == target.decode([10])
    assert ours.languages.codes[code] not in source.encode(f"a {code} b")


@pytest.mark.parametrize("later", [{}, {"tyv_Cyrl": 203}, {"tyv_Cyrl": 202, "<br/>": 203}])
def test_the_first_files_of_nllb_have_its_languages_in_a_known_order(
    later: dict[str, int], tmp_path: Path
) -> None:
    """They list the names alone; a language that was added has its id in added_tokens.json."""
    path = write_nllb_that_lists(tmp_path / "theirs", later)
    convert(path, tmp_path / "ours")
    languages = ModelDirectory.open(tmp_path / "ours").languages
    assert languages is not None
    assert len(languages.codes) == 202 + ("tyv_Cyrl" in later)
    found = {name: token - FIRST for name, token in languages.codes.items()}
    assert (found["ace_Arab"], found["pes_Arab"], found["zul_Latn"]) == (0, 52, 201)
    assert found.get("tyv_Cyrl") == later.get("tyv_Cyrl")


@pytest.mark.parametrize("later", [{"tyv_Cyrl": 100}, {"zul_Latn": 0}])
def test_listed_languages_without_certain_ids_are_refused(later: dict[str, int], tmp_path: Path) -> None:
    path = write_nllb_that_lists(tmp_path / "theirs", later)
    with pytest.raises(ConversionError, match=r"lists 202 languages, but no file states .* ace_Arab"):
        convert(path, tmp_path / "ours")


def test_a_language_that_was_added_joins_those_of_a_known_order(tmp_path: Path) -> None:
    for kind, code, place in (("m2m100", "__tyv__", 100), ("mbart50", "tyv_RU", 53)):
        peer = write_multilingual(tmp_path / kind, kind, more=3)
        first = len(peer.ids) or FIRST
        (peer.path / "added_tokens.json").write_text(json.dumps({code: first + place}))
        convert(peer.path, tmp_path / f"{kind}-ours", name="x")
        languages = ModelDirectory.open(tmp_path / f"{kind}-ours").languages
        assert languages is not None
        assert len(languages.codes) == (101 if kind == "m2m100" else 53)
        assert languages.codes[code] == first + place


def write_nllb_that_lists(path: Path, added: dict[str, int]) -> Path:
    """The files of NLLB's first tokenizer; ``added``: what added_tokens.json has, counted from FIRST."""
    write_multilingual(path, "nllb", more=200)
    edit_json(path / "tokenizer_config.json", added_tokens_decoder=None)
    (path / "special_tokens_map.json").write_text(json.dumps({"additional_special_tokens": NLLB.split()}))
    if added:
        stated = {name: FIRST + place for name, place in added.items()}
        (path / "added_tokens.json").write_text(json.dumps(stated))
    return path


def test_defaults_are_kept(tmp_path: Path) -> None:
    peer = write_multilingual(tmp_path / "theirs", "nllb")
    edit_json(peer.path / "tokenizer_config.json", src_lang="fra_Latn")
    edit_json(peer.path / "generation_config.json", forced_bos_token_id=peer.processor.vocab_size() + 2)
    assert convert(peer.path, tmp_path / "ours").notes == (
        "the model has 5 languages; choose with --from and --to; by default from fra_Latn to deu_Latn",
    )
    languages = ModelDirectory.open(tmp_path / "ours").languages
    assert languages is not None
    assert (languages.default_source, languages.default_target) == ("fra_Latn", "deu_Latn")


def test_stated_languages_become_the_defaults(tmp_path: Path) -> None:
    path = write_multilingual(tmp_path / "theirs", "nllb").path
    convert(path, tmp_path / "ours", source_language="fr", target_language="deu_Latn")
    languages = ModelDirectory.open(tmp_path / "ours").languages
    assert languages is not None
    assert (languages.default_source, languages.default_target) == ("fra_Latn", "deu_Latn")
    with pytest.raises(LanguageError, match="ace_Arab, deu_Latn"):
        convert(path, tmp_path / "other", source_language="xx")
    bart = write_multilingual(tmp_path / "bart", "bart").path
    with pytest.raises(ConversionError, match=r"'English': is no language tag; use a tag such as en"):
        convert(bart, tmp_path / "other", source_language="English")
    m2m = write_multilingual(tmp_path / "m2m", "m2m100").path
    (m2m / "vocab.json").unlink()
    with pytest.raises(ConversionError, match=r"vocab\.json: missing; copy the whole model directory"):
        convert(m2m, tmp_path / "other")


def test_a_token_that_is_none_is_refused_in_a_sentence(tmp_path: Path) -> None:
    """What only the languages find wrong is told with the directory's name."""
    mbart = write_multilingual(tmp_path / "mbart", "mbart").path
    edit_json(mbart / "generation_config.json", forced_bos_token_id=[1, 2])
    convert(mbart, tmp_path / "ours")
    edit_json(mbart / "generation_config.json", eos_token_id=2**31)
    with pytest.raises(ConversionError, match=r"eos_token_id = 2147483648: expected the id of one token"):
        convert(mbart, tmp_path / "other")


def test_half_a_character_in_a_vocabulary_is_refused(tmp_path: Path) -> None:
    path = write_multilingual(tmp_path / "m2m", "m2m100").path
    vocabulary = json.loads((path / "vocab.json").read_text(encoding="utf-8"))
    name = next(name for name, token in vocabulary.items() if token == 20)
    vocabulary["\ud800"] = vocabulary.pop(name)
    (path / "vocab.json").write_text(json.dumps(vocabulary))
    with pytest.raises(ConversionError, match=r"m2m: the token .*ud800.* holds half a character"):
        convert(path, tmp_path / "ours")


@pytest.mark.parametrize("kind", ["nllb", "m2m100"])
def test_a_size_that_no_vocabulary_has_is_refused_before_pieces_are_made(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_multilingual(tmp_path / kind, kind).path
    edit_json(path / "config.json", vocab_size=200_000_000)
    monkeypatch.delattr(piece_table, "unused_piece")
    with pytest.raises(ConversionError, match="states 200000000 tokens for this vocabulary; it has at most"):
        convert(path, tmp_path / "ours")


def test_a_vocabulary_that_sentencepiece_refuses_is_told_with_the_models_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_multilingual(tmp_path / "nllb", "nllb").path
    monkeypatch.setattr(piece_table.PieceTable, "to_bytes", lambda _: b"x")
    with pytest.raises(ConversionError, match=r"nllb: its vocabulary: not a sentencepiece model") as caught:
        convert(path, tmp_path / "ours")
    assert str(caught.value).startswith(str(path))
    assert "spm" not in str(caught.value)


def test_what_is_refused_says_why(tmp_path: Path) -> None:
    nllb = write_multilingual(tmp_path / "nllb", "nllb").path
    edit_json(nllb / "tokenizer_config.json", added_tokens_decoder=None)
    with pytest.raises(ConversionError, match="no file states its language codes"):
        convert(nllb, tmp_path / "ours")
    edit_json(nllb / "config.json", architectures=["NllbMoeForConditionalGeneration"])
    with pytest.raises(ConversionError, match="NllbMoeForConditionalGeneration chooses among many"):
        convert(nllb, tmp_path / "ours")
    bart = write_multilingual(tmp_path / "bart", "bart").path
    (bart / "sentencepiece.bpe.model").unlink()
    with pytest.raises(ConversionError, match=r"has neither .* a byte-level vocabulary .* is not read"):
        convert(bart, tmp_path / "ours")


@pytest.mark.parametrize(
    ("kind", "tokenizer"),
    [
        ("nllb", "NllbTokenizer"),
        ("nllb-legacy", "NllbTokenizer"),
        ("m2m100", "M2M100Tokenizer"),
        ("mbart50", "MBart50Tokenizer"),
    ],
)
def test_a_translator_reads_what_their_tokenizers_give(kind: str, tokenizer: str, tmp_path: Path) -> None:
    import transformers

    peer = write_multilingual(tmp_path / "theirs", kind)
    convert(peer.path, tmp_path / "ours")
    model = ModelDirectory.open(tmp_path / "ours")
    engine = FakeEngine(model.config)
    lines = synthetic_sentences(50, seed=9)
    Translator(model, engine, source=peer.source, to=peer.target, sentence_by_sentence=False)(lines)
    ended = [2] if model.config.source_eos else []
    read = sorted([*source, *ended] for batch in engine.batches for source in batch)
    languages = {"src_lang": peer.source.strip("_"), "tgt_lang": peer.target.strip("_")}
    if kind == "m2m100":  # its directory has no tokenizer.json
        names = {"vocab_file": "vocab.json", "spm_file": "sentencepiece.bpe.model"}
        files = {key: str(peer.path / name) for key, name in names.items()}
        theirs = transformers.M2M100Tokenizer(**files, **languages)
    else:
        legacy = {"legacy_behaviour": True} if kind == "nllb-legacy" else {}
        theirs = getattr(transformers, tokenizer).from_pretrained(peer.path, **languages, **legacy)
    assert read == sorted(theirs(line).input_ids for line in lines)


def test_an_added_token_that_is_a_piece_already_is_named(tmp_path: Path) -> None:
    peer = write_multilingual(tmp_path / "theirs", "mbart50")
    size = peer.model.config.vocab_size
    (peer.path / "added_tokens.json").write_text(json.dumps({".": size - 1}))
    with pytest.raises(ConversionError, match=rf"the tokens \d+ and {size - 1} are both '\.'"):
        convert(peer.path, tmp_path / "ours")
