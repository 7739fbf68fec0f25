"""More wrong and right manifests than rules have examples: fragments over a sound object, and the code each gets."""

from __future__ import annotations

import pytest
from sound import codes, findings, manifest

GROUP = "spec: {rayClusterSpec: {workerGroupSpecs: [%s]}}"
POD = GROUP % "{template: {spec: %s}}"
CONTAINER = POD % "{containers: [%s]}"
QUEUED = "metadata: {labels: {kueue.x-k8s.io/queue-name: nightly}}\n"
AUTOSCALED = (
    "spec: {rayClusterSpec: {enableInTreeAutoscaling: true, autoscalerOptions: {version: v2, %s securityContext: "
    "{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}%s}}"
)
SERVICE = (
    "kind: RayService\nspec: {rayClusterConfig: {enableInTreeAutoscaling: true, autoscalerOptions: {securityContext: "
)
SERVICE += "{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}}, upgradeStrategy: "
SERVICE += "{type: NewClusterWithIncrementalUpgrade, clusterUpgradeOptions: {%s}}}"
RULES = "spec: {shutdownAfterJobFinishes: false, deletionStrategy: {deletionRules: [%s]}%s}"
FLAVORS = "kind: ClusterQueue\nmetadata: {name: q}\nspec: {cohortName: c, namespaceSelector: {}, resourceGroups: [%s]}"
HTTP = "spec: {submissionMode: HTTPMode, rayClusterSpec: {workerGroupSpecs: [%s]}}"
HARDENED = "securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}"
POLICY = "kind: NetworkPolicy\nmetadata: {name: p, namespace: fleet}\nspec: {podSelector: {}, egress: [%s]}"


def groups(number: int) -> str:
    return ", ".join(f"{{groupName: g{n}}}" for n in range(number))


