"""FS4xx: what cannot become manifests, a folder of them, or a saved plan."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

CONFIG_TOO_LARGE = Rule(
    code="FS401",
    title="the run's files do not fit into eight ConfigMaps",
    why="A ConfigMap holds 1 MiB, and every pod reads the spec, the lock and the plan from those of its run.",
    bad="universes: {all: {data: bars, series: all, calendar: XNYS, bar: 1 session}}   # 60,000 series in one fleet",
    good="two fleets of 30,000 series, each with its own spec and lock",
)
IMAGE_REFERENCE = Rule(
    code="FS402",
    title="not an image reference",
    why="The image's name goes into every pod; the kubelet refuses a name it cannot parse and the run never starts.",
    bad='cluster: {image: "fleetspec worker:latest"}',
    good="cluster: {image: registry.example.com/quant/fleetspec-worker:0.1.0}",
)
IMAGE_NOT_PINNED = Rule(
    code="FS403",
    title="the image is not pinned by its digest",
    why="A tag can move between two nodes of one run; a digest says which code fitted a model.",
    bad="cluster: {image: fleetspec-worker:latest}",
    good="cluster: {image: fleetspec-worker:0.1.0@sha256:<64 hex digits>}",
    severity=Severity.WARNING,
)
STORE_PATH = Rule(
    code="FS404",
    title="not a folder the store can be mounted at",
    why="The store is a volume in every pod and its path is part of a shell line, so it must be absolute and plain.",
    bad="cluster: {store: results of today}",
    good="cluster: {store: /var/lib/fleetspec}",
)
RAY_RELEASE = Rule(
    code="FS405",
    title="not a Ray release the manifests can ask for",
    why="Token authentication, MIG resources of a worker group and a security fix need Ray 2.54 or later, written out.",
    bad='cluster: {ray: "2.9"}',
    good="cluster: {ray: 2.60.0}",
)
KUBERNETES_NAME = Rule(
    code="FS406",
    title="the name cannot be used in Kubernetes",
    why="Names of pools and namespaces become labels and object names, which hold at most 63 characters.",
    bad="hardware: {a-pool-whose-name-is-longer-than-the-sixty-three-characters-of-a-label: {…}}",
    good="hardware: {gpu-h100: {…}}",
)
NOTHING_TO_RENDER = Rule(
    code="FS407",
    title="the plan has nothing that could run",
    why="A plan that misses its deadline would be stopped by it, and a plan without workers has no work left.",
    bad="fleetspec render fleet.yaml --to manifests   # the plan says: infeasible",
    good="fleetspec plan fleet.yaml   # says what to change",
)
OTHER_PLAN = Rule(
    code="FS408",
    title="plan and graph are not of the same run",
    why="A pod compiles the spec again and refuses to run when its graph is not the planned one.",
    bad="the plan of Monday's nightly with Tuesday's graph",
    good="fleetspec render fleet.yaml --session 2026-11-23 --to manifests   # plans and renders one run",
)
UNKNOWN_SLOT = Rule(
    code="FS409",
    title="the slot or layout has no manifest",
    why="A worker pod asks for whole cores, a whole GPU or one MIG slice; all GPUs of a node have one MIG layout.",
    bad="a plan from another version, with a slot named half-gpu",
    good="fleetspec plan fleet.yaml --out plan.fsp   # with the version that renders it",
)
BROKEN_MANIFEST = Rule(
    code="FS410",
    title="a rendered manifest breaks a rule of the cluster",
    why="Most broken RayJobs pass the schema and fail in the operator or at run time, so every manifest is read back.",
    bad="a changed template that leaves a container without a memory limit",
    good="report it with the spec, or restore the shipped templates",
)
FOREIGN_FILE = Rule(
    code="FS411",
    title="a file in the folder was not rendered by fleetspec",
    why="Rendering replaces what it wrote earlier and nothing else.",
    bad="fleetspec render fleet.yaml --to deploy   # deploy/kustomization.yaml is written by hand",
    good="fleetspec render fleet.yaml --to deploy/nightly",
)
QUEUE_GROUPS = Rule(
    code="FS412",
    title="more worker groups than a queue admits",
    why="Kueue takes 18 sets of pods in one workload: the head, the submitter, and 16 groups of workers.",
    bad="queue: {kueue: quant-prod}   # and a plan over 17 pools",
    good="queue: {kueue: quant-prod}   # and 16 pools at most, or fewer MIG layouts in each",
)
QUEUED_AUTOSCALER = Rule(
    code="FS413",
    title="a run in a queue is autoscaled",
    why="Kueue admits a run that grows only with its gate ElasticJobsViaWorkloadSlices, which is off by default.",
    bad="queue: {kueue: quant-prod}\ncluster: {workers: autoscaled}",
    good="queue: {kueue: quant-prod}\ncluster: {workers: fixed}",
    severity=Severity.WARNING,
)
FIXED_WORKERS = Rule(
    code="FS414",
    title="fixed workers cost more than the plan",
    why="A plan counts nodes stage by stage; workers whose number is fixed hold the plan's peak from start to end.",
    bad="queue: {kueue: quant-prod}   # 4 GPU nodes of which one stage of five has need",
    good="cluster: {workers: autoscaled}   # Ray's autoscaler lets nodes go between stages",
    severity=Severity.WARNING,
)
NOT_AS_RENDERED = Rule(
    code="FS415",
    title="the folder is not what the spec renders",
    why="What a cluster is given was reviewed as a folder; one that is behind its spec runs what nobody planned.",
    bad="fleetspec render fleet.yaml --check deploy   # the spec was changed, or a file was",
    good="fleetspec render fleet.yaml --to deploy   # then commit what changed",
)
NOT_A_PLAN_FILE = Rule(
    code="FS421",
    title="not a saved plan",
    why="A saved plan is the one archive `plan --out` writes; nothing else says what was planned.",
    bad="fleetspec diff notes.zip plan.fsp",
    good="fleetspec plan fleet.yaml --out plan.fsp",
)
DAMAGED_PLAN_FILE = Rule(
    code="FS422",
    title="the saved plan is damaged or was changed",
    why="Every member of a saved plan is checked against its digest, so that what runs is what was reviewed.",
    bad="a plan.fsp of which a copy broke off, or with another fleet.yaml packed into it",
    good="fleetspec plan fleet.yaml --out plan.fsp",
)
PLAN_FILE_TOO_LARGE = Rule(
    code="FS423",
    title="the saved plan would unpack to too much",
    why="A small archive can claim terabytes; a plan of a million jobs stays far below the limit.",
    bad="a plan.fsp of 1 MB that unpacks to 2 GB",
    good="fleetspec plan fleet.yaml --out plan.fsp",
)
OTHER_FORMAT = Rule(
    code="FS424",
    title="the saved plan has another format version",
    why="A plan is read by the version of the format it was written in, or not at all.",
    bad="a plan.fsp written by a later version",
    good="fleetspec plan fleet.yaml --out plan.fsp   # plan again with the installed version",
)
