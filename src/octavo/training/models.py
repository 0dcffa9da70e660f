"""The model that a recipe asks for, of either kind."""

from __future__ import annotations

from octavo.model.config import ModelConfig
from octavo.model.errors import SpecError
from octavo.reference.dropout import Dropout
from octavo.reference.language_model import LanguageModel
from octavo.reference.model import Transformer
from octavo.training.recipe import LanguageRecipe, Recipe, RecipeError
from octavo.training.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID, Vocabulary

FloatModel = Transformer | LanguageModel


def model_config(recipe: Recipe, vocabulary: Vocabulary) -> ModelConfig:
    """The recipe's architecture with the vocabulary's sizes and ids. Raises RecipeError.

    A language model's text begins as after the end of a line, with EOS: it has seen no BOS in training.
    """
    alone = isinstance(recipe, LanguageRecipe)
    try:
        return ModelConfig(
            **{"encoder_layers": 0} | recipe.model.model_dump(),
            source_vocab_size=vocabulary.source.size,
            target_vocab_size=vocabulary.target.size,
            shared_embeddings=vocabulary.shared and not alone,
            pad_id=PAD_ID,
            unk_id=UNK_ID,
            eos_id=EOS_ID,
            decoder_start_id=EOS_ID if alone else BOS_ID,
            suppressed_ids=(PAD_ID, UNK_ID, BOS_ID),
        )
    except SpecError as error:
        raise RecipeError(f"model: {error}") from error


def make_model(config: ModelConfig, dropout: Dropout) -> FloatModel:
    """A model with fresh weights."""
    return LanguageModel(config, dropout) if config.is_language_model else Transformer(config, dropout)
