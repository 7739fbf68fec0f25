"""What is rendered of a plan: names, deadlines, groups, the ConfigMap; and what cannot be rendered, and why."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from handmade import POOLS, Made, make_plan, make_spec, parsed
from rendered_entrypoint import config_entry, entrypoint_command, local_command, mounts, unpack_config

from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.spec import Cluster
from fleetspec.diagnostics import Rejected
from fleetspec.planner.plans import WorkerLine
from fleetspec.renderer.manifests import Manifests
from fleetspec.runtime.__main__ import _text as read_in_pod


def refusal(made: Made) -> tuple[str, str]:
    with pytest.raises(Rejected) as caught:
        made.render()
    (error,) = caught.value.report.errors
    assert error.help
    return error.rule.code, error.message


def with_workers(made: Made, pool: int, *lines: WorkerLine) -> Made:
    pools = list(POOLS)
    pools[pool] = replace(pools[pool], workers=lines)
    return replace(made, plan=make_plan(pools=tuple(pools)))


def groups_of(manifests: Manifests) -> dict[str, Any]:
    groups = parsed(manifests, "rayjob.yaml")["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    return {group["groupName"]: group for group in groups}


def test_golden(manifests: Manifests, golden: Any) -> None:
    """Numbers in these files are the hand-made plan's, which test_autoscaler and the tests below hold them against."""
    for name, text in manifests.files.items():
        golden(f"manifests/{name}", text)


def test_the_same_plan_gives_the_same_bytes(made: Made) -> None:
    assert made.render().files == made.render().files


def test_the_job_is_named_after_fleet_run_and_content(made: Made) -> None:
    name = parsed(made.render(), "rayjob.yaml")["metadata"]["name"]
    assert re.fullmatch(r"demo-nightly-[0-9a-f]{8}", name)
    assert len("a" * 16 + "-backtest-" + "0" * 8) <= 47
    changed = [
        replace(made, plan=make_plan(cost_usd=3.21)),
        replace(made, resolved=made.resolved + "seed: '1'\n"),
        replace(made, lock=made.lock + b"\n"),
    ]
    names = {parsed(other.render(), "rayjob.yaml")["metadata"]["name"] for other in changed}
    assert len(names | {name}) == 4


def test_a_backtest_is_named_so(made: Made) -> None:
    graph = replace(made.graph, run=RunKind.BACKTEST)
    rendered = replace(made, graph=graph, plan=make_plan(run="backtest")).render()
    assert parsed(rendered, "rayjob.yaml")["metadata"]["name"].startswith("demo-backtest-")
    assert json.loads(config_entry(rendered.files["configmap.yaml"], "run.json"))["run"] == "backtest"


def test_deadlines_are_the_plans(made: Made) -> None:
    """Oracle: 54,900 s of deadline, 54,000 s of work, 60 s of overhead leave 960 s to start in."""
    spec = parsed(made.render(), "rayjob.yaml")["spec"]
    assert (spec["activeDeadlineSeconds"], spec["preRunningDeadlineSeconds"]) == (54900, 960)
    tight = replace(made, plan=make_plan(end_seconds=54960.0)).render()
    assert parsed(tight, "rayjob.yaml")["spec"]["preRunningDeadlineSeconds"] == 60
    easy = replace(made, plan=make_plan(end_seconds=600.0)).render()
    assert parsed(easy, "rayjob.yaml")["spec"]["preRunningDeadlineSeconds"] == 1800


def test_the_entrypoint_is_one_plain_command(manifests: Manifests, tmp_path: Any) -> None:
    rayjob = manifests.files["rayjob.yaml"]
    words = ["python", "-m", "fleetspec.runtime", "--config", "/etc/fleetspec", "--store", "/srv/fleetspec"]
    assert entrypoint_command(rayjob) == words
    assert mounts(rayjob) == {"config": "/etc/fleetspec", "store": "/srv/fleetspec"}
    local = local_command(rayjob, "/usr/bin/python3", tmp_path / "config", tmp_path / "store")
    assert local == ["/usr/bin/python3", *words[1:4], str(tmp_path / "config"), "--store", str(tmp_path / "store")]


def test_files_of_the_spec_are_looked_for_on_the_stores_volume(made: Made, tmp_path: Any) -> None:
    source = made.spec.data["market"].model_copy(update={"from_": "prices/bars.csv"})
    spec = made.spec.model_copy(update={"data": {"market": source}})
    rendered = replace(made, spec=spec).render()
    rayjob = rendered.files["rayjob.yaml"]
    assert entrypoint_command(rayjob)[-2:] == ["--data", "/srv/fleetspec/data"]
    assert local_command(rayjob, "python3", tmp_path / "config", tmp_path / "store")[-1] == str(tmp_path / "store/data")
    assert "under data/ of that claim" in rendered.files["kustomization.yaml"]