WRONG = [
    # Kinds, names, labels
    ("FS430", "{apiVersion: ray.io/v2}"),
    (
        "FS430",
        (
            "{kind: ClusterQueue, apiVersion: kueue.x-k8s.io/v1alpha1, metadata: {name: q}, spec: "
            "{namespaceSelector: {}}}"
        ),
    ),
    ("FS430", "{kind: RayJobs, apiVersion: ray.io/v1}"),
    ("FS430", "{kind: RayJob, apiVersion: ray/v1}"),
    ("FS430", "{kind: Configmap, apiVersion: v1, metadata: {name: a}}"),
    ("FS430", "{kind: '', apiVersion: ray.io/v1}"),
    ("FS433", "metadata: {name: null}"),
    ("FS439", "metadata: {name: a..b}"),
    ("FS439", "metadata: {namespace: Fleet}"),
    ("FS439", "{kind: ResourceFlavor, metadata: {name: a, namespace: fleet}, spec: {}}"),
    ("FS440", "metadata: {annotations: {'a b': x}}"),
    ("FS440", POD % "{}" + "\nmetadata: {labels: {a: '%s'}}" % ("x" * 64)),
    ("FS440", GROUP % "{template: {metadata: {labels: {a: b c}}}}"),
    ("FS431", "metadata: {lables: {a: b}}"),
    ("FS432", "metadata: {labels: {a: 5}}"),
    # Shape
    ("FS432", "spec: {entrypoint: 5}"),
    ("FS432", "spec: {entrypointNumCpus: '1'}"),
    ("FS432", GROUP % "{template: {spec: {nodeSelector: {a: true}}}}"),
    ("FS432", CONTAINER % "{resources: {limits: {cpu: 2.5}}}"),
    ("FS434", "spec: {rayClusterSpec: {upgradeStrategy: {type: Rolling}}}"),
    ("FS436", "spec: {backoffLimit: 3000000000}"),
    ("FS437", GROUP % "{template: {spec: {volumes: [{name: a, emptyDir: {}}, {name: a, emptyDir: {}}]}}}"),
    # The operator
    ("FS443", "metadata: {name: %s}" % ("a" * 48)),
    ("FS443", "kind: RayCronJob\nmetadata: {name: %s}" % ("a" * 37)),
    ("FS443", "kind: RayCluster\nmetadata: {name: %s}" % ("a" * 54)),
    ("FS443", "metadata: {name: a.b}"),
    ("FS444", "spec: {activeDeadlineSeconds: 0}"),
    ("FS436", "spec: {preRunningDeadlineSeconds: -5}"),
    ("FS444", "spec: {ttlSecondsAfterFinished: -1}"),
    ("FS445", "spec: {shutdownAfterJobFinishes: false, suspend: true}"),
    ("FS446", "spec: {rayClusterSpec: null, submissionMode: HTTPMode}"),
    ("FS446", "spec: {clusterSelector: {ray.io/name: desk}}"),
    ("FS446", "spec: {clusterSelector: {ray.io/cluster: desk}, suspend: true}"),
    ("FS447", "spec: {submissionMode: SidecarMode}"),
    ("FS436", RULES % ("{policy: DeleteCluster, condition: {jobStatus: FAILED, ttlSeconds: -1}}", "")),
    ("FS448", "spec: {deletionStrategy: {onSuccess: {policy: DeleteNone}, onFailure: {policy: DeleteSelf}}}"),
    (
        "FS448",
        "spec: {shutdownAfterJobFinishes: false, deletionStrategy: {onSuccess: {}, onFailure: {policy: DeleteSelf}}}",
    ),
    (
        "FS448",
        RULES % ("{policy: DeleteCluster, condition: {jobStatus: FAILED}}", ", clusterSelector: {ray.io/cluster: a}"),
    ),
    ("FS449", GROUP % "{minReplicas: -1}"),
    ("FS449", GROUP % "{replicas: -2}"),
    ("FS451", GROUP % "{labels: {a: b c}}"),
    ("FS452", AUTOSCALED % ("env: [{name: KUBERAY_GEN_AUTOSCALER_START_CMD, value: x}],", "")),
    ("FS452", AUTOSCALED % ("idleTimeoutSeconds: -1,", "")),
    ("FS452", AUTOSCALED % ("", ", workerGroupSpecs: [{suspend: true}]")),
    ("FS452", AUTOSCALED % ("", ", workerGroupSpecs: [{template: {spec: {restartPolicy: Always}}}]")),
    ("FS452", AUTOSCALED % ("", ", headGroupSpec: {template: {spec: {restartPolicy: OnFailure}}}")),
    ("FS452", GROUP % "{priority: 3}"),
    ("FS453", "kind: RayCluster\nspec: {authOptions: {enableK8sTokenAuth: true, secretName: a}}"),
    ("FS453", "kind: RayCluster\nspec: {rayVersion: 2.54.0, authOptions: {enableK8sTokenAuth: true}}"),
    ("FS453", "spec: {rayClusterSpec: {rayVersion: nightly}}"),
    ("FS454", "kind: RayCluster\nspec: {headGroupSpec: {rayStartParams: {redis-username: a}}}"),
    (
        "FS454",
        (
            "kind: RayCluster\nspec: {headGroupSpec: {template: {spec: {containers: [{env: [{name: "
            "RAY_REDIS_ADDRESS, value: a}]}]}}}}"
        ),
    ),
    (
        "FS454",
        (
            "kind: RayCluster\nmetadata: {annotations: {ray.io/ft-enabled: 'true'}}\nspec: "
            "{gcsFaultToleranceOptions: {redisAddress: a}}"
        ),
    ),
    ("FS455", SERVICE % "maxSurgePercent: 50, stepSizePercent: 60, intervalSeconds: 10, gatewayClassName: g"),
    ("FS455", SERVICE % "stepSizePercent: 50, intervalSeconds: 0, gatewayClassName: g"),
    ("FS433", SERVICE % "stepSizePercent: 50, intervalSeconds: 5"),
    ("FS436", "kind: RayService\nspec: {rayClusterDeletionDelaySeconds: -1}"),
    ("FS455", "kind: RayService\nmetadata: {annotations: {ray.io/initializing-timeout: 0s}}"),
    ("FS456", "kind: RayCronJob\nspec: {schedule: '61 1 * * *'}"),
    ("FS456", "kind: RayCronJob\nspec: {timeZone: Europe/Lundon}"),
    ("FS457", "spec: {runtimeEnvYAML: '- a'}"),
    ("FS459", "kind: RayCluster\nspec: {networkPolicy: {}}"),
    # Kueue
    ("FS461", QUEUED + "spec: {clusterSelector: {ray.io/cluster: desk}}"),
    ("FS462", QUEUED + GROUP % groups(17)),
    (
        "FS462",
        QUEUED + HTTP % groups(18),
    ),
    (
        "FS463",
        "metadata: {labels: {kueue.x-k8s.io/queue-name: q}, annotations: {kueue.x-k8s.io/elastic-job: 'yes'}}\n"
        + AUTOSCALED % ("", ""),
    ),
    (
        "FS465",
        FLAVORS
        % (
            "{coveredResources: [cpu, memory], flavors: [{name: a, resources: [{name: memory, nominalQuota: "
            "1}, {name: cpu, nominalQuota: 1}]}]}"
        ),
    ),
    (
        "FS465",
        FLAVORS
        % (
            "{coveredResources: [cpu], flavors: [{name: a, resources: [{name: cpu, nominalQuota: 1, "
            "lendingLimit: 2}]}]}"
        ),
    ),
    (
        "FS465",
        FLAVORS
        % (
            "{coveredResources: [cpu], flavors: [{name: a, resources: [{name: cpu, nominalQuota: 1}]}]}, "
            "{coveredResources: [memory], flavors: [{name: a, resources: [{name: memory, nominalQuota: "
            "1}]}]}"
        ),
    ),
    (
        "FS465",
        (
            "kind: Cohort\nmetadata: {name: c}\nspec: {resourceGroups: [{coveredResources: [cpu], flavors: "
            "[{name: a, resources: [{name: cpu, nominalQuota: 1, lendingLimit: 1}]}]}]}"
        ),
    ),
    ("FS466", "kind: ResourceFlavor\nmetadata: {name: a}\nspec: {nodeTaints: [{key: a b, effect: NoSchedule}]}"),
    (
        "FS466",
        (
            "kind: ResourceFlavor\nmetadata: {name: a}\nspec: {nodeTaints: [{key: a, effect: NoSchedule}, "
            "{key: a, effect: NoSchedule, value: b}]}"
        ),
    ),
    # Pods
    ("FS471", CONTAINER % "{image: ''}"),
    ("FS471", POD % "{containers: [{}, {name: ray-worker}]}"),
    ("FS472", POD % "{dnsPolicy: Cluster}"),
    ("FS472", POD % "{tolerations: [{key: a, operator: exists}]}"),
    ("FS473", CONTAINER % "{ports: [{containerPort: 70000}]}"),
    ("FS474", CONTAINER % "{resources: {requests: {cpu: '8'}}}"),
    ("FS474", CONTAINER % "{resources: {requests: {nvidia.com/gpu: 1}}}"),
    ("FS474", CONTAINER % "{resources: {limits: {gpu: 1}}}"),
    ("FS474", CONTAINER % "{resources: {requests: {cpu: -1}}}"),
    ("FS475", POD % "{volumes: [{name: a, emptyDir: {}, secret: {secretName: s}}]}"),
    ("FS475", POD % "{volumes: [{name: a_b, emptyDir: {}}]}"),
    (
        "FS475",
        POD
        % (
            "{volumes: [{name: a, emptyDir: {}}], containers: [{volumeMounts: [{name: a, mountPath: /a, "
            "subPath: ../x}]}]}"
        ),
    ),
    ("FS476", POD % "{tolerations: [{operator: Equal, value: a}]}"),
    ("FS476", POD % "{tolerations: [{key: a, operator: Exists, effect: NoSchedule, tolerationSeconds: 5}]}"),
    ("FS476", POD % "{nodeSelector: {a: b c}}"),
    ("FS478", CONTAINER % "{env: [{name: A, value: x, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}"),
    ("FS478", CONTAINER % "{env: [{name: A, valueFrom: {}}]}"),
    # Beside
    ("FS441", "kind: ConfigMap\nmetadata: {name: a}\ndata: {big: %s}" % ("x" * 1_050_000)),
    ("FS441", "kind: ConfigMap\nmetadata: {name: a}\ndata: {..: x}"),
    ("FS441", "kind: ConfigMap\nmetadata: {name: a}\nbinaryData: {a: '###'}"),
    ("FS441", "kind: ConfigMap\nmetadata: {name: a}\ndata: {a: x}\nbinaryData: {a: eA==}"),
    ("FS442", POLICY % "{to: [{ipBlock: {cidr: 10.0.0.0}}]}"),
    ("FS442", POLICY % "{to: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}"),
    ("FS442", POLICY % "{ports: [{port: dashboard, endPort: 9000}]}"),
    ("FS442", POLICY % "{to: [{podSelector: {matchExpressions: [{key: a, operator: In}]}}]}"),
    # Traps
    ("FS482", "spec: {submissionMode: K8SJobMode}"),
    ("FS483", "spec: {entrypoint: ' '}"),
    ("FS484", "spec: {entrypointResources: '[1]'}"),
    ("FS485", CONTAINER % "{resources: {limits: {amd.com/gpus: 1}}}"),
    ("FS485", CONTAINER % "{resources: {limits: {amd.com/spx_nps4: 1}}}"),
    ("FS485", CONTAINER % "{resources: {limits: {amd.com/cpx: 1}}}"),
    ("FS486", CONTAINER % "{resources: {requests: {memory: 8}, limits: {memory: 8}}}"),
    ("FS486", CONTAINER % "{resources: {requests: {memory: 9000Ti}, limits: {memory: 9000Ti}}}"),
    ("FS488", GROUP % "{groupName: %s}" % ("g" * 60)),
    ("FS489", CONTAINER % "{image: 'registry.example.com/forecast:2.59.0'}"),
]
RIGHT = [
    "metadata: {generateName: nightly-, name: null}",
    "spec: {ttlSecondsAfterFinished: 0}",
    "spec: {entrypointNumCpus: 1, entrypointNumGpus: 0.5}",
    "spec: {submissionMode: HTTPMode, submitterPodTemplate: null}\n",
    GROUP % "{numOfHosts: 4, groupName: '7'}",
    GROUP % "{groupName: CPU-Prep}",
    GROUP % "{replicas: 0, minReplicas: 0, maxReplicas: 0, suspend: true}",
    RULES
    % (
        (
            "{policy: DeleteWorkers, condition: {jobStatus: FAILED}}, {policy: DeleteSelf, condition: "
            "{jobStatus: FAILED, ttlSeconds: 9}}"
        ),
        "",
    ),
    AUTOSCALED % ("idleTimeoutSeconds: 0,", ", workerGroupSpecs: [{priority: 5, idleTimeoutSeconds: 0}]"),
    SERVICE % "stepSizePercent: 10, intervalSeconds: 5, gatewayClassName: g",
    "kind: RayService\nmetadata: {annotations: {ray.io/initializing-timeout: 1h30m}}",
    "kind: RayCronJob\nspec: {schedule: '@daily', timeZone: UTC}",
    "kind: RayCronJob\nspec: {schedule: '*/15 0-6,22 * jan-mar sun'}",
    QUEUED + GROUP % groups(16),
    QUEUED + HTTP % groups(17),
    FLAVORS
    % (
        "{coveredResources: [cpu], flavors: [{name: a, resources: [{name: cpu, nominalQuota: 0, "
        "borrowingLimit: 5, lendingLimit: 0}]}]}"
    ),
    "kind: MultiKueueConfig\nmetadata: {name: a}\nspec: {clusters: [b]}",
    "{kind: Deployment, apiVersion: apps/v1, metadata: {name: a}, spec: {anything: 1}}",
    "{kind: Kustomization, apiVersion: kustomize.config.k8s.io/v1beta1, resources: [a.yaml]}",
    CONTAINER % "{resources: {limits: {cpu: 8, nvidia.com/gpu: 1, hugepages-2Mi: 4Mi, ephemeral-storage: 1Gi}}}",
    GROUP
    % (
        "{resources: {GPU: '1'}, template: {spec: {containers: [{resources: {limits: "
        "{nvidia.com/mig-1g.10gb.me: 1}}}]}}}"
    ),
    GROUP % "{resources: {GPU: '1'}, template: {spec: {containers: [{resources: {limits: {amd.com/cpx_nps4: 1}}}]}}}",
    CONTAINER % "{resources: {limits: {nvidia.com/mig-3g.40gb: 1}}}",
    CONTAINER % "{image: 'registry.example.com/app:2.11.0'}",
    CONTAINER % "{image: 'forecast@sha256:%s'}" % ("0" * 64),
    POD % "{tolerations: [{operator: Exists}, {key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 5}]}",
    POD
    % "{volumes: [{name: a, emptyDir: {}}], containers: [{volumeMounts: [{name: a, mountPath: /a, subPath: x..y}]}]}",
    POD
    % (
        "{initContainers: [{name: i, image: x, restartPolicy: Always, securityContext: "
        "{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}"
    ),
    CONTAINER % "{env: [{name: A.b-c, value: ''}, {name: P, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}",
    POLICY
    % (
        "{to: [{ipBlock: {cidr: 'fd00:20::/64', except: ['fd00:20::8/125']}}], ports: [{port: 9000, "
        "endPort: 9000}, {port: dns}]}"
    ),
    "kind: ConfigMap\nmetadata: {name: a}\ndata: {.hidden: '', UPPER_1.x: 'y'}\nimmutable: true",
    "spec: {rayClusterSpec: {headGroupSpec: {serviceType: NodePort}}}",
]


