"""``--as-pods``: one pod for each that the operator makes, with what it adds; Ray's reader of every variant."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from handmade import POOLS, parsed
from test_autoscaler import MIB, ray_cluster
from variants import variants

from fleetspec.renderer.manifests import Manifests
from fleetspec.renderer.pods import COUNT, as_text


@pytest.fixture(scope="module")
def pods(manifests: Manifests) -> dict[str, dict[str, Any]]:
    stream = yaml.safe_load_all(as_text(manifests.pods()))
    return {made.what: value for made, value in zip(manifests.pods(), stream, strict=True)}


def test_there_is_one_for_head_submitter_and_every_group(manifests: Manifests, pods: dict[str, Any]) -> None:
    groups = parsed(manifests, "rayjob.yaml")["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    assert pods.keys() == {"head", "submitter", *(group["groupName"] for group in groups)}
    counts = {what: int(pod["metadata"]["annotations"][COUNT]) for what, pod in pods.items()}
    assert counts == {"head": 1, "submitter": 1} | {group["groupName"]: group["maxReplicas"] for group in groups}
    assert sum(counts.values()) == 2 + sum(line.workers for pool in POOLS for line in pool.workers)


def test_names_are_those_a_pod_may_have(pods: dict[str, Any]) -> None:
    names = [pod["metadata"]["name"] for pod in pods.values()]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 63 and name[0].isalnum() for name in names)


def test_what_the_operator_adds_is_there(pods: dict[str, Any]) -> None:
    head = pods["head"]["spec"]
    assert [container["name"] for container in head["containers"]] == ["ray-head", "autoscaler"]
    assert pods["head"]["metadata"]["labels"]["ray.io/node-type"] == "head"
    worker = pods["cpu-std-cpu"]["spec"]
    (wait,) = worker["initContainers"]
    assert wait["resources"]["requests"] == {"cpu": "200m", "memory": "256Mi"}
    assert wait["securityContext"] == worker["containers"][0]["securityContext"]
    shared = {volume["name"]: volume for volume in worker["volumes"]}["shared-mem"]
    limit = worker["containers"][0]["resources"]["limits"]["memory"]
    assert shared["emptyDir"] == {"medium": "Memory", "sizeLimit": limit}
    (submitter,) = pods["submitter"]["spec"]["containers"]
    assert "python -m fleetspec.runtime --config /etc/fleetspec" in submitter["args"][0]


def test_policies_and_budget_select_the_pods_they_mean(manifests: Manifests, pods: dict[str, Any]) -> None:
    labels = {what: pod["metadata"]["labels"] for what, pod in pods.items()}
    everyone = parsed(manifests, "fleet/networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"]
    assert all(everyone.items() <= held.items() for held in labels.values())
    budget = parsed(manifests, "fleet/poddisruptionbudget.yaml")["spec"]["selector"]["matchLabels"]
    assert [what for what, held in labels.items() if budget.items() <= held.items()] == ["head"]
    choices = parsed(manifests, "fleet/networkpolicy-api.yaml")["spec"]["podSelector"]["matchExpressions"]
    chosen = [what for what, held in labels.items() if all(held.get(c["key"]) in c["values"] for c in choices)]
    assert chosen == ["head"]


@pytest.mark.parametrize("name", sorted(variants()))
def test_rays_reader_sees_the_plan_however_it_is_rendered(shared: Path, name: str) -> None:
    reader = pytest.importorskip(
        "ray.autoscaler._private.kuberay.autoscaling_config", reason="NOT CHECKED WITH RAY'S READER: ray is absent"
    )
    made = variants()[name]
    cluster = ray_cluster(shared / "crds", parsed(made.render(), "rayjob.yaml"))
    nodes = reader._derive_autoscaling_config_from_ray_cr(cluster)["available_node_types"]
    seen = sorted(
        (node["max_workers"], node["resources"]["CPU"], node["resources"]["memory"], node["resources"].get("GPU", 0))
        for kind, node in nodes.items()
        if kind != "headgroup"
    )
    assert seen == sorted(
        (line.workers, line.cores, line.memory_mib * MIB, int(line.slot != "cpu"))
        for pool in made.plan.pools
        for line in pool.workers
    )


# What common/pod.go and common/job.go of KubeRay put into a worker, a head and a submitter, in their order.
FIELDS = ["RAY_CLUSTER_NAME", "RAY_CLUSTER_NAMESPACE", "RAY_CLOUD_INSTANCE_ID", "RAY_NODE_TYPE_NAME"]
LAST = ["KUBERAY_GEN_RAY_START_CMD", "RAY_PORT", "RAY_ADDRESS", "RAY_USAGE_STATS_KUBERAY_IN_USE",
        "RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE"]  # fmt: skip
TOKEN = ["RAY_AUTH_MODE", "RAY_AUTH_TOKEN"]


def names(container: dict[str, Any]) -> list[str]:
    return [each["name"] for each in container["env"]]


def test_a_worker_is_what_the_operators_rules_make_of_it(manifests: Manifests, pods: dict[str, Any]) -> None:
    groups = parsed(manifests, "rayjob.yaml")["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    (group,) = [each for each in groups if "mig_3g_40gb" in each["resources"]]
    pod, own = pods[group["groupName"]], group["template"]["spec"]["containers"][0]
    (main,), (wait,) = pod["spec"]["containers"], pod["spec"]["initContainers"]
    cluster = pod["metadata"]["labels"]["ray.io/cluster"]
    address = f"{cluster}-head-svc.quant.svc.cluster.local:6379"
    started = (
        f"ray start  --address={address}  --block  --dashboard-agent-listen-port=52365  "
        "--labels=fleetspec.dev/pool=gpu-h100-mig,fleetspec.dev/slot=mig-3g.40gb  --memory=45097156608  "
        "--metrics-export-port=8080  --num-cpus=5  --num-gpus=1  --object-store-memory=2147483648  "
        """--resources='{"mig_3g_40gb":1}' """
    )
    assert main["command"] == ["/bin/bash", "-c", "--"]
    assert main["args"] == ["ulimit -n ${RAY_START_ULIMIT_OPEN_FILES:-65536}; " + started]
    assert names(main) == [*names(own), *TOKEN, "FQ_RAY_IP", "RAY_IP", *FIELDS, *LAST]
    assert {each["name"]: each.get("value") for each in main["env"]}["KUBERAY_GEN_RAY_START_CMD"] == started
    # The container that waits has the template's environment and mounts, and nothing of the object store.
    assert names(wait) == [*names(own), *TOKEN, "FQ_RAY_IP", "RAY_IP"]
    assert wait["volumeMounts"] == own["volumeMounts"]
    assert main["volumeMounts"] == [*own["volumeMounts"], {"name": "shared-mem", "mountPath": "/dev/shm"}]
    # Labels of the template, then of the group; three are the operator's whatever these say.
    labels = pod["metadata"]["labels"]
    assert group["labels"].items() <= labels.items()
    assert group["template"]["metadata"]["labels"].items() <= labels.items()
    assert {key for key in labels if key.startswith("ray.io/")} == {
        f"ray.io/{key}" for key in ("cluster", "group", "identifier", "is-ray-node", "node-type")
    }


def test_head_and_submitter_are_what_the_operators_rules_make_of_them(pods: dict[str, Any]) -> None:
    head = pods["head"]["spec"]
    main, autoscaler = head["containers"]
    assert "--no-monitor" in main["args"][0]
    assert head["serviceAccountName"] == pods["head"]["metadata"]["labels"]["ray.io/cluster"]
    assert names(main)[-len(FIELDS + LAST) :] == FIELDS + LAST
    assert names(main)[-len(FIELDS + LAST) - 3 : -len(FIELDS + LAST)] == ["RAY_enable_autoscaler_v2", *TOKEN]
    assert names(autoscaler) == ["RAY_CLUSTER_NAME", "RAY_CLUSTER_NAMESPACE", "RAY_HEAD_POD_NAME", "KUBERAY_CRD_VER",
                                 *TOKEN]  # fmt: skip
    (submitter,) = pods["submitter"]["spec"]["containers"]
    assert submitter["command"] == ["/bin/bash", "-ce", "--"]
    assert names(submitter) == ["PYTHONUNBUFFERED", "RAY_DASHBOARD_ADDRESS", "RAY_JOB_SUBMISSION_ID", *TOKEN]


def test_only_under_an_autoscaler_do_pods_never_restart() -> None:
    for name, never in (("plain", True), ("fixed", False)):
        policies = [pod.value["spec"].get("restartPolicy") for pod in variants()[name].render().pods()[:-1]]
        assert set(policies) == {"Never" if never else None}


@pytest.mark.parametrize("name", ["plain", "partitioned", "fixed"])
def test_rays_own_command_line_takes_every_start_and_submission(name: str) -> None:
    """The words of each container, by Ray's parser: what it understands is what was planned."""
    scripts = pytest.importorskip("ray.scripts.scripts", reason="NOT CHECKED WITH RAY'S COMMANDS: ray is absent")
    jobs = pytest.importorskip("ray.dashboard.modules.job.cli", reason="NOT CHECKED WITH RAY'S COMMANDS: ray is absent")
    made = variants()[name]
    understood = []
    for pod in made.render().pods():
        words = shlex.split(pod.value["spec"]["containers"][0]["args"][0])
        if pod.what == "submitter":
            begin = words.index("submit") + 1
            given = jobs.submit.make_context("submit", words[begin : words.index(";", begin)]).params
            assert json.loads(given["entrypoint_resources"]) == {"fleetspec_driver": 1}
            assert given["entrypoint"][:3] == ("python", "-m", "fleetspec.runtime")
            continue
        given = scripts.start.make_context("start", words[words.index("start") + 1 :]).params
        assert given["block"]
        assert given["head"] is (pod.what == "head")
        custom = json.loads(given["resources"])
        if pod.what == "head":
            assert (given["num_cpus"], custom) == (0, {"fleetspec_driver": 1})
            continue
        labels = dict(each.split("=") for each in given["labels"].split(","))
        understood.append(
            (
                labels["fleetspec.dev/pool"],
                pod.count,
                given["num_cpus"],
                given["memory"],
                given["num_gpus"] or 0,
                custom,
            )
        )
    planned = [
        (
            pool.pool,
            line.workers,
            line.cores,
            line.memory_mib * MIB,
            int(line.slot != "cpu"),
            {} if line.slot in ("cpu", "gpu") else {line.slot.replace("-", "_").replace(".", "_"): 1},
        )
        for pool in made.plan.pools
        for line in pool.workers
    ]
    assert sorted(understood, key=str) == sorted(planned, key=str)