def test_the_driver_has_a_place_that_only_the_head_offers(manifests: Manifests) -> None:
    spec = parsed(manifests, "rayjob.yaml")["spec"]
    assert json.loads(spec["entrypointResources"]) == {"fleetspec_driver": 1}
    assert spec["rayClusterSpec"]["headGroupSpec"]["resources"] == {"CPU": "0", "fleetspec_driver": "1"}
    assert not any("fleetspec_driver" in group["resources"] for group in groups_of(manifests).values())


def test_one_group_per_pool_pattern_and_slot(manifests: Manifests) -> None:
    groups = groups_of(manifests)
    assert sorted((name, group["maxReplicas"]) for name, group in groups.items()) == [
        ("cpu-std-cpu", 2),
        ("gpu-amd-gpu", 8),
        ("gpu-h100-mig-1x3g-40gb-4x1g-10g-1b159ec6", 4),
        ("gpu-h100-mig-7x1g-10gb-mig-1g-10gb", 7),
        ("gpu-h100-mig-mig-3g-40gb", 1),
    ]
    assert not any("replicas" in group for group in groups.values())


def test_pods_ask_for_what_their_ray_node_declares(manifests: Manifests) -> None:
    asked = {}
    for name, group in groups_of(manifests).items():
        resources = group["template"]["spec"]["containers"][0]["resources"]
        assert resources["requests"] == resources["limits"]
        asked[name] = {k: v for k, v in resources["limits"].items() if "/" in k}
    assert asked == {
        "cpu-std-cpu": {},
        "gpu-amd-gpu": {"amd.com/gpu": "1"},
        "gpu-h100-mig-1x3g-40gb-4x1g-10g-1b159ec6": {"nvidia.com/mig-1g.10gb": "1"},
        "gpu-h100-mig-7x1g-10gb-mig-1g-10gb": {"nvidia.com/mig-1g.10gb": "1"},
        "gpu-h100-mig-mig-3g-40gb": {"nvidia.com/mig-3g.40gb": "1"},
    }


def test_nodes_are_chosen_by_pool_and_layout(manifests: Manifests) -> None:
    layouts = yaml.safe_load(parsed(manifests, "platform/mig-config.yaml")["data"]["config.yaml"])["mig-configs"]
    assert {name: entry[0].get("mig-devices") for name, entry in layouts.items()} == {
        "all-disabled": None,
        "fleetspec-4x1g.10gb-1x3g.40gb": {"1g.10gb": 4, "3g.40gb": 1},
        "fleetspec-7x1g.10gb": {"1g.10gb": 7},
    }
    selected = [group["template"]["spec"]["nodeSelector"] for group in groups_of(manifests).values()]
    wanted = [(s["fleetspec.dev/pool"], s.get("nvidia.com/mig.config")) for s in selected]
    assert sorted(wanted, key=str) == [
        ("cpu-std", None),
        ("gpu-amd", None),
        ("gpu-h100-mig", "fleetspec-4x1g.10gb-1x3g.40gb"),
        ("gpu-h100-mig", "fleetspec-4x1g.10gb-1x3g.40gb"),
        ("gpu-h100-mig", "fleetspec-7x1g.10gb"),
    ]


def test_slices_are_counted_per_gpu(made: Made) -> None:
    """Oracle: 14 slices on a node of two GPUs are 7 on each."""
    pools = list(POOLS)
    workers = (WorkerLine("7x1g.10gb", "mig-1g.10gb", 14, 14, 1, 8192),)
    pools[1] = replace(pools[1], gpus_per_node=2, workers=workers)
    rendered = replace(made, plan=make_plan(pools=tuple(pools))).render()
    assert '"1g.10gb": 7' in rendered.files["platform/mig-config.yaml"]
    pools[1] = replace(pools[1], workers=(replace(workers[0], workers_per_node=13),))
    assert refusal(replace(made, plan=make_plan(pools=tuple(pools))))[0] == "FS409"


