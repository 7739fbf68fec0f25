"""FS4xx: what every tool accepts and no run survives."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

SUBMISSION_MODE = Rule(
    code="FS482",
    title="no such submissionMode",
    why="The field takes any text: with an unknown one nothing is submitted, and the cluster idles until its deadline.",
    bad="spec: {submissionMode: HTTP}",
    good="spec: {submissionMode: HTTPMode}",
)
ENTRYPOINT = Rule(
    code="FS483",
    title="an entrypoint that cannot run",
    why=(
        "It is pasted into a shell line: an open quote is a syntax error of the submitter, and without one "
        "nothing runs."
    ),
    bad='spec: {entrypoint: "python -c \'print(1)"}',
    good="spec: {entrypoint: \"python -c 'print(1)'\"}",
)
ENTRYPOINT_RESOURCES = Rule(
    code="FS484",
    title="entrypointResources is not JSON",
    why="The submitter reads it as JSON and ends before it submits.",
    bad='spec: {entrypointResources: "{driver: 1}"}',
    good="spec: {entrypointResources: '{\"driver\": 1}'}",
)
NO_SUCH_DEVICE = Rule(
    code="FS485",
    title="a device that no plugin offers",
    why="Pods that ask for a device nobody offers stay pending for ever.",
    bad=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{resources: {limits: "
        "{nvidia.com/gpus: 1}}}]}}}]}}"
    ),
    good=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{resources: {limits: "
        "{nvidia.com/gpu: 1}}}]}}}]}}"
    ),
)
ABSURD_AMOUNT = Rule(
    code="FS486",
    title="an amount that no node can give",
    why="A missing or wrong unit: 3000 cores for 3000m, 12 bytes for 12000M. The pod stays pending or cannot start.",
    bad=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{resources: {requests: "
        "{cpu: 3000}, limits: {cpu: 3000}}}]}}}]}}"
    ),
    good=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{resources: {requests: "
        "{cpu: 3000m}, limits: {cpu: 3000m}}}]}}}]}}"
    ),
)
GROUP_TWICE = Rule(
    code="FS487",
    title="two worker groups with one name",
    why="The operator counts pods by the group's name, so it deletes workers of one group or never makes them.",
    bad="spec: {rayClusterSpec: {workerGroupSpecs: [{groupName: cpu}, {groupName: cpu}]}}",
    good="spec: {rayClusterSpec: {workerGroupSpecs: [{groupName: cpu}, {groupName: more}]}}",
)
GROUP_NAME = Rule(
    code="FS488",
    title="a group whose name no pod can carry",
    why="The name is part of the names of pods, and nothing checks it before they are made.",
    bad="spec: {rayClusterSpec: {workerGroupSpecs: [{groupName: cpu_prep}]}}",
    good="spec: {rayClusterSpec: {workerGroupSpecs: [{groupName: cpu-prep}]}}",
)
RELEASES_DIFFER = Rule(
    code="FS489",
    title="images of different Ray releases",
    why="Ray refuses nodes of another release: the workers start, fail and start again.",
    bad=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{image: "
        '"registry.example.com/ray:2.58.0"}]}}}]}}'
    ),
    good=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{image: "
        '"registry.example.com/ray:2.60.0-gpu"}]}}}]}}'
    ),
)
OLD_RAY = Rule(
    code="FS490",
    title="a Ray release with a known hole",
    why="Releases before 2.54 have CVE-2026-27482.",
    bad="spec: {rayClusterSpec: {rayVersion: 2.53.0}}",
    good="spec: {rayClusterSpec: {rayVersion: 2.60.0}}",
    severity=Severity.WARNING,
)
NO_TOKEN = Rule(
    code="FS491",
    title="a cluster that asks for no token",
    why="Whoever reaches the dashboard of such a cluster runs code on it (CVE-2023-48022, ShadowRay).",
    bad="spec: {rayClusterSpec: {authOptions: {mode: disabled}}}",
    good="spec: {rayClusterSpec: {authOptions: {mode: token}}}",
    severity=Severity.WARNING,
)
UNSEEN_DEVICE = Rule(
    code="FS492",
    title="a device that Ray does not see",
    why=(
        "Neither the operator nor Ray's autoscaler knows every device: tasks that ask for a GPU wait for one "
        "beside them."
    ),
    bad=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{resources: {limits: "
        "{nvidia.com/mig-1g.10gb.me: 1}}}]}}}]}}"
    ),
    good=(
        'spec: {rayClusterSpec: {workerGroupSpecs: [{resources: {CPU: "4", GPU: "1", mig_1g_10gb_me: "1"}, '
        "template: {spec: {containers: [{resources: {limits: {nvidia.com/mig-1g.10gb.me: 1}}}]}}}]}}"
    ),
    severity=Severity.WARNING,
)
SERVICE_TYPE = Rule(
    code="FS493",
    title="no such type of a Service",
    why="The head's Service is refused, and the cluster never gets ready.",
    bad="""\
kind: RayCluster
spec: {headGroupSpec: {serviceType: Loadbalancer}}""",
    good="""\
kind: RayCluster
spec: {headGroupSpec: {serviceType: LoadBalancer}}""",
)
OBJECT_TWICE = Rule(
    code="FS494",
    title="one object written twice",
    why="The second overwrites the first, or is refused where the first cannot change.",
    bad="""\
kind: ConfigMap
metadata: {name: shards, namespace: fleet}
data: {ORDER: size}
---
kind: ConfigMap
metadata: {name: shards, namespace: fleet}
data: {ORDER: name}""",
    good="""\
kind: ConfigMap
metadata: {name: shards, namespace: fleet}
data: {ORDER: size}
---
kind: ConfigMap
metadata: {name: order, namespace: fleet}
data: {ORDER: name}""",
)
NO_CORES = Rule(
    code="FS495",
    title="a group under the autoscaler that says nowhere how many cores it has",
    why="Ray's autoscaler ends with an error over a group without a CPU amount, and no worker is ever added.",
    bad="""\
spec:
  rayClusterSpec:
    enableInTreeAutoscaling: true
    autoscalerOptions:
      version: v2
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    workerGroupSpecs: [{template: {spec: {containers: [{resources: {}}]}}}]""",
    good="""\
spec:
  rayClusterSpec:
    enableInTreeAutoscaling: true
    autoscalerOptions:
      version: v2
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}""",
)
