"""LibreTranslate with the weights of an Octavo model, to be measured beside `octavo serve`.

    python benchmarks/libretranslate_peer.py package --model models/en-de --output en_de.argosmodel
    python3 -m venv peer && peer/bin/pip install libretranslate==1.9.6 ctranslate2==4.8.5
    peer/bin/python benchmarks/libretranslate_peer.py serve --package en_de.argosmodel --port 5000

`package` needs Octavo and its extra peers: the model goes through `octavo export` and CTranslate2's
converter, in int8 as Argos Translate stores its models. `serve` needs LibreTranslate alone, in an
environment of its own, and no network. It is LibreTranslate's own command, waitress and all, with three
things left out that would cost it time: looking for packages to download, a log of each text, and the
splitting of sentences, which needs a model that LibreTranslate downloads. Texts of one sentence are
translated as they would be."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

FOLDER = "en_de"
QUIET = ["--disable-web-ui", "--disable-files-translation"]


def write_package(model: Path, output: Path) -> None:
    """The model at ``model`` as a package of Argos Translate: metadata, CTranslate2's files, the pieces."""
    from octavo.artifact import ModelDirectory
    from octavo.conversion.to_huggingface import export

    config = ModelDirectory.open(model)
    converter = Path(sys.executable).parent / "ct2-transformers-converter"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with tempfile.TemporaryDirectory() as folder:
        huggingface, converted = Path(folder, "huggingface"), Path(folder, "ctranslate2")
        export(model, huggingface)
        command = [converter, "--model", huggingface, "--output_dir", converted, "--quantization", "int8"]
        done = subprocess.run(
            [*map(str, command)], capture_output=True, text=True, env=environment, check=False
        )
        if done.returncode:
            raise SystemExit(
                f"{converter.name} ended with exit code {done.returncode}:\n{done.stderr[-2000:]}"
            )
        # Argos gives pieces without an end of sentence, so that CTranslate2 has to add what the model wants.
        settings = json.loads((converted / "config.json").read_text(encoding="utf-8"))
        settings["add_source_eos"] = config.config.source_eos
        (converted / "config.json").write_text(json.dumps(settings), encoding="utf-8")
        metadata = {
            "package_version": "1.0",
            "argos_version": "1.9",
            "from_code": "en",
            "from_name": "English",
            "to_code": "de",
            "to_name": "German",
        }
        with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{FOLDER}/metadata.json", json.dumps(metadata))
            archive.write(huggingface / "source.spm", f"{FOLDER}/sentencepiece.model")
            for file in sorted(converted.iterdir()):
                archive.write(file, f"{FOLDER}/model/{file.name}")


class WholeText:
    """In place of Argos Translate's splitter of sentences: a text is one sentence."""

    def __init__(self, package: Any) -> None:
        self.package = package

    def split_sentences(self, text: str) -> list[str]:
        """The text itself."""
        return [text]


def serve(arguments: argparse.Namespace) -> None:
    """LibreTranslate's command with the package installed in a folder that lives as long as the server."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    package = arguments.package.resolve()
    with tempfile.TemporaryDirectory() as home:
        for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            os.environ[variable] = home
        os.environ["ARGOS_INTER_THREADS"] = str(arguments.workers)
        os.environ["ARGOS_INTRA_THREADS"] = str(arguments.worker_threads)
        os.chdir(home)  # LibreTranslate writes a folder db/ where it stands

        import logging

        import argostranslate.package
        import argostranslate.translate
        import libretranslate.init
        from libretranslate.main import main

        argostranslate.translate.MiniSBDSentencizer = WholeText
        libretranslate.init.boot = lambda *_: None
        logging.getLogger("argostranslate.utils").setLevel(logging.WARNING)
        argostranslate.package.install_from_path(package)
        address = ["--host", "127.0.0.1", "--port", str(arguments.port)]
        sys.argv = ["libretranslate", *address, "--threads", str(arguments.threads), *QUIET]
        main()


def parse_arguments() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("package", help="write an .argosmodel")
    packing.add_argument("--model", type=Path, default=Path("models/en-de"), help="float model directory")
    packing.add_argument("--output", type=Path, default=Path("en_de.argosmodel"))
    serving = commands.add_parser("serve", help="start LibreTranslate with it")
    serving.add_argument("--package", type=Path, default=Path("en_de.argosmodel"))
    serving.add_argument("--port", type=int, default=5000)
    serving.add_argument("--threads", type=int, default=4, help="requests at once; LibreTranslate's default")
    serving.add_argument("--workers", type=int, default=1, help="CTranslate2's inter_threads, Argos' default")
    serving.add_argument("--worker-threads", type=int, default=2, help="CTranslate2's intra_threads")
    return parser.parse_args()


def main() -> None:
    """Package or serve."""
    arguments = parse_arguments()
    if arguments.command == "package":
        write_package(arguments.model, arguments.output)
        print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.1f} MB")
    else:
        serve(arguments)


if __name__ == "__main__":
    main()
