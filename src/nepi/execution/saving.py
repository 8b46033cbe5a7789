"""The part of the controller that writes an experiment to a file and makes a controller from one. `nepi.formats` knows the formats."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from nepi.errors import DescriptionError, PlanError, RunError, UsageError
from nepi.execution.completing import completed, with_placeholders
from nepi.execution.factory import ResourceFactory
from nepi.execution.part import Part
from nepi.execution.restoring import restore
from nepi.execution.rundir import RunDir
from nepi.model.experiment import ExperimentDescription, json_text
from nepi.model.typespec import TypeSpec
from nepi.plan.core import NETWORKS

if TYPE_CHECKING:
    from nepi.formats.written import Source

SOURCE: Final = "experiment.yaml"
"""The file that a run is of, in the run's folder."""


ROUTING: Final = "static"
"""What `ExperimentController(routing=...)` is by default."""


class Saving(Part):
    """What `ExperimentController` can do with files. Not for use by itself."""

    source: Source | None = None
    """The YAML file that it was loaded from."""
    loading_notes: tuple[str, ...] = ()
    """What was changed when the original's XML was loaded, one sentence each."""

    def save(self, path: str | Path) -> Path:
        """Write the whole experiment to a file: YAML (.yaml, .yml) for people, JSON (.json) for programs; `load` reads both.

        Credentials are not written; where one was set, the file says from which environment variable it will be taken.

        Raises:
            UsageError: the file has another suffix, or cannot be written.
        """
        from nepi.formats import files

        target = Path(path)
        description = with_placeholders(self.describe(), self.registry.managers)
        suffix = target.suffix.lower()
        if suffix == files.JSON:
            pieces: Iterable[str] = json_text(description)
        elif suffix in files.YAML:
            from nepi.formats.writing import written_document
            from nepi.formats.yaml_text import yaml_text

            pieces = [yaml_text(written_document(description, find_type))]
        else:
            raise UsageError(f"cannot save {target}: its name must end in .yaml, .yml or .json")
        files.write_text(target, pieces)
        return target

    @classmethod
    def load(cls, path: str | Path, *, backend: str = "", release: str = "6.1", **settings: Any) -> Self:
        """Return a new controller of the experiment in a file: YAML, JSON, or the XML of the original.

        Args:
            path: the file.
            backend: instead of the one that the file names.
            release: the release of the original that wrote an XML file, "6.1" or "3.2".
            settings: what else the controller takes: local_dir, run_id, keep, ...

        Raises:
            PlanError: the file has mistakes; all of them are told, with their places.
        """
        from nepi.formats import files

        file = Path(path)
        suffix = file.suffix.lower()
        if suffix not in files.SUFFIXES:
            raise UsageError(f"cannot load {file}: its name must end in .yaml, .yml, .json or .xml")
        text = files.read_text(file)
        if suffix in files.YAML:
            return cls._from_yaml(file, text, backend, settings)
        if suffix == files.JSON:
            return cls._from_description(file, files.read_json(file, text), backend, settings)
        from nepi.formats.original_xml import read_xml

        found = read_xml(file, text, find_type, backend, release)
        ec = cls._from_description(file, found.description, backend, settings)
        ec.loading_notes = tuple(found.notes)
        return ec

    @classmethod
    def _from_description(cls, file: Path, description: ExperimentDescription, backend: str, settings: dict[str, Any]) -> Self:
        try:
            ec = cls._with_settings(description, backend, settings)
        except DescriptionError as error:
            raise PlanError([f"{file}: {error}"]) from None
        mistakes = [f"{file}: {sentence}" for _, sentence in restore(ec._controller, description)]
        if mistakes:
            ec._controller.shutdown()
            raise PlanError(mistakes)
        return ec

    @classmethod
    def _from_yaml(cls, file: Path, text: str, backend: str, settings: dict[str, Any]) -> Self:
        from nepi.formats.listing import Present
        from nepi.formats.reading import describe_document
        from nepi.formats.written import read_source

        source = read_source(file, text)
        ec = cls._of_document(source, backend, settings)
        present = {one.name: Present(one.guid, one.rtype()) for one in ec.registry.managers.values()}
        described = describe_document(source, find_type, ec.backend, present)
        for guid, sentence in restore(ec._controller, described) if not source.broken else ():
            source.refused(guid, sentence)
        if source.mistakes:
            planned = ec._planned_too(source)
            ec._controller.shutdown()
            raise PlanError([*source.mistakes.sentences(), *planned])
        return ec

    @classmethod
    def _of_document(cls, source: Source, backend: str, settings: dict[str, Any]) -> Self:
        """Return a controller with what a file says of the whole, and with its topology."""
        from nepi.formats.reading import settings_of, topology_of

        try:
            ec = cls._with_settings(settings_of(source), backend, settings)
        except DescriptionError as error:
            source.mistakes.give_up(source.place_of_key("routing" if "routing" in str(error) else "experiment"), str(error))
        ec.source = source
        record = topology_of(source)
        if record is not None:
            from nepi.topologies.topology import Topology

            try:
                ec._controller.build(Topology.from_record(record, folder=source.path.parent))
            except DescriptionError as error:
                ec._controller.shutdown()
                source.mistakes.give_up(source.place_of_key("topology"), str(error))
        return ec

    def _planned_too(self, source: Source) -> list[str]:
        """Return what the plan finds besides, so that all mistakes are told at once; no follow-ups of those that were found."""
        try:
            if not source.broken:
                self._controller.check()
        except PlanError as error:
            return source.located(source.not_follow_ups(error.mistakes))
        return []

    def _completed(self, description: ExperimentDescription) -> ExperimentDescription:
        return completed(
            description,
            changes=[said for said in self._changes_said if said[0].guid in self.registry.managers],
            networks=() if self._networks == NETWORKS else tuple(self._networks),
            routing="" if self._routing == ROUTING else self._routing,
            stop_on_abort=self.stop_on_abort,
            deadline_s=self._deadline_s,
        )

    def _keep_source(self, rundir: RunDir) -> None:
        """Keep the file with the run that is of it."""
        if self.source is not None:
            try:
                rundir.write_text(rundir.path / SOURCE, [self.source.text])
            except OSError as error:
                raise RunError(f"the run's folder {rundir.path} cannot be written: {error.strerror}") from error

    @classmethod
    def _with_settings(cls, description: ExperimentDescription, backend: str, settings: dict[str, Any]) -> Self:
        said: dict[str, Any] = {"exp_id": description.exp_id, "backend": backend or description.backend}
        if description.networks:
            said["networks"] = description.networks
        if description.routing:
            said["routing"] = description.routing
        if description.stop_on_abort:
            said["stop_on_abort"] = True
        if description.deadline_s is not None:
            said["deadline"] = description.deadline_s
        return cls(**{**said, **settings})


def find_type(rtype: str, backend: str) -> TypeSpec:
    """Return a type by its name.

    Raises:
        UnknownTypeError: there is none.
    """
    return ResourceFactory.spec(ResourceFactory.find(rtype, backend))