def test_a_whole_gpu_waits_for_no_layout(made: Made) -> None:
    rendered = with_workers(made, 1, WorkerLine("1xgpu", "gpu", 2, 1, 24, 204800)).render()
    group = groups_of(rendered)["gpu-h100-mig-gpu"]
    pod = group["template"]["spec"]
    assert pod["nodeSelector"] == {"fleetspec.dev/pool": "gpu-h100-mig"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert group["resources"] == {"CPU": "24", "memory": "204800Mi", "GPU": "1"}


def test_without_mig_there_is_no_mig_config(made: Made) -> None:
    rendered = with_workers(made, 1).render()
    assert not [name for name in rendered.files if "mig" in name]


def test_the_config_map_is_what_a_pod_needs(made: Made, manifests: Manifests, tmp_path: Any) -> None:
    text = manifests.files["configmap.yaml"]
    assert config_entry(text, "fleet.yaml").decode() == made.resolved
    assert config_entry(text, "fleet.lock") == made.lock
    assert config_entry(text, "plan.json") == made.plan.to_bytes()
    assert json.loads(config_entry(text, "run.json")) == {
        "run": "nightly",
        "session": "2026-11-23",
        "graph": made.graph.content,
    }
    unpack_config(text, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fleet.lock", "fleet.yaml", "plan.json", "run.json"]


def test_a_long_lock_is_packed_and_the_pod_reads_it(made: Made, tmp_path: Any) -> None:
    lock = b"".join(b'"SYN%06d": 1200,\n' % row for row in range(40_000))
    text = replace(made, lock=lock).render().files["configmap.yaml"]
    assert config_entry(text, "fleet.lock") == lock
    assert len(text) < 300_000 < len(lock)
    unpack_config(text, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fleet.lock.gz", "fleet.yaml", "plan.json", "run.json"]
    assert read_in_pod(tmp_path / "fleet.lock") == lock.decode()
    (tmp_path / "fleet.lock.gz").write_bytes(b"no gzip")
    with pytest.raises(Rejected, match=r"fleet\.lock"):
        read_in_pod(tmp_path / "fleet.lock")


def test_what_does_not_fit_a_config_map_is_refused(made: Made) -> None:
    noise = random.Random(1).randbytes(8_100_000).hex().encode()
    code, message = refusal(replace(made, lock=noise))
    assert code == "FS401"
    assert "fleet.lock alone takes" in message


def test_files_that_one_config_map_does_not_hold_are_cut_and_the_pod_joins_them(made: Made, tmp_path: Any) -> None:
    lock = random.Random(1).randbytes(1_300_000).hex().encode()
    rendered = replace(made, lock=lock).render()
    maps = [name for name in rendered.files if name.startswith("configmap")]
    assert maps == ["configmap-2.yaml", "configmap.yaml"]
    pod = parsed(rendered, "rayjob.yaml")["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    sources = next(volume for volume in pod["volumes"] if volume["name"] == "config")["projected"]["sources"]
    names = [parsed(rendered, name)["metadata"]["name"] for name in maps]
    assert sorted(source["configMap"]["name"] for source in sources) == sorted(names)
    for name in maps:
        unpack_config(rendered.files[name], tmp_path)
    assert read_in_pod(tmp_path / "fleet.lock") == lock.decode()
    (tmp_path / "fleet.lock.gz.00").unlink()
    with pytest.raises(Rejected, match=r"fleet\.lock"):
        read_in_pod(tmp_path / "fleet.lock")


def test_the_config_map_is_named_after_its_content(made: Made) -> None:
    def mounted(rendered: Manifests) -> str:
        head = parsed(rendered, "rayjob.yaml")["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
        return next(v["configMap"]["name"] for v in head["volumes"] if "configMap" in v)

    one, other = made.render(), replace(made, lock=b"{}\n").render()
    for rendered in (one, other):
        assert parsed(rendered, "configmap.yaml")["metadata"]["name"] == mounted(rendered)
    assert mounted(one) != mounted(other)


HOSTILE = [
    "quote \" and backslash \\ and '",
    "line\nbreak: {kind: Pod}\n---\nkind: Secret",
    "{{ job.image }}{% for x in y %}",
    "$(RAY_AUTH_TOKEN) `id` ; rm -rf / #",
    "- &anchor *alias !!python/object:os.system",
    "tab\tnull\x00bell\x07del\x7f next\x85line\u2028sep\ufeffbom",
    "no",
    "2026-11-23",
    "",
    "emoji 🦉 and ü",
]


@pytest.mark.parametrize("owner", HOSTILE)
def test_text_of_a_person_stays_text(made: Made, owner: str) -> None:
    spec = made.spec.model_copy(update={"owner": owner})
    rendered = replace(made, spec=spec, resolved=f"owner: {owner}\n", lock=owner.encode() + b"\n").render()
    job = parsed(rendered, "rayjob.yaml")
    assert job["metadata"]["annotations"]["fleetspec.dev/owner"] == owner
    assert parsed(rendered, "configmap.yaml")["data"]["fleet.yaml"] == f"owner: {owner}\n"
    assert parsed(rendered, "configmap.yaml")["data"]["fleet.lock"] == owner + "\n"
    plain = made.render()
    assert job["spec"].keys() == parsed(plain, "rayjob.yaml")["spec"].keys()
    assert entrypoint_command(rendered.files["rayjob.yaml"]) == entrypoint_command(plain.files["rayjob.yaml"])


@pytest.mark.parametrize(
    "image", ["", "Two Words", "a:b:c", "img@sha256:12", "img\n", 'img"', "$(id)", "{{ job }}", "/x"]
)
def test_a_bad_image_is_refused(made: Made, image: str) -> None:
    code, _ = refusal(replace(made, spec=make_spec(image=image)))
    assert code == "FS402"


@pytest.mark.parametrize(
    "image",
    [
        "worker",
        "worker:1",
        "localhost:5000/a/b-c_d:1.2",
        "ghcr.io/a/b@sha256:" + "0f" * 32,
        "a.b/c:v1@sha256:" + "0" * 64,
    ],
)
def test_a_good_image_is_not(made: Made, image: str) -> None:
    rendered = replace(made, spec=make_spec(image=image)).render()
    assert rendered.files["rayjob.yaml"].count(f'image: "{image}"') == 7


@pytest.mark.parametrize(
    "store",
    [
        "",
        "relative",
        "/",
        "/a b",
        "/a;id",
        "/$(HOME)",
        "/a\n/b",
        "/../etc",
        "/a//b",
        "/etc/fleetspec",
        "/dev/shm",
        "s3://b",
    ],
)
def test_a_bad_store_is_refused(made: Made, store: str) -> None:
    code, _ = refusal(replace(made, spec=make_spec(store=store)))
    assert code == "FS404"


@pytest.mark.parametrize("release", ["", "2.9", "2.53.9", "latest", "2.60.0rc1", "v2.60.0"])
def test_a_bad_ray_release_is_refused(made: Made, release: str) -> None:
    assert refusal(replace(made, spec=make_spec(ray=release)))[0] == "FS405"


def test_all_faults_of_the_cluster_are_said_at_once(made: Made) -> None:
    spec = make_spec(image="A B", store="here", ray="2", namespace="n" * 64)
    with pytest.raises(Rejected) as caught:
        replace(made, spec=spec).render()
    found = {(error.rule.code, error.route) for error in caught.value.report.errors}
    assert found == {
        ("FS402", ("cluster", "image")),
        ("FS404", ("cluster", "store")),
        ("FS405", ("cluster", "ray")),
        ("FS406", ("cluster", "namespace")),
    }


def test_a_pool_name_that_no_label_holds_is_refused(made: Made) -> None:
    pools = (replace(POOLS[0], pool="p" * 64),)
    assert refusal(replace(made, plan=make_plan(pools=pools)))[0] == "FS406"


@pytest.mark.parametrize("verdict", ["late", "infeasible"])
def test_a_plan_that_does_not_hold_is_refused(made: Made, verdict: Any) -> None:
    code, message = refusal(replace(made, plan=make_plan(verdict=verdict)))
    assert code == "FS407"
    assert verdict in message


def test_a_plan_without_workers_is_refused(made: Made) -> None:
    assert refusal(replace(made, plan=make_plan(pools=())))[0] == "FS407"


def test_another_runs_graph_is_refused(made: Made) -> None:
    assert refusal(replace(made, graph=replace(made.graph, content="0" * 32)))[0] == "FS408"


@pytest.mark.parametrize(("pool", "slot"), [(0, "gpu"), (0, "mig-1g.10gb"), (1, "half-gpu"), (1, "cpu")])
def test_a_slot_without_a_manifest_is_refused(made: Made, pool: int, slot: str) -> None:
    assert refusal(with_workers(made, pool, WorkerLine("p", slot, 1, 1, 4, 8192)))[0] == "FS409"


def test_an_image_without_digest_is_a_warning(made: Made) -> None:
    assert made.render().warnings == ()
    (warning,) = replace(made, spec=make_spec(image=Cluster().image)).render().warnings
    assert (warning.rule.code, warning.is_error) == ("FS403", False)


def test_no_job_and_no_model_is_named(made: Made, manifests: Manifests) -> None:
    names = [made.graph.address(0), made.graph.hex(0), "SYN0001"]
    assert not [name for name in names for text in manifests.files.values() if name in text]
