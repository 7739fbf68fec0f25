"""FS4xx: what KubeRay refuses of a Ray object that the API server has taken: it stays there, and nothing runs."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

OPERATOR_NAME = Rule(
    code="FS443",
    title="a name that the operator cannot build on",
    why=(
        "The operator derives the names of clusters, services and pods from it, which begin with a letter and"
        " end at 63 characters."
    ),
    bad="metadata: {name: 2026-11-26-nightly}",
    good="metadata: {name: nightly-2026-11-26}",
)
JOB_AMOUNTS = Rule(
    code="FS444",
    title="retries or seconds that are none",
    why="Retries and seconds of a job are not negative, and a deadline is after the start.",
    bad="spec: {backoffLimit: -1}",
    good="spec: {backoffLimit: 1}",
)
JOB_END = Rule(
    code="FS445",
    title="an end that does not fit what ends",
    why="Seconds after the end, and suspending, act on a cluster that ends with its job.",
    bad="spec: {shutdownAfterJobFinishes: false, ttlSecondsAfterFinished: 600}",
    good="spec: {shutdownAfterJobFinishes: true, ttlSecondsAfterFinished: 600}",
)
JOB_CLUSTER = Rule(
    code="FS446",
    title="a job without a cluster, or with what another cluster forbids",
    why="A job makes its own cluster, or runs on one that is there; then it can neither retry nor be suspended.",
    bad="spec: {clusterSelector: {ray.io/cluster: desk}, backoffLimit: 2}",
    good="spec: {clusterSelector: {ray.io/cluster: desk}, backoffLimit: 0}",
)
JOB_MODE = Rule(
    code="FS447",
    title="settings that the submission mode does not have",
    why="A sidecar is no pod of its own, and whoever submits by hand retries by hand.",
    bad="spec: {submissionMode: InteractiveMode, backoffLimit: 1}",
    good="spec: {submissionMode: InteractiveMode, backoffLimit: 0}",
)
DELETION = Rule(
    code="FS448",
    title="rules of deletion that contradict each other",
    why="What is deleted after a job, and when, is said once, in an order that can be kept.",
    bad=(
        "spec: {shutdownAfterJobFinishes: true, deletionStrategy: {deletionRules: [{policy: DeleteCluster, "
        "condition: {jobStatus: SUCCEEDED, ttlSeconds: 600}}]}}"
    ),
    good=(
        "spec: {shutdownAfterJobFinishes: false, deletionStrategy: {deletionRules: [{policy: DeleteCluster, "
        "condition: {jobStatus: SUCCEEDED, ttlSeconds: 600}}]}}"
    ),
)
GROUP_COUNTS = Rule(
    code="FS449",
    title="a worker group with counts that are none",
    why="The least number of workers is not negative, and at most the most.",
    bad="spec: {rayClusterSpec: {workerGroupSpecs: [{replicas: 2, minReplicas: 5, maxReplicas: 4}]}}",
    good="spec: {rayClusterSpec: {workerGroupSpecs: [{replicas: 2, minReplicas: 2, maxReplicas: 4}]}}",
)
STATED_TWICE = Rule(
    code="FS450",
    title="resources of a group said in two places",
    why='What a Ray node offers stands in "resources" or in rayStartParams; the operator does not choose.',
    bad='spec: {rayClusterSpec: {workerGroupSpecs: [{resources: {CPU: "8"}, rayStartParams: {num-cpus: "8"}}]}}',
    good='spec: {rayClusterSpec: {workerGroupSpecs: [{resources: {CPU: "8"}}]}}',
)
GROUP_LABELS = Rule(
    code="FS451",
    title="labels of a group that Ray cannot have",
    why='Labels of Ray nodes stand in "labels" and have the form of Kubernetes labels.',
    bad="spec: {rayClusterSpec: {workerGroupSpecs: [{rayStartParams: {labels: desk=eq}}]}}",
    good="spec: {rayClusterSpec: {workerGroupSpecs: [{labels: {desk: eq}}]}}",
)
AUTOSCALER = Rule(
    code="FS452",
    title="settings that the autoscaler does not take",
    why="Idle times, priorities and suspended groups depend on the autoscaler and its version.",
    bad="spec: {rayClusterSpec: {workerGroupSpecs: [{idleTimeoutSeconds: 60}]}}",
    good="""\
