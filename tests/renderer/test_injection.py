"""Hostile text in a spec stays text: it changes no shape of a manifest and no word of a command line."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

import yaml
from handmade import RESOLVED, Made, make, make_spec, parsed
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from variants import ALL, QUEUE

from fleetspec.diagnostics import Rejected
from fleetspec.renderer.manifests import Manifests
from fleetspec.renderer.pods import as_text

PIECES = ["$(id)", "${HOME}", "`id`", '"', "'", "\\", "\n", "\r\n", "\t", "{{ job.image }}", "{% raw %}", "---\n", ": ",
          "- ", "#", "!!python/object:os.system ", "&a ", "*a", "\x00", "\x85", "\u2028", "\ufeff", "é", "a", "0", "~",
          "|", ">", "<", ";", "&&", "]", "}", "no", "=", "%", "\u202e"]  # fmt: skip
hostile = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join) | st.text(max_size=20)
FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def shape(value: Any) -> Any:
    """A value without its texts: keys, lengths of lists, and which kind of scalar stands where."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


def shapes(manifests: Manifests) -> dict[str, Any]:
    return {name: shape(yaml.load(text, Loader=yaml.CSafeLoader)) for name, text in manifests.files.items()}


def codes(made: Made) -> set[str] | None:
    """What a rendering is refused with; None where it is not."""
    try:
        made.render()
    except Rejected as refused:
        return {error.rule.code for error in refused.report.errors}
    return None


def rendered(owner: str = "quant", resolved: str = RESOLVED, lock: bytes = b"{}\n", **cluster: str) -> Manifests:
    spec = make_spec(queue=QUEUE, **(ALL | cluster)).model_copy(update={"owner": owner})
    return replace(make(), spec=spec, resolved=resolved, lock=lock).render()


PLAIN = shapes(rendered())


@given(owner=hostile, comment=hostile)
@example(owner="$(RAY_AUTH_TOKEN)", comment="x\n---\nkind: Secret\n")
@FEW
def test_text_of_a_person_changes_no_shape(owner: str, comment: str) -> None:
    resolved = f"owner: {comment}\n"
    made = rendered(owner, resolved, resolved.encode())
    assert shapes(made) == PLAIN
    job = parsed(made, "rayjob.yaml")
    assert job["metadata"]["annotations"]["fleetspec.dev/owner"] == owner
    assert parsed(made, "configmap.yaml")["data"]["fleet.lock"] == resolved
    assert parsed(made, "fleet/launcher-spec.yaml")["data"]["fleet.yaml"] == resolved
    # Nothing a person writes freely is in what a container runs or is told.
    for pod in yaml.load_all(as_text(made.pods()), Loader=yaml.CSafeLoader):
        for container in pod["spec"]["containers"]:
            told = [*container["command"], *container["args"], *(str(e.get("value")) for e in container["env"])]
            assert len(owner) < 4 or not any(owner in each for each in told)


@given(text=hostile, key=st.sampled_from(["image", "store", "ray", "namespace"]))
@FEW
def test_names_of_a_cluster_are_refused_or_stay_one_word(text: str, key: str) -> None:
    """``model_copy`` goes past the language's own checks: the renderer must not count on them."""
    good = make_spec(queue=QUEUE, **ALL)
    spec = good.model_copy(update={"cluster": good.cluster.model_copy(update={key: text})})
    refused = codes(replace(make(), spec=spec))
    if refused is not None:
        assert refused <= {"FS402", "FS404", "FS405", "FS406"}
        return
    made = replace(make(), spec=spec).render()
    assert shapes(made) == PLAIN
    words = shlex.split(parsed(made, "rayjob.yaml")["spec"]["entrypoint"])
    assert words[:7] == [
        "python",
        "-m",
        "fleetspec.runtime",
        "--config",
        "/etc/fleetspec",
        "--store",
        spec.cluster.store,
    ]
    assert words[7:] == ["--metrics", "0.0.0.0:9464"]


@given(text=hostile, key=st.sampled_from(["kueue", "priority"]))
@FEW
def test_names_of_a_queue_are_refused_or_stay_names(text: str, key: str) -> None:
    spec = make_spec(queue=QUEUE, **ALL)
    assert spec.queue is not None
    spec = spec.model_copy(update={"queue": spec.queue.model_copy(update={key: text})})
    refused = codes(replace(make(), spec=spec))
    if refused is not None:
        assert refused == {"FS406"}
        return
    assert shapes(replace(make(), spec=spec).render()) == PLAIN