@pytest.mark.parametrize(("code", "fragment"), WRONG, ids=[f"{n}-{code}" for n, (code, _) in enumerate(WRONG)])
def test_wrong(code: str, fragment: str) -> None:
    report = findings(manifest(fragment))
    assert code in {finding.rule.code for finding in report}, [finding.message for finding in report]
    for finding in report:
        assert finding.help, finding.message
        assert finding.place is not None


@pytest.mark.parametrize("fragment", RIGHT, ids=range(len(RIGHT)))
def test_right(fragment: str) -> None:
    report = findings(manifest(fragment))
    assert [f"{finding.rule.code} {finding.message}" for finding in report] == []


@pytest.mark.parametrize(
    ("fragment", "refused_by"),
    [
        (POD % "{hostNetwork: true}", {"baseline", "restricted"}),
        (POD % "{hostPID: true}", {"baseline", "restricted"}),
        (POD % "{volumes: [{name: a, hostPath: {path: /}}]}", {"baseline", "restricted"}),
        (POD % "{volumes: [{name: a, nfs: {server: s, path: /}}]}", {"restricted"}),
        (POD % "{securityContext: {sysctls: [{name: kernel.msgmax, value: '1'}]}}", {"baseline", "restricted"}),
        (POD % "{securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: '1'}]}}", set()),
        (POD % "{securityContext: {runAsNonRoot: false}}", {"restricted"}),
        (POD % "{securityContext: {runAsUser: 0}}", {"restricted"}),
        (POD % "{securityContext: {seccompProfile: {type: Unconfined}}}", {"baseline", "restricted"}),
        (POD % "{securityContext: {seccompProfile: null}}", {"restricted"}),
        (CONTAINER % "{securityContext: {privileged: true}}", {"baseline", "restricted"}),
        (CONTAINER % "{securityContext: {allowPrivilegeEscalation: true}}", {"restricted"}),
        (CONTAINER % "{securityContext: {runAsNonRoot: false}}", {"restricted"}),
        (CONTAINER % "{securityContext: {capabilities: {drop: [NET_RAW]}}}", {"restricted"}),
        (CONTAINER % "{securityContext: {capabilities: {add: [CHOWN]}}}", {"restricted"}),
        (CONTAINER % "{securityContext: {capabilities: {add: [SYS_PTRACE]}}}", {"baseline", "restricted"}),
        (CONTAINER % "{securityContext: {capabilities: {add: [NET_BIND_SERVICE]}}}", set()),
        (CONTAINER % "{securityContext: {procMount: Unmasked}}", {"baseline", "restricted"}),
        (CONTAINER % "{securityContext: {seLinuxOptions: {type: spc_t}}}", {"baseline", "restricted"}),
        (CONTAINER % "{securityContext: {appArmorProfile: {type: Unconfined}}}", {"baseline", "restricted"}),
        (CONTAINER % "{ports: [{containerPort: 80, hostPort: 80}]}", {"baseline", "restricted"}),
        ("spec: {rayClusterSpec: {enableInTreeAutoscaling: true}}", {"restricted"}),
        ("spec: {submitterPodTemplate: null}", {"restricted"}),
        ("spec: {submissionMode: SidecarMode, submitterPodTemplate: null}", {"restricted"}),
    ],
)
def test_pod_security(fragment: str, refused_by: set[str]) -> None:
    text = manifest(fragment)
    for level in ("privileged", "baseline", "restricted"):
        refused = {"FS480", "FS481"} & set(codes(text, level))
        assert bool(refused) is (level in refused_by), level