spec:
  rayClusterSpec:
    enableInTreeAutoscaling: true
    autoscalerOptions:
      version: v2
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    workerGroupSpecs: [{idleTimeoutSeconds: 60}]""",
)
TOKENS = Rule(
    code="FS453",
    title="token authentication that the cluster cannot do",
    why="Tokens need a Ray that knows them, and rayVersion is how the operator finds out.",
    bad="spec: {rayClusterSpec: {authOptions: {enableK8sTokenAuth: true}}}",
    good="spec: {rayClusterSpec: {authOptions: {mode: token}}}",
)
FAULT_TOLERANCE = Rule(
    code="FS454",
    title="settings of Redis outside of gcsFaultToleranceOptions",
    why="Fault tolerance is configured in one place; the older places are refused beside it.",
    bad="""\
kind: RayCluster
spec:
  gcsFaultToleranceOptions: {redisAddress: "redis:6379"}
  headGroupSpec: {rayStartParams: {redis-password: secret}}""",
    good="""\
kind: RayCluster
spec: {gcsFaultToleranceOptions: {redisAddress: "redis:6379", redisPassword: {value: secret}}}""",
)
SERVICE = Rule(
    code="FS455",
    title="a RayService that cannot be upgraded as it says",
    why="Upgrades have three forms, and the gradual one needs the autoscaler, a gateway and steps.",
    bad="""\
kind: RayService
spec: {upgradeStrategy: {type: RollingUpdate}}""",
    good="""\
kind: RayService
spec: {upgradeStrategy: {type: NewCluster}}""",
)
SCHEDULE = Rule(
    code="FS456",
    title="not a schedule",
    why="A schedule has five fields; the time zone stands beside it.",
    bad="""\
kind: RayCronJob
spec: {schedule: "30 1 * *"}""",
    good="""\
kind: RayCronJob
spec: {schedule: "30 1 * * 1-5", timeZone: Europe/London}""",
)
RUNTIME_ENV = Rule(
    code="FS457",
    title="runtimeEnvYAML is not a map in YAML",
    why="The operator reads the text as YAML before it submits the job, and refuses the job otherwise.",
    bad='spec: {runtimeEnvYAML: "env_vars: {DESK: eq"}',
    good='spec: {runtimeEnvYAML: "env_vars: {DESK: eq}"}',
)
UPGRADE_IN_JOB = Rule(
    code="FS458",
    title="an upgrade of a cluster that a job makes",
    why="A job's cluster is never upgraded; the cluster with such a field is refused, and the job waits for it.",
    bad="spec: {rayClusterSpec: {upgradeStrategy: {type: Recreate}}}",
    good="""\
kind: RayCluster
spec: {upgradeStrategy: {type: Recreate}}""",
)
GATED = Rule(
    code="FS459",
    title="a field that is off by default",
    why="The operator refuses some fields unless a gate is on.",
    bad="""\
kind: RayCluster
spec: {networkPolicy: {mode: DenyAll}}""",
    good="""\
kind: NetworkPolicy
metadata: {name: ray, namespace: fleet}
spec: {podSelector: {matchLabels: {ray.io/cluster: desk}}}""",
    severity=Severity.WARNING,
)
NO_CONTAINER = Rule(
    code="FS460",
    title="a group without a container",
    why="Ray runs in the first container of each pod.",
    bad="spec: {rayClusterSpec: {headGroupSpec: {template: {spec: {containers: []}}}}}",
    good=(
        "spec: {rayClusterSpec: {headGroupSpec: {template: {spec: {containers: [{name: ray-head, image: "
        '"fleet:2.60.0"}]}}}}}'
    ),
)
