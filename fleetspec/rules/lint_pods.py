"""FS4xx: what Kubernetes refuses of the pods that an object would run, and what Pod Security refuses."""

from __future__ import annotations

from fleetspec.diagnostics import Rule

CONTAINER = Rule(
    code="FS471",
    title="a container without an image, or with a name that is none",
    why="No pod is made of such a template, and the cluster never comes up.",
    bad="spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{name: ray_worker}]}}}]}}",
    good="spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{name: ray-worker}]}}}]}}",
)
POD_CHOICE = Rule(
    code="FS472",
    title="not one of the values that the field may have",
    why="The schema of a Ray object does not list them; the API server does when the operator makes the pod.",
    bad="spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{imagePullPolicy: Allways}]}}}]}}",
    good="spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{imagePullPolicy: Always}]}}}]}}",
)
PORT = Rule(
    code="FS473",
    title="not a port",
    why="Port names have at most 15 characters, ports are from 1 to 65535.",
    bad=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{ports: [{containerPort: "
        "8265, name: dashboard-http-port}]}]}}}]}}"
    ),
    good=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{ports: [{containerPort: "
        "8265, name: dashboard}]}]}}}]}}"
    ),
)
RESOURCE = Rule(
    code="FS474",
    title="not a resource, or an amount of it that no container can have",
    why="Devices come whole, with a limit equal to the request and a full name; a request is at most its limit.",
    bad=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{resources: {limits: "
        "{nvidia.com/gpu: 500m}}}]}}}]}}"
    ),
    good=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{resources: {limits: "
        "{nvidia.com/gpu: 1}}}]}}}]}}"
    ),
)
VOLUME = Rule(
    code="FS475",
    title="a volume that is not there, or twice",
    why="Containers mount volumes of their pod by name.",
    bad=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{volumeMounts: [{name: "
        "models, mountPath: /models}]}]}}}]}}"
    ),
    good=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {volumes: [{name: models, emptyDir: "
        "{}}], containers: [{volumeMounts: [{name: models, mountPath: /models}]}]}}}]}}"
    ),
)
PLACEMENT = Rule(
    code="FS476",
    title="a node selector or toleration that no node can match",
    why="They have the form of labels and taints; with the operator Exists there is no value.",
    bad=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {tolerations: [{key: spot, operator: "
        "Exists, value: present}]}}}]}}"
    ),
    good=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {tolerations: [{key: spot, operator: "
        "Exists}]}}}]}}"
    ),
)
POD_AMOUNT = Rule(
    code="FS477",
    title="an amount of a pod that is negative",
    why="Seconds of grace are at least 0.",
    bad="spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {terminationGracePeriodSeconds: -1}}}]}}",
    good="spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {terminationGracePeriodSeconds: 60}}}]}}",
)
VARIABLE = Rule(
    code="FS478",
    title="not an environment variable",
    why="A variable has a name and one source.",
    bad=(
        'spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{env: [{name: "DESK=eq", '
        'value: "1"}]}]}}}]}}'
    ),
    good=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{env: [{name: DESK, "
        "value: eq}]}]}}}]}}"
    ),
)
SUBMITTER_RESTARTS = Rule(
    code="FS479",
    title="a submitter that restarts by itself",
    why="The submitter is a Kubernetes Job, which wants to hear of failures.",
    bad="spec: {submitterPodTemplate: {spec: {restartPolicy: Always}}}",
    good="spec: {submitterPodTemplate: {spec: {restartPolicy: Never}}}",
)
POD_SECURITY = Rule(
    code="FS480",
    title="a pod that its namespace would refuse",
    why="A namespace that enforces Pod Security refuses the pods, not the RayJob, which then waits for them.",
    bad=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{securityContext: "
        "{privileged: true}}]}}}]}}"
    ),
    good=(
        "spec: {rayClusterSpec: {workerGroupSpecs: [{template: {spec: {containers: [{securityContext: "
        "{privileged: false}}]}}}]}}"
    ),
)
HIDDEN_POD_SECURITY = Rule(
    code="FS481",
    title="a container of the operator that the namespace would refuse",
    why=(
        "The operator adds a submitter and an autoscaler of its own, with no securityContext unless they are given one."
    ),
    bad="spec: {rayClusterSpec: {enableInTreeAutoscaling: true}}",
    good="""\
spec:
  rayClusterSpec:
    enableInTreeAutoscaling: true
    autoscalerOptions:
      version: v2
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}""",
)
