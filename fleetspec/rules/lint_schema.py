"""FS4xx: what the API server refuses of a manifest: kinds, fields, values, names, and objects beside a RayJob."""

from __future__ import annotations

from fleetspec.diagnostics import Rule

UNKNOWN_KIND = Rule(
    code="FS430",
    title="no server has this kind or version",
    why="An object of a kind that no server knows is refused; one with a mistyped kind is not even looked up.",
    bad="kind: Rayjob",
    good="kind: RayJob",
)
UNKNOWN_FIELD = Rule(
    code="FS431",
    title="a field that the kind does not have",
    why="Strict servers refuse it, others drop it in silence, and what it was meant to say is not said.",
    bad="spec: {activeDeadlineSecond: 14400}",
    good="spec: {activeDeadlineSeconds: 14400}",
)
WRONG_TYPE = Rule(
    code="FS432",
    title="a value of another type than the field has",
    why="YAML makes numbers and truth values out of words that look like them; a server that wants text refuses those.",
    bad="spec: {rayClusterSpec: {rayVersion: 2.60}}",
    good='spec: {rayClusterSpec: {rayVersion: "2.60.0"}}',
)
MISSING_FIELD = Rule(
    code="FS433",
    title="a field that must be there is missing",
    why="The API server does not guess what it cannot do without.",
    bad="spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {volumes: [{emptyDir: {}}]}}}]}}",
    good="spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {volumes: [{name: spill, emptyDir: {}}]}}}]}}",
)
NOT_A_CHOICE = Rule(
    code="FS434",
    title="not one of the values that the field may have",
    why="The field has a fixed list of values, written exactly so.",
    bad="spec: {rayClusterSpec: {authOptions: {mode: tokens}}}",
    good="spec: {rayClusterSpec: {authOptions: {mode: token}}}",
)
NOT_IN_PATTERN = Rule(
    code="FS435",
    title="a value in a form that the field does not take",
    why="Amounts have the units of Kubernetes (m, k, Mi, Gi), names small letters.",
    bad=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {volumes: [{name: spill, emptyDir: "
        "{sizeLimit: 20GB}}]}}}]}}"
    ),
    good=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {volumes: [{name: spill, emptyDir: "
        "{sizeLimit: 20G}}]}}}]}}"
    ),
)
OUT_OF_BOUNDS = Rule(
    code="FS436",
    title="a number, text or list out of its bounds",
    why="Fields have a least and a most, and lists a number of items.",
    bad="""\
kind: Topology
metadata: {name: racks}
spec: {levels: []}""",
    good="""\
kind: Topology
metadata: {name: racks}
spec: {levels: [{nodeLabel: example.com/rack}]}""",
)
TWICE = Rule(
    code="FS437",
    title="an item twice in a list of named things",
    why="Items of such a list are told apart by their keys; of two with one key the server takes neither.",
    bad=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{ports: [{containerPort: "
        "8080, protocol: TCP}, {containerPort: 8080, protocol: TCP}]}]}}}]}}"
    ),
    good=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{ports: [{containerPort: "
        "8080, protocol: TCP}, {containerPort: 8080, protocol: UDP}]}]}}}]}}"
    ),
)
CEL = Rule(
    code="FS438",
    title="fields that do not go together",
    why="The resource definition has rules over several fields; the API server checks them before it takes an object.",
    bad="spec: {managedBy: argocd}",
    good="spec: {managedBy: ray.io/kuberay-operator}",
)
OBJECT_NAME = Rule(
    code="FS439",
    title="not a name an object can have",
    why=(
        'Names are part of web addresses: small letters, digits, "-" and ".", and kinds of the whole cluster '
        "have no namespace."
    ),
    bad="metadata: {name: nightly_eq}",
    good="metadata: {name: nightly-eq}",
)
LABEL = Rule(
    code="FS440",
    title="not a label or annotation",
    why="Labels are looked up by, so their keys and values have a strict form.",
    bad="metadata: {labels: {desk: equities nightly}}",
    good="metadata: {labels: {desk: equities-nightly}}",
)
CONFIG_MAP = Rule(
    code="FS441",
    title="not a ConfigMap",
    why="Keys become file names, and an object holds at most 1 MiB.",
    bad="""\
kind: ConfigMap
metadata: {name: shards, namespace: fleet}
data: {shards/0.json: "{}"}""",
    good="""\
kind: ConfigMap
metadata: {name: shards, namespace: fleet}
data: {shards-0.json: "{}"}""",
)
NETWORK_POLICY = Rule(
    code="FS442",
    title="not a NetworkPolicy",
    why="A policy with a port or a network that is none is refused as a whole, and what it should close stays open.",
    bad="""\
kind: NetworkPolicy
metadata: {name: ray, namespace: fleet}
spec: {podSelector: {}, ingress: [{ports: [{port: "8265"}]}]}""",
    good="""\
kind: NetworkPolicy
metadata: {name: ray, namespace: fleet}
spec: {podSelector: {}, ingress: [{ports: [{port: 8265}]}]}""",
)
