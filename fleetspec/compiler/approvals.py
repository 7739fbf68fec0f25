"""``approvals.yaml`` beside a spec: who let what pass, who approved what, and who validated what.

It lies in the repository, and says who wrote it only as far as the repository does: its code owners protect it.
"""

# Annotations are objects here, not texts: pydantic would evaluate each text anew.

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Struct, field
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from fleetspec.compiler.decode import decode_as
from fleetspec.compiler.document import Document, parse
from fleetspec.compiler.shape import Shape
from fleetspec.diagnostics import Report, Route
from fleetspec.rules import policies as rules
from fleetspec.scalars import Day, Name

NAME = "approvals.yaml"


def _said(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("said", "{text}", {"text": "nothing is said here", "help": "write it in a few words"})
    return text


def _digest(text: str) -> str:
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        help = "copy all 64 digits that `fleetspec plan SPEC --out FILE` prints"
        raise PydanticCustomError("digest", "{text}", {"text": f"'{text}' is not the digest of a plan", "help": help})
    return text


Said = Annotated[str, AfterValidator(_said)]
PlanDigest = Annotated[str, AfterValidator(_digest)]


class OverrideEntry(Shape):
    """Lets the objections of one policy pass, on one fleet, until a day: its last."""

    policy: Name
    fleet: Said
    reason: Said
    by: Said
    expires: Day


class RemovalEntry(Shape):
    """Approves that models go: ``universe/group/family``, from the left as many as needed, ``*`` for any."""

    fleet: Said
    models: Said
    reason: Said
    by: Said
    expires: Day


class PlanEntry(Shape):
    """Approves one saved plan of a fleet, by the digest that was printed when it was made."""

    fleet: Said
    digest: PlanDigest
    by: Said
    reason: Said | None = None
    expires: Day | None = None


class ValidationEntry(Shape):
    """Says that a family has been validated for a fleet (``*`` for all): when, by whom, how it ended, and where the
    record lies."""

    fleet: Said
    family: Said
    by: Said
    on: Day
    outcome: Literal["accepted", "conditional", "rejected"]
    record: Said
    expires: Day | None = None


class ApprovalsFile(Shape):
    """Overrides, approvals and validations of the fleets beside the file."""

    api_version: Literal["fleetspec/v1"] = Field(alias="apiVersion")
    kind: Literal["Approvals"]
    overrides: tuple[OverrideEntry, ...] = ()
    removals: tuple[RemovalEntry, ...] = ()
    plans: tuple[PlanEntry, ...] = ()
    validations: tuple[ValidationEntry, ...] = ()


class Approvals(Struct, frozen=True):
    """What a file of approvals says, and where: all empty where there is no file."""

    said: ApprovalsFile = ApprovalsFile.model_construct(api_version="fleetspec/v1", kind="Approvals")
    document: Document = field(default_factory=lambda: Document({}))

    def where(self, route: Route) -> str:
        """``approvals.yaml:12``."""
        place = self.document.place(route)
        return NAME if place is None else f"{place.source.name}:{place.line}"


NONE = Approvals()


def read_approvals(path: Path, report: Report, *, required: bool = False) -> Approvals:
    """The file at ``path``; none where it does not exist and is not ``required``. Faults are added to the report with
    their places, and of a file with faults nothing counts."""
    from fleetspec.compiler.compose import read_source

    if not required and not path.is_file():
        return NONE
    found = Report()
    source = read_source(path, found)
    document = None if source is None else parse(source, found)
    said = None if document is None else decode_as(ApprovalsFile, document, found)
    if document is not None:
        found.locate(document)
    report.findings += found.findings
    return NONE if said is None or document is None else Approvals(said, document)


def check_expiry(approvals: Approvals, fleets: set[str], today: date, report: Report) -> None:
    """Warn (FS622) of overrides of these fleets that have expired by ``today``: they no longer count."""
    for number, one in enumerate(approvals.said.overrides):
        if one.fleet in fleets and one.expires < today:
            report.add(
                rules.EXPIRED,
                f"the override of policy '{one.policy}' by {one.by} expired on {one.expires}: it is {today}",
                place=approvals.document.place(("overrides", number, "expires")),
                help="mend what it was for and take it out, or have it renewed with a new day and reason",
            )
