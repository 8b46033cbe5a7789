"""`nepi schema`, `nepi init`, `nepi convert`: what there is to do with experiments in files besides running them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nepi.cli.console import note, say
from nepi.errors import UsageError


def schema() -> None:
    """Print the JSON Schema of experiments in YAML, for editors.

    It knows the types that are found here, their attributes and units. Editors that use yaml-language-server take it from a file's
    first line: # yaml-language-server: $schema=nepi-schema.json
    """
    from nepi.cli.types import known_types
    from nepi.formats.schema import schema as schema_of

    say(json.dumps(schema_of(known_types()), indent=1, ensure_ascii=False))


def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The file to write.")] = Path("experiment.yaml"),
) -> None:
    """Write a small experiment to begin with: it runs as it is, and comments show what else can be said.

    An existing file is never overwritten.
    """
    from nepi.formats.files import YAML
    from nepi.formats.starter import starter

    if file.suffix.lower() not in YAML:
        raise UsageError(f"{file}: the name must end in .yaml or .yml")
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(starter(file.stem, str(file)))
    except FileExistsError:
        raise UsageError(f"{file} exists already and is left as it is; name another one") from None
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from None
    note(f"Wrote {file}. Look at what it would do with: nepi plan {file}")


def convert(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="An experiment: .yaml, .json, or .xml of the original NEPI.")],
    target: Annotated[Path, typer.Argument(metavar="TO", help="The file to write: .yaml or .json.")],
    backend: Annotated[str, typer.Option(help="Backend instead of the file's; types of an .xml file are looked for there, too.")] = "",
    release: Annotated[str, typer.Option(help="Release of the original that wrote the .xml file: 6.1 or 3.2.")] = "6.1",
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite the file that is there.")] = False,
) -> None:
    """Read an experiment's file and write it in another format.

    Nothing is lost between YAML and JSON, except for comments. Credentials are never written.
    """
    from nepi.execution.ec import ExperimentController

    if target.exists() and not force:
        raise UsageError(f"{target} exists already; --force overwrites it")
    with ExperimentController.load(source, backend=backend, release=release) as ec:
        for one in ec.loading_notes:
            note(f"nepi: note: {one}")
        ec.save(target)
