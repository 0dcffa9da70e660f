"""Hugging Face directories of M2M-100, NLLB, SMaLL-100, mBART and BART: small, with random weights."""

from __future__ import annotations

import dataclasses
import functools
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import sentencepiece

from octavo.artifact import ModelDirectory
from octavo.engine import Engine, SearchOptions

from ..models import synthetic_sentences
from .mixed_text import mixed_lines

KINDS: Final = ("nllb", "nllb-legacy", "m2m100", "small100", "mbart50", "mbart", "bart")
NLLB_CODES: Final = ("ace_Arab", "deu_Latn", "eng_Latn", "fra_Latn", "zho_Hans")

_M2M_SPECIAL: Final = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}


@functools.cache
def pieces(kind: str) -> bytes:
    """A sentencepiece file of English-like text and mixed Unicode."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(synthetic_sentences(500, 1) + mixed_lines(300, seed=7)),
        model_writer=model,
        vocab_size=400,
        model_type=kind,
        num_threads=1,
        character_coverage=0.99,
        minloglevel=2,
    )
    return model.getvalue()


@dataclasses.dataclass(frozen=True)
class Peer:
    """Transformers' model of a directory, and what it reads of a text."""

    path: Path
    model: Any
    processor: sentencepiece.SentencePieceProcessor
    ids: dict[str, int]
    source: str
    target: str

    def text_ids(self, line: str) -> list[int]:
        """The ids of a text, as fairseq's rule has them: by name, or by place and one more."""
        if self.ids:
            return [self.ids.get(piece, 3) for piece in self.processor.encode(line, out_type=str)]
        return [3 if token == self.processor.unk_id() else token + 1 for token in self.processor.encode(line)]

    def generate(self, sources: Sequence[list[int]], **options: Any) -> list[list[int]]:
        """Target tokens without start and EOS, for sources as the encoder reads them."""
        import torch

        rows = []
        longest = max(map(len, sources))
        batch = torch.tensor([[*source, *[1] * (longest - len(source))] for source in sources])
        mask = torch.tensor([[1] * len(source) + [0] * (longest - len(source)) for source in sources])
        with torch.no_grad():
            found = self.model.generate(input_ids=batch, attention_mask=mask, **options).tolist()
        for row in found:
            eos = 2
            rows.append(row[1 : row.index(eos, 1) if eos in row[1:] else None])
        return rows


def _random_model(kind: str, seed: int, **keys: Any) -> Any:
    """Transformers' model with random weights; ``keys`` are of its configuration."""
    import torch
    import transformers

    values: dict[str, Any] = {
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "max_position_embeddings": 128,
        "scale_embedding": kind != "bart",
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "forced_eos_token_id": None,
        "init_std": 0.3,
        "attn_implementation": "eager",
        **keys,
    }
    torch.manual_seed(seed)
    if kind in ("mbart50", "mbart"):
        model = transformers.MBartForConditionalGeneration(transformers.MBartConfig(**values))
    elif kind == "bart":
        model = transformers.BartForConditionalGeneration(transformers.BartConfig(**values))
    else:
        model = transformers.M2M100ForConditionalGeneration(transformers.M2M100Config(**values))
    model.generation_config.forced_bos_token_id = None
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if name.endswith("bias"):
                tensor.normal_(std=0.1)
        if hasattr(model, "final_logits_bias"):
            model.final_logits_bias.normal_(std=0.5)
            model.final_logits_bias[0, 2] = 2.0
    return model.eval()


def write_multilingual(
    path: Path, kind: str, *, data: bytes | None = None, seed: int = 0, more: int = 0, **shape: Any
) -> Peer:
    """A directory of one of KINDS in the layout that is published, with random weights.

    ``data``: its sentencepiece file. ``more``: tokens at the end of the vocabulary. ``shape``:
    keys of config.json.
    """
    path.mkdir(parents=True)
    data = data or pieces("unigram" if "bart" in kind else "bpe")
    (path / "sentencepiece.bpe.model").write_bytes(data)
    processor = sentencepiece.SentencePieceProcessor(model_proto=data)
    first = processor.vocab_size() + 1
    names = {token: processor.id_to_piece(token) for token in range(processor.vocab_size())}
    ids: dict[str, int] = {}
    settings: dict[str, Any] = {}
    if kind in ("m2m100", "small100"):
        # In another order than the file's, and without some of its pieces.
        kept = [names[token] for token in range(3, len(names)) if token % 50 != 17][::-1]
        ids = _M2M_SPECIAL | {name: token for token, name in enumerate(kept, 4)}
        (path / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")
        vocabulary = len(ids) + 100 + 8
        source, target = "__en__" if kind == "m2m100" else "en", "__de__"  # the latter is not told it
        settings = {"tokenizer_class": "M2M100Tokenizer" if kind == "m2m100" else "SMALL100Tokenizer"}
    elif kind.startswith("nllb"):
        vocabulary = first + len(NLLB_CODES) + 1 + 2
        source, target = "eng_Latn", "deu_Latn"
        added = {name: first + place for place, name in enumerate(NLLB_CODES)} | {"<mask>": vocabulary - 3}
        settings = {
            "tokenizer_class": "NllbTokenizer",
            "added_tokens_decoder": {
                str(token): {"content": name, "special": True, "lstrip": name == "<mask>"}
                for name, token in added.items()
            },
            **({"legacy_behaviour": True} if kind == "nllb-legacy" else {}),
        }
    elif kind == "bart":
        vocabulary, source, target = first + 1, "", ""
    else:
        vocabulary = first + (52 if kind == "mbart50" else 25) + 1
        source, target = "en_XX", "ro_RO"
        settings = {"tokenizer_class": "MBart50Tokenizer" if kind == "mbart50" else "MBartTokenizer"}
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    start = first + 19 if kind == "mbart" else 2  # ro_RO
    model = _random_model(kind, seed, vocab_size=vocabulary + more, decoder_start_token_id=start, **shape)
    model.save_pretrained(path)
    return Peer(path, model, processor, ids, source, target)


def translate(
    model: ModelDirectory, sources: Sequence[Sequence[int]], forced: Sequence[int], **options: Any
) -> list[list[int]]:
    """Our target tokens; ``sources`` as the encoder reads them, but for the EOS that the engine appends."""
    found = Engine(model, precision="float32", threads=1).translate(
        list(sources),
        SearchOptions.from_defaults(model.search, **options),
        target_prefixes=[forced] * len(sources) if forced else None,
    )
    return [hypotheses[0].tokens.tolist() for hypotheses in found]