def test_a_namespace_of_the_same_call_says_its_level() -> None:
    wrong = manifest(CONTAINER % "{securityContext: {capabilities: {add: [CHOWN]}}}")
    for level, expected in (("baseline", []), ("restricted", ["FS480"])):
        label = f"pod-security.kubernetes.io/enforce: {level}"
        space = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: fleet, labels: {{{label}}}}}\n---\n"
        assert codes(space + wrong) == expected


def test_objects_are_held_together_across_files() -> None:
    from fleetspec.diagnostics import Report, Source
    from fleetspec.lint.linting import lint

    first = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: one}\ndata: {x: '1'}\n"
    for second, expected in (
        (first, []),
        (first.replace("'1'", "'2'"), ["FS494"]),
        (first.replace("one}", "two}"), []),
    ):
        report = Report()
        lint([Source("1.yaml", first), Source("2.yaml", second)], [], report)
        assert [finding.rule.code for finding in report] == expected


def test_an_environment_in_another_folder_is_no_clash() -> None:
    """Objects of the same names in two folders are not applied together, and each job means the queue beside it."""
    from fleetspec.diagnostics import Report, Source
    from fleetspec.lint.linting import lint

    queue = "kind: ClusterQueue\nmetadata: {name: forecast}\nspec:\n  namespaceSelector: {}\n  resourceGroups:\n"
    queue += "  - {coveredResources: [%s], flavors: [{name: general, resources: [%s]}]}\n---\n"
    local = "kind: LocalQueue\nmetadata: {name: nightly, namespace: fleet}\nspec: {clusterQueue: forecast}\n---\n"
    both = queue % ("cpu, memory", "{name: cpu, nominalQuota: 9}, {name: memory, nominalQuota: 9Gi}")
    one = queue % ("cpu", "{name: cpu, nominalQuota: 9}")
    prod, dev = (manifest(each + local + QUEUED) for each in (both, one))
    for texts, expected in (((prod, prod), []), ((prod, dev), ["FS468"])):
        report = Report()
        lint([], [Source(f"{name}/all.yaml", text) for name, text in zip(("prod", "dev"), texts, strict=True)], report)
        assert [finding.rule.code for finding in report] == expected
        assert all(finding.place.source.name == "dev/all.yaml" for finding in report if finding.place)
