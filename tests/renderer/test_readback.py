"""Every rule of the read-back refuses the manifest that breaks it, and passes the one that does not."""

from __future__ import annotations

import pytest
import yaml
from handmade import Made

from fleetspec.diagnostics import Report
from fleetspec.renderer.context import make_context
from fleetspec.renderer.readback import check_rendered, parse_manifest

LIMITS = 'limits:\n                    cpu: "15"\n                    memory: "57344Mi"'
REQUESTS = 'requests:\n                    cpu: "15"\n                    memory: "57344Mi"'
LABEL = '    fleetspec.dev/fleet: "demo"\n    fleetspec.dev/run'
GROUP = '- groupName: "cpu-std-cpu"'


def findings(made: Made, files: dict[str, str]) -> list[str]:
    report = Report()
    check_rendered(files, make_context(made.plan, made.graph, made.spec, made.resolved, made.lock), report)
    assert {d.rule.code for d in report.findings} <= {"FS410"}
    return [d.message for d in report.findings]


def test_what_is_rendered_passes(made: Made) -> None:
    assert findings(made, made.render().files) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("rayjob.yaml", '  name: "demo-nightly', '  name: "9emo-nightly', "no RayJob name"),
        ("rayjob.yaml", '  name: "demo-nightly', f'  name: "demo-{"x" * 30}-nightly', "no RayJob name"),
        ("rayjob.yaml", 'owner: "quant-platform"', 'owner: "quant"', "the owner does not read back"),
        ("rayjob.yaml", "python -m fleetspec.runtime", "python -m other", "does not start the runtime"),
        ("rayjob.yaml", "--store /srv", "--store '/srv", "No closing quotation"),
        ("rayjob.yaml", '{\\"fleetspec_driver\\": 1}', "driver", "JSONDecodeError"),
        ("rayjob.yaml", "activeDeadlineSeconds: 54900", "activeDeadlineSeconds: 0", "is not above 0"),
        ("rayjob.yaml", "activeDeadlineSeconds: 54900", 'activeDeadlineSeconds: "4h"', "activeDeadlineSeconds is not"),
        ("rayjob.yaml", "  shutdownAfterJobFinishes: true", "  suspend: true", "KeyError 'shutdownAfterJobFinishes'"),
        ("rayjob.yaml", "shutdownAfterJobFinishes: true", "shutdownAfterJobFinishes: false", "must end with its job"),
        ("rayjob.yaml", "version: v2", "version: v1", "no autoscaler v2"),
        ("rayjob.yaml", 'CPU: "0"', 'CPU: "2"', "the head offers CPUs"),
        ("rayjob.yaml", "dashboard-host: 0.0.0.0", 'num-cpus: "0"', "the head says num-cpus"),
        ("rayjob.yaml", "dashboard-host: 0.0.0.0", "block: true", "rayStartParam that is no string"),
        ("rayjob.yaml", GROUP, '- groupName: "gpu-amd-gpu"', "share a name"),
        ("rayjob.yaml", GROUP, '- groupName: "head"', "name that its pods cannot carry"),
        ("rayjob.yaml", GROUP, '- groupName: "cpu_std"', "name that its pods cannot carry"),
        ("rayjob.yaml", "maxReplicas: 2", "maxReplicas: 0", "leaves the autoscaler no range"),
        ("rayjob.yaml", "maxReplicas: 2", "maxReplicas: 2\n        replicas: 2", "leaves the autoscaler no range"),
        ("rayjob.yaml", 'CPU: "15"', "CPU: 15", "a resource that is no string"),
        ("rayjob.yaml", '          "mig_3g_40gb": "1"\n', "", "slice or partition that Ray does not see"),
        ("rayjob.yaml", '          GPU: "1"\n', "", "one GPU or slice"),
        ("rayjob.yaml", '"amd.com/gpu": "1"', '"amd.com/gpu": "2"', "one GPU or slice"),
        ("rayjob.yaml", "runAsNonRoot: true, ", "", "Pod Security restricted"),
        ("rayjob.yaml", "type: RuntimeDefault", "type: Unconfined", "Pod Security restricted"),
        ("rayjob.yaml", "drop: [ALL]", "drop: [NET_RAW]", "Pod Security restricted"),
        ("rayjob.yaml", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "Pod Security restricted"),
        ("rayjob.yaml", "restartPolicy: Never", "restartPolicy: Always", "restarts"),
        ("rayjob.yaml", "{name: store, persistent", "{name: config, persistent", "names a volume twice"),
        ("rayjob.yaml", "{name: store, mountPath", "{name: other, mountPath", "mounts"),
        ("rayjob.yaml", "/worker:0.1.0@", "/worker:0.2.0@", "another image"),
        ("rayjob.yaml", LIMITS, 'limits: {memory: "1Gi"}', "differs from its request"),
        ("rayjob.yaml", REQUESTS, 'requests: {memory: "57344Mi"}', "requests no CPU"),
        ("rayjob.yaml", LABEL, LABEL.replace("demo", "de mo"), "no label value"),
        ("rayjob.yaml", LABEL, LABEL.replace('"demo"', "7"), "is no label"),
        ("rayjob.yaml", LABEL, LABEL.replace("fleetspec.dev/fleet", "a/b/c"), "is no label"),
        ("rayjob.yaml", "  backoffLimit: 1\n", "  backoffLimit: 1\n  backoffLimit: 2\n", "stands twice"),
        ("rayjob.yaml", "  backoffLimit: 1\n", "\tbackoffLimit: 1\n", "found character"),
        ("rayjob.yaml", "apiVersion: ray.io/v1\n", "apiVersion: ray.io/v1\n---\n", "single document"),
        ("rayjob.yaml", "    headGroupSpec:", "    otherGroupSpec:", "KeyError 'headGroupSpec'"),
        ("configmap.yaml", '  name: "demo-config', '  name: "demo-konfig', "not the one the RayJob mounts"),
        ("configmap.yaml", '"series":[]', '"series":[1]', "does not read back"),
        ("platform/mig-config.yaml", "fleetspec-7x1g.10gb", "fleetspec-6x1g.10gb", "which is not defined"),
        ("platform/mig-config.yaml", "all-disabled", "all disabled", "no layout a node can be labelled with"),
        ("fleet/serviceaccount.yaml", "managed-by: fleetspec", "managed-by: helm", "does not say whose it is"),
        ("fleet/networkpolicy.yaml", "protocol: UDP", "protocol: UPD", "FS434"),
        ("rayjob.yaml", "submissionMode: K8sJobMode", "submissionMode: K8SJobMode", "FS482"),
        ("rayjob.yaml", "maxReplicas: 2", "maxReplicas: 3", "the plan for"),
        ("rayjob.yaml", 'cpu: "250m"', 'cpu: "251m"', "the plan for"),
        ("rayjob.yaml", "enableInTreeAutoscaling: true", "enableInTreeAutoscaling: false", "other than the spec"),
        ("kustomization.yaml", '- "rayjob.yaml"', '- "rayjobs.yaml"', "not rendered: ['rayjobs.yaml']"),
    ],
)  # fmt: skip
def test_a_broken_manifest_does_not(made: Made, file: str, old: str, new: str, said: str) -> None:
    files = dict(made.render().files)
    assert old in files[file]
    files[file] = files[file].replace(old, new)
    found = findings(made, files)
    assert found
    assert all(message.startswith(f"{file}: ") for message in found)
    assert any(said in message for message in found), found


def test_yaml_is_read_as_the_api_server_reads_it() -> None:
    assert parse_manifest("a: {b: [1, 'x']}\n") == {"a": {"b": [1, "x"]}}
    for text in ("a: 1\na: 2\n", "a: {b: 1, b: 1}\n", "a: 1\n---\nb: 1\n", "a: !!python/name:os.system x\n"):
        with pytest.raises(yaml.YAMLError):
            parse_manifest(text)
