"""Hostile text in a spec stays text: it changes no shape of a manifest and no word of a command line."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from functools import lru_cache
from typing import Any

import yaml
from handmade import POOLS, Made, make, make_plan, make_spec, parsed
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from variants import ALL, QUEUE

from fleetspec.diagnostics import Rejected
from fleetspec.planner.plans import PoolLine
from fleetspec.renderer.environment import block, quoted
from fleetspec.renderer.manifests import Manifests
from fleetspec.renderer.pods import as_text

PIECES = ["$(id)", "${HOME}", "`id`", '"', "'", "\\", "\n", "\r\n", "\t", "{{ job.image }}", "{% raw %}", "---\n", ": ",
          "- ", "#", "!!python/object:os.system ", "&a ", "*a", "\x00", "\x85", "\u2028", "\ufeff", "é", "a", "0", "~",
          "|", ">", "<", ";", "&&", "]", "}", "no", "=", "%", "\u202e"]  # fmt: skip
hostile = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join) | st.text(max_size=20)
MANY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
REFUSED = {"FS402", "FS404", "FS405", "FS406", "FS408", "FS410"}
"""What a name that is none is refused with. FS410 is the read-back's: whatever else got through ends there."""


def shape(value: Any) -> Any:
    """A value without its texts: keys, lengths of lists, and which kind of scalar stands where."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


@lru_cache(maxsize=200)
def text_shape(text: str) -> Any:
    return shape(yaml.load(text, Loader=yaml.CSafeLoader))


def shapes(manifests: Manifests) -> dict[str, Any]:
    return {name: text_shape(text) for name, text in manifests.files.items()}


def codes(made: Made) -> set[str] | None:
    """What a rendering is refused with; None where it is not."""
    try:
        made.render()
    except Rejected as refused:
        return {error.rule.code for error in refused.report.errors}
    return None


MIG = POOLS[1].workers[0]
ONE = PoolLine("gpu", "H100-80GB", 1, 26, 239616, 9.98, "spec", 2, 1, 240, (MIG,))
"""A small plan: a group of slices, and the layout they need."""


def small(**cluster: str) -> Made:
    return replace(make(), plan=make_plan(pools=(ONE,)), spec=make_spec(queue=QUEUE, **(ALL | cluster)))


def with_text(place: str, text: str) -> Made:
    """The small plan with a text in one place. ``model_copy`` and ``replace`` go past the language's own checks, and so
    may a saved plan: the renderer must not count on them."""
    made = small()
    if place in ("image", "store", "ray", "namespace"):
        cluster = made.spec.cluster.model_copy(update={place: text})
        return replace(made, spec=made.spec.model_copy(update={"cluster": cluster}))
    if place in ("kueue", "priority"):
        assert made.spec.queue is not None
        queue = made.spec.queue.model_copy(update={place: text})
        return replace(made, spec=made.spec.model_copy(update={"queue": queue}))
    if place == "fleet":
        return replace(made, plan=replace(made.plan, fleet=text), graph=replace(made.graph, fleet=text))
    if place in ("pool", "gpu", "price_basis"):
        pool: Any = {"pool": "pool", "gpu": "gpu", "price_basis": "price_basis"}[place]
        return replace(made, plan=make_plan(pools=(replace(ONE, **{pool: text}),)))
    changed = replace(MIG, **{place: f"mig-{text}" if place == "slot" else text})  # type: ignore[arg-type]
    return replace(made, plan=make_plan(pools=(replace(ONE, workers=(changed,)),)))


PLACES = ["image", "store", "ray", "namespace", "kueue", "priority", "fleet", "pool", "gpu", "price_basis", "slot",
          "pattern"]  # fmt: skip
SMALL = small().render()
PLAIN = shapes(SMALL)


def told(made: Manifests) -> list[str]:
    """Every word that a container is started with or finds in its environment, without digests: they cover all text."""
    found = []
    for pod in yaml.load_all(as_text(made.pods()), Loader=yaml.CSafeLoader):
        for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ())):
            found += [*container["command"], *container["args"]]
            found += [f"{each['name']}={each.get('value')}" for each in container["env"]]
    launcher = parsed(made, "fleet/launcher.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for container in (*launcher["containers"], *launcher["initContainers"]):
        found += [*container["command"], *(f"{e['name']}={e.get('value')}" for e in container.get("env", ()))]
    return [re.sub(r"\b[0-9a-f]{8,64}\b", "DIGEST", word) for word in found]


TOLD = told(small().render())


@given(owner=hostile, comment=hostile)
@example(owner="wait", comment="a word of the commands")
@example(owner="$(RAY_AUTH_TOKEN)", comment="x\n---\nkind: Secret\n")
@MANY
def test_text_of_a_person_changes_no_shape(owner: str, comment: str) -> None:
    resolved = f"owner: {comment}\n"
    plain = small()
    spec = plain.spec.model_copy(update={"owner": owner})
    made = replace(plain, spec=spec, resolved=resolved, lock=resolved.encode()).render()
    assert shapes(made) == PLAIN
    job = parsed(made, "rayjob.yaml")
    assert job["metadata"]["annotations"]["fleetspec.dev/owner"] == owner
    assert parsed(made, "configmap.yaml")["data"]["fleet.lock"] == resolved
    assert parsed(made, "fleet/launcher-spec.yaml")["data"]["fleet.yaml"] == resolved
    # Nothing a person writes freely is in what a container runs or is told.
    assert told(made) == TOLD


@given(text=hostile, place=st.sampled_from(PLACES))
@example(text="$(id)", place="gpu")
@example(text="MI300X\n  evil: true", place="gpu")
@example(text='1g.10gb"\n          evil: "1', place="slot")
@example(text="7x1g.10gb\n", place="pattern")
@example(text="a\n#", place="pool")
@settings(MANY, max_examples=250)
def test_a_name_is_refused_or_stays_one_word(text: str, place: str) -> None:
    made = with_text(place, text)
    refused = codes(made)
    if refused is not None:
        assert refused <= REFUSED
        return
    rendered = made.render()
    flavors = {"fleet": (f"flavor-{text}-", "flavor-demo-"), "pool": (f"-{text}.yaml", "-gpu.yaml")}
    found = {name.replace(*flavors.get(place, ("", ""))): one for name, one in shapes(rendered).items()}
    # A queue without a priority has no class; everything else stands where it stood.
    assert found.keys() == PLAIN.keys()
    assert {name: one for name, one in found.items() if name not in BY_KEY} == {
        name: one for name, one in PLAIN.items() if name not in BY_KEY
    }
    words = shlex.split(parsed(rendered, "rayjob.yaml")["spec"]["entrypoint"])
    store = made.spec.cluster.store
    assert words == [
        *("python", "-m", "fleetspec.runtime", "--config", "/etc/fleetspec", "--store", store),
        *("--metrics", "0.0.0.0:9464"),
    ]
    # What a container is told differs by the names that it must know, and by nothing of a shell's.
    odd = set("\n;|&<>`'\"\\{}*?~! \t") | {"$("}
    before = told(SMALL)
    after = told(rendered)
    assert len(after) == len(before)
    for old, new in zip(before, after, strict=True):
        assert {mark for mark in odd if mark in new} <= {mark for mark in odd if mark in old}


BY_KEY = {"rayjob.yaml", "platform/clusterqueue.yaml", "platform/mig-config.yaml"}
"""Files in which a device's name is a key: their shapes differ by that name, and are held to its syntax below."""


@given(text=hostile, place=st.sampled_from(["gpu", "slot", "pattern", "pool"]))
@MANY
def test_keys_made_of_a_plans_words_are_resource_names(text: str, place: str) -> None:
    made = with_text(place, text)
    if codes(made) is not None:
        return
    files = made.render()
    (group,) = parsed(files, "rayjob.yaml")["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    names = [*limits, *group["resources"]]
    assert all(re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?", name) for name in names)
    assert len(limits) == 3
    assert len(group["resources"]) <= 4
    assert shape(parsed(files, "rayjob.yaml")["metadata"]) == PLAIN["rayjob.yaml"]["metadata"]


@given(text=hostile)
@MANY
def test_whatever_is_printed_reads_back(text: str) -> None:
    """The one place where text becomes YAML, for both readers that manifests meet."""
    for printed in (quoted(text), block(text, 4)):
        written = f"a:\n  b: {printed}\n  c: 1\n"
        assert yaml.safe_load(written) == yaml.load(written, Loader=yaml.CSafeLoader) == {"a": {"b": text, "c": 1}}
