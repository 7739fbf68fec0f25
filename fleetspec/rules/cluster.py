"""FS6xx: from FS650 on, what a cluster says when a fleet is applied, watched or removed, and what `doctor` finds."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

NO_CONTEXT = Rule(
    "FS650",
    "it is not known which cluster is meant",
    "The kubeconfig says where the cluster is and who asks. Outside a pod there is no other way to know.",
    bad="fleetspec apply fleet.yaml --context prodution",
    good="fleetspec apply fleet.yaml --context production   # as `kubectl config get-contexts` lists it",
)
UNREACHABLE = Rule(
    "FS651",
    "the cluster does not answer",
    "It was asked several times with growing pauses. What it was sent before is in the run's record on the cluster.",
    bad="fleetspec apply fleet.yaml --on cluster    # while the API server is down",
    good="fleetspec apply fleet.yaml --on cluster    # again, later: it goes on where it was",
)
REFUSED = Rule(
    "FS652",
    "the cluster refuses",
    "Asking again would get the same answer: a missing permission, an object that its rules or a webhook reject.",
    bad="fleetspec apply fleet.yaml --context readonly",
    good="fleetspec doctor fleet.yaml --context readonly    # lists every permission that is missing",
)
KIND_UNKNOWN = Rule(
    "FS653",
    "the cluster does not know a kind of object",
    "RayJobs and queues are custom resources: their operator brings their definitions.",
    bad="fleetspec apply fleet.yaml --on cluster    # no KubeRay there",
    good="helm install kuberay-operator kuberay/kuberay-operator --version 1.7.0",
)
NO_NAMESPACE = Rule(
    "FS654",
    "the namespace is not there",
    "A namespace has quotas, policies and an owner, so no run makes or removes one on its own.",
    bad="fleetspec apply fleet.yaml --on cluster    # cluster: {namespace: quant}, which nobody made",
    good="kubectl create namespace quant",
)
NOT_OURS = Rule(
    "FS655",
    "the object belongs to somebody else",
    "It has the name of a rendered object and not the labels of this fleet: writing to it could break another's work.",
    bad="fleetspec apply fleet.yaml --on cluster    # a ConfigMap of that name was made by hand",
    good="fleetspec apply fleet.yaml --on cluster --take-over    # after reading what would change",
)
FIELD_CONFLICT = Rule(
    "FS656",
    "a field is held by another manager",
    "Server-side apply keeps who set which field. Overwriting another's starts a fight that neither side sees.",
    bad="kubectl edit rayjob/demo-nightly-1e6d0858    # then fleetspec apply",
    good="fleetspec apply fleet.yaml --on cluster --take-over    # sets the field as the spec renders it",
)
STOPPED = Rule(
    "FS657",
    "applying stopped before its end",
    "The record of the run was written before its first object, so everything that was sent is found again.",
    bad="fleetspec apply fleet.yaml --on cluster    # and the connection ends after the second object",
    good="fleetspec apply fleet.yaml --on cluster    # goes on; or: fleetspec destroy fleet.yaml",
)
STILL_THERE = Rule(
    "FS658",
    "an object was asked to go and is still there",
    "A finalizer keeps it until its controller has cleaned up. Taking the finalizer off would orphan what it guards.",
    bad="fleetspec destroy fleet.yaml --timeout 1s",
    good="fleetspec destroy fleet.yaml    # again: its record stays until the last object is gone",
)
NOTHING_THERE = Rule(
    "FS659",
    "no such fleet on the cluster",
    "Neither a record nor an object with the fleet's labels is in the namespace that was looked at.",
    bad="fleetspec destroy --fleet equties --namespace quant",
    good="fleetspec destroy --fleet equities --namespace quant",
)
RUN_FAILED = Rule(
    "FS660",
    "the run on the cluster failed",
    "A run that ended without its summary left no count of models; what it had finished is in the store all the same.",
    bad="fleetspec apply fleet.yaml --on cluster    # the head was out of memory",
    good="fleetspec destroy fleet.yaml --finished && fleetspec apply fleet.yaml --on cluster",
)
NOT_YET = Rule(
    "FS661",
    "the run has not ended in the time given",
    "Waiting ended, not the run: it goes on, and stands in the run's record.",
    bad="fleetspec apply fleet.yaml --on cluster --timeout 1m",
    good="fleetspec apply fleet.yaml --on cluster --timeout 8h",
)
NO_SUMMARY = Rule(
    "FS662",
    "the run's summary cannot be read any more",
    "The driver prints it as its last line, and the log of a pod goes with the pod.",
    bad="fleetspec apply fleet.yaml --on cluster    # of a run that ended days ago",
    good="fleetspec results fleet.yaml --store /mnt/fleetspec    # where the store's volume is mounted",
    severity=Severity.WARNING,
)
OLD_VERSION = Rule(
    "FS663",
    "a version on the cluster is older than what the manifests ask for",
    "An older operator ignores the fields it does not know: worker groups then come up without their resources.",
    bad="KubeRay 1.3 and workerGroupSpecs[].resources",
    good="helm upgrade kuberay-operator kuberay/kuberay-operator --version 1.7.0",
)
NO_PERMISSION = Rule(
    "FS664",
    "a permission is missing",
    "Every verb that apply, status, drift and destroy use was asked about for the account of the context.",
    bad="fleetspec doctor fleet.yaml --context viewer",
    good="kubectl create rolebinding fleets --clusterrole=edit --user=me -n quant",
)
NO_DEVICE = Rule(
    "FS665",
    "no node offers a device or a label that the plan asks for",
    "Pods that ask for it stay Pending. Where an autoscaler makes such nodes on demand there is nothing to mend.",
    bad="nodes with nvidia.com/gpu alone, a plan with nvidia.com/mig-1g.10gb",
    good="kubectl label node NODE nvidia.com/mig.config=fleetspec-7x1g.10gb",
    severity=Severity.WARNING,
)
QUOTA_TOO_SMALL = Rule(
    "FS666",
    "a quota is smaller than the plan",
    "Head, submitter, sidecars and all workers at their peak count together; what is above the quota never starts.",
    bad="ResourceQuota requests.cpu: 16, a plan of 64 cores",
    good="ResourceQuota requests.cpu: 80",
)
POD_SECURITY = Rule(
    "FS667",
    "the namespace does not enforce Pod Security",
    "Rendered pods pass `restricted`; a namespace that enforces it lets nothing else in beside them.",
    bad="kubectl create namespace quant",
    good="kubectl label namespace quant pod-security.kubernetes.io/enforce=restricted",
    severity=Severity.WARNING,
)
NO_STORE = Rule(
    "FS668",
    "the store's volume claim is missing or not shared",
    "Workers on several nodes write results into one store, which needs a claim of access mode ReadWriteMany.",
    bad="a PersistentVolumeClaim of access mode ReadWriteOnce",
    good="a PersistentVolumeClaim demo-store of access mode ReadWriteMany",
)
NO_CLIENT = Rule(
    "FS669",
    "the kubernetes client is not installed",
    "Planning and rendering need no cluster, so the client that speaks to one is an extra.",
    bad="pip install fleetspec && fleetspec apply fleet.yaml --on cluster",
    good="pip install 'fleetspec[kube]' && fleetspec apply fleet.yaml --on cluster",
)
OTHER_RUN = Rule(
    "FS670",
    "another run of this fleet is going on there",
    "Two runs of a kind share one store, which one driver holds at a time: the second would get nodes and fail.",
    bad="fleetspec apply fleet.yaml --on cluster    # edited, while last night's run goes on",
    good="fleetspec destroy fleet.yaml --job demo-nightly-1e6d0858 && fleetspec apply fleet.yaml --on cluster",
)
