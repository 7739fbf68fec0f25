"""FS4xx: what Kueue refuses or never admits: jobs in a queue, quotas, flavors."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

QUEUED_JOB = Rule(
    code="FS461",
    title="a job in a queue that would not give back what it got",
    why="Kueue lends quota until the cluster is gone, and only for a cluster that the job brings.",
    bad="""\
metadata: {labels: {kueue.x-k8s.io/queue-name: nightly}}
spec: {shutdownAfterJobFinishes: false, ttlSecondsAfterFinished: 0}""",
    good="""\
metadata: {labels: {kueue.x-k8s.io/queue-name: nightly}}
spec: {shutdownAfterJobFinishes: true}""",
)
QUEUED_GROUPS = Rule(
    code="FS462",
    title="worker groups that Kueue does not take",
    why='A workload has at most 18 sets of pods, and "head" is the name of one of them.',
    bad="""\
metadata: {labels: {kueue.x-k8s.io/queue-name: nightly}}
spec: {rayClusterSpec: {workerGroupSpecs: [{groupName: head}]}}""",
    good="""\
metadata: {labels: {kueue.x-k8s.io/queue-name: nightly}}
spec: {rayClusterSpec: {workerGroupSpecs: [{groupName: workers}]}}""",
)
QUEUED_AUTOSCALER = Rule(
    code="FS463",
    title="an autoscaler in a queue",
    why="Kueue admits a fixed number of pods, unless an annotation makes the job elastic.",
    bad="""\
metadata: {labels: {kueue.x-k8s.io/queue-name: nightly}}
spec:
  rayClusterSpec:
    enableInTreeAutoscaling: true
    autoscalerOptions:
      version: v2
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}""",
    good="""\
metadata:
  labels: {kueue.x-k8s.io/queue-name: nightly}
  annotations: {kueue.x-k8s.io/elastic-job: "true"}
spec:
  rayClusterSpec:
    enableInTreeAutoscaling: true
    autoscalerOptions:
      version: v2
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}""",
)
QUEUED_SUSPEND = Rule(
    code="FS464",
    title="suspend in a manifest that a queue decides on",
    why="Kueue suspends and resumes the job; a manifest that says so too undoes it at every apply.",
    bad="""\
metadata: {labels: {kueue.x-k8s.io/queue-name: nightly}}
spec: {suspend: true}""",
    good="""\
metadata: {labels: {kueue.x-k8s.io/queue-name: nightly}}
spec: {shutdownAfterJobFinishes: true}""",
    severity=Severity.WARNING,
)
QUOTA = Rule(
    code="FS465",
    title="a quota that cannot be one",
    why="Quotas are not negative, stand once and in order, and are lent only to a cohort.",
    bad="""\
kind: ClusterQueue
metadata: {name: forecast}
spec:
  cohortName: quant
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [cpu]
    flavors: [{name: general, resources: [{name: cpu, nominalQuota: -8}]}]""",
    good="""\
kind: ClusterQueue
metadata: {name: forecast}
spec:
  cohortName: quant
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [cpu]
    flavors: [{name: general, resources: [{name: cpu, nominalQuota: 8, lendingLimit: 4}]}]""",
)
FLAVOR = Rule(
    code="FS466",
    title="a flavor of nodes that cannot be",
    why="A flavor's labels and taints are those of nodes, and have their form.",
    bad="""\
kind: ResourceFlavor
metadata: {name: a100}
spec: {nodeLabels: {pool: a100 slices}}""",
    good="""\
kind: ResourceFlavor
metadata: {name: a100}
spec: {nodeLabels: {pool: a100-slices}}""",
)
ADMITS_NOTHING = Rule(
    code="FS467",
    title="a queue that admits no namespace",
    why="Without a namespaceSelector a ClusterQueue matches nothing; an empty one matches all.",
    bad="""\
kind: ClusterQueue
metadata: {name: forecast}
spec: {queueingStrategy: StrictFIFO}""",
    good="""\
kind: ClusterQueue
metadata: {name: forecast}
spec: {namespaceSelector: {}}""",
)
NOT_COVERED = Rule(
    code="FS468",
    title="a job asks for what its queue does not cover",
    why="A resource in no resource group of the ClusterQueue is never admitted: the job waits for ever.",
    bad="""\
kind: LocalQueue
metadata: {name: nightly, namespace: fleet}
spec: {clusterQueue: forecast}
---
kind: ClusterQueue
metadata: {name: forecast}
spec:
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [cpu]
    flavors: [{name: general, resources: [{name: cpu, nominalQuota: 100G}]}]
---
kind: RayJob
metadata: {labels: {kueue.x-k8s.io/queue-name: nightly}}""",
    good="""\
kind: LocalQueue
metadata: {name: nightly, namespace: fleet}
spec: {clusterQueue: forecast}
---
kind: ClusterQueue
metadata: {name: forecast}
spec:
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [cpu, memory]
    flavors: [{name: general, resources: [{name: cpu, nominalQuota: 100G}, {name: memory, nominalQuota: 100G}]}]
---
kind: RayJob
metadata: {labels: {kueue.x-k8s.io/queue-name: nightly}}""",
)
FLAVORS_COLLIDE = Rule(
    code="FS469",
    title="two flavors of one pod set a node label differently",
    why="A pod takes one flavor of each resource group; where both set a label, one of the two is lost at random.",
    bad="""\
kind: ResourceFlavor
metadata: {name: general}
spec: {nodeLabels: {pool: general}}
---
kind: ResourceFlavor
metadata: {name: slices}
spec: {nodeLabels: {pool: a100}}
---
kind: ClusterQueue
metadata: {name: forecast}
spec:
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [cpu]
    flavors: [{name: general, resources: [{name: cpu, nominalQuota: 8}]}]
  - coveredResources: [nvidia.com/gpu]
    flavors: [{name: slices, resources: [{name: nvidia.com/gpu, nominalQuota: 8}]}]""",
    good="""\
kind: ResourceFlavor
metadata: {name: general}
spec: {nodeLabels: {pool: general}}
---
kind: ResourceFlavor
metadata: {name: slices}
spec: {nodeLabels: {pool: general}}
---
kind: ClusterQueue
metadata: {name: forecast}
spec:
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [cpu]
    flavors: [{name: general, resources: [{name: cpu, nominalQuota: 8}]}]
  - coveredResources: [nvidia.com/gpu]
    flavors: [{name: slices, resources: [{name: nvidia.com/gpu, nominalQuota: 8}]}]""",
)
QUEUE_ON_CRON = Rule(
    code="FS470",
    title="a queue on a RayCronJob",
    why="Its labels are not copied to the jobs it makes, so every run goes past the queue and its quota.",
    bad="""\
kind: RayCronJob
metadata: {labels: {kueue.x-k8s.io/queue-name: nightly}}""",
    good="""\
kind: RayJob
metadata: {labels: {kueue.x-k8s.io/queue-name: nightly}}""",
)
