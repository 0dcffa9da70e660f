"""``octavo translate``: text, lines or a document in; the same out, translated."""

import functools
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import octavo
from octavo.cli.commands.translate.document import chosen_document
from octavo.cli.commands.translate.lines import Layout, translate_lines
from octavo.cli.options import (
    BeamOption,
    GlossaryOption,
    LengthPenaltyOption,
    LengthRatioOption,
    MaxLengthOption,
    MinLengthOption,
    ModelOption,
    NbestOption,
    NoRepeatOption,
    PrecisionOption,
    RepetitionPenaltyOption,
    RetryOption,
    ShortlistOption,
    SourceLanguageOption,
    StopOption,
    TargetLanguageOption,
    TargetPrefixOption,
    ThreadsOption,
    UnknownOption,
    WholeLinesOption,
    WordPenaltyOption,
)
from octavo.cli.terminal.lines import ParagraphInput, lines_of_texts, open_lines
from octavo.cli.terminal.output import open_output
from octavo.documents.formats import FORMATS

if TYPE_CHECKING:
    from octavo.memory import TranslationMemory
    from octavo.translation import TranslationOptions, Translator


def translate(
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT",
            help="Each TEXT is translated and has a line of output. With -o, TEXT may name a document.",
        ),
    ] = None,
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--input", "-i", metavar="FILE", help="The lines of FILE are translated, or FILE as a document."
        ),
    ] = None,
    output_file: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The output goes to FILE, which appears when it is whole."
        ),
    ] = None,
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help=(
                f"The input is a document of this format: {', '.join(one.name for one in FORMATS)}; or plain "
                "lines, where NAME is lines. The default is what the ending of its name says."
            ),
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column", metavar="COLUMN", help="Only this column of a table is translated; may be repeated."
        ),
    ] = None,
    xml_rules: Annotated[
        Path | None,
        typer.Option(
            "--xml-rules",
            metavar="FILE",
            help='FILE says in TOML which elements of an XML document are text, say: only = ["para"].',
        ),
    ] = None,
    wrapped: Annotated[
        bool,
        typer.Option(
            "--wrapped",
            help=(
                "A single line break is a space, as in text of fixed width. A paragraph becomes one line; "
                "blank lines stay."
            ),
        ),
    ] = False,
    detect: Annotated[
        bool,
        typer.Option(
            "--detect", help="Text that is surely in another language than the model translates from is told."
        ),
    ] = False,
    glossary_file: GlossaryOption = None,
    memory_file: Annotated[
        Path | None,
        typer.Option(
            "--memory",
            metavar="FILE",
            help=(
                "FILE is a translation memory, made where there is none: sentences that it has are not "
                "translated again, and new ones are kept."
            ),
        ),
    ] = None,
    similar: Annotated[
        float | None,
        typer.Option(
            "--similar",
            metavar="PERCENT",
            min=50,
            max=100,
            help=(
                "Where the memory has a sentence that is at least so like, standard error and --json tell "
                "it; the model translates all the same."
            ),
        ),
    ] = None,
    model: ModelOption = None,
    source_language: SourceLanguageOption = None,
    target_language: TargetLanguageOption = None,
    precision: PrecisionOption = None,
    threads: ThreadsOption = 0,
    whole_lines: WholeLinesOption = False,
    shortlist: ShortlistOption = True,
    scores: Annotated[
        bool, typer.Option("--scores", "-s", help="The score of each translation is printed.")
    ] = False,
    beam: BeamOption = None,
    nbest: NbestOption = None,
    length_penalty: LengthPenaltyOption = None,
    min_length: MinLengthOption = None,
    max_length: MaxLengthOption = None,
    length_ratio: LengthRatioOption = None,
    no_repeat_ngram: NoRepeatOption = None,
    retry: RetryOption = None,
    repetition_penalty: RepetitionPenaltyOption = None,
    word_penalty: WordPenaltyOption = None,
    stop: StopOption = None,
    unknown: UnknownOption = None,
    target_prefix: TargetPrefixOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The output has a JSON object for each line, for programs.")
    ] = False,
) -> None:
    """Translate text, lines or documents.

    The command reads TEXT, the lines of a file, or standard input, and writes one line for each of them, in
    order, as soon as it is ready. Text is UTF-8. A blank line stays blank. A line of several sentences is
    translated sentence by sentence, a sentence too long for the model in pieces. Line breaks, indentation,
    bullets, placeholders (%s, {name}), addresses and `code` stay as they are.

        octavo translate "A man rides a bicycle."
        octavo translate -i talk.en -o talk.de
        octavo translate --beam 1 < talk.en | gzip > talk.de.gz
        octavo translate --nbest 3 --scores "Two dogs play in the snow."

    A document comes back in its own format, with its text translated and all else as it was; -o - writes it
    to standard output. Terms come from a glossary, what was translated before from a memory:

        octavo translate report.docx -o bericht.docx
        octavo translate products.csv --column title -o produkte.csv
        octavo translate app.po -o de.po --glossary terms.tsv --memory my.db

    With --scores a line is SCORE, TAB, translation. With --nbest it is LINE, RANK, translation, or
    LINE, RANK, SCORE, translation, with TABs between: LINE counts the lines of input from 1, RANK 1 is
    the best. A score is log-probability / length^X: the nearer to 0, the surer. With --json a line is an
    object: source, text, score, complete, alternatives (the n best), warnings and segments.

    Translations that are likely to be wrong are counted on standard error, with the first line numbers: empty
    ones, those that repeat themselves, and those of text that the vocabulary cannot read. Of a document the
    places are told.

    A run that fails or is stopped leaves the lines done in FILE.partial, or in FILE.partial.2 and so on
    where there is one. Exit codes: 0 done; 2 bad input, option, model or output; 130 Ctrl-C.
    """
    if text and input_file is not None:
        raise typer.BadParameter("give TEXT or --input FILE, not both")
    if as_json and scores:
        raise typer.BadParameter("--json holds the scores; leave --scores out")
    options: TranslationOptions = {
        "beam": beam,
        "nbest": nbest,
        "length_penalty": length_penalty,
        "min_length": min_length,
        "max_length": max_length,
        "length_ratio": length_ratio,
        "no_repeat_ngram": no_repeat_ngram,
        "retry": retry,
        "repetition_penalty": repetition_penalty,
        "word_penalty": word_penalty,
        "stop": stop,
        "unknown": unknown,
        "target_prefix": target_prefix,
        "wrapped": wrapped,
        "detect": detect,
        "similar": similar,
    }
    document = chosen_document(text or [], input_file, output_file, format_name, columns or [])
    if document is not None and (as_json or scores or nbest is not None):
        raise typer.BadParameter("a document has one translation; leave --json, --scores and --nbest out")
    if document is not None and target_prefix is not None:
        raise typer.BadParameter("a document is translated passage by passage; leave --target-prefix out")
    if document is None and (columns or xml_rules is not None):
        raise typer.BadParameter("--column and --xml-rules are for documents; the input is lines of text")
    if similar is not None and memory_file is None:
        raise typer.BadParameter("--similar asks a translation memory; name one with --memory")
    load = functools.partial(
        octavo.load,
        model,
        precision=precision,
        threads=threads,
        sentence_by_sentence=not whole_lines,
        shortlist=shortlist,
        source=source_language,
        to=target_language,
    )
    with nullcontext() if memory_file is None else _memory(memory_file) as memory:
        options["memory"] = memory
        if document is not None:
            with load() as translator:
                document.translate(translator, options | _glossary(glossary_file, translator), xml_rules)
            return
        source = nullcontext(lines_of_texts(text, wrapped=wrapped)) if text else open_lines(input_file)
        layout = Layout(scores=scores, ranks=nbest is not None, as_json=as_json)
        with open_output(output_file) as output, source as lines, load() as translator:
            options |= _glossary(glossary_file, translator)
            taken = ParagraphInput(lines) if wrapped and not text else lines
            tally = translate_lines(translator, taken, output, options, layout)
    tally.report(output.lines)


def _glossary(path: Path | None, translator: "Translator") -> "TranslationOptions":
    if path is None:
        return {}
    from octavo.terms import Glossary

    direction = translator.direction()
    return {"glossary": Glossary.read(path, source=direction.source, target=direction.target)}


def _memory(path: Path) -> "TranslationMemory":
    from octavo.memory import TranslationMemory

    return TranslationMemory.open(path)
