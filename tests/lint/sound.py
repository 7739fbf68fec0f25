"""Manifests with nothing wrong in them, and fragments laid over them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import yaml

from fleetspec.diagnostics import Report, Source
from fleetspec.lint.linting import lint

API = {
    **dict.fromkeys(("RayJob", "RayCluster", "RayService", "RayCronJob", "Rayjob"), "ray.io/v1"),
    **dict.fromkeys(("ConfigMap", "Namespace", "ServiceAccount"), "v1"),
    **dict.fromkeys(("NetworkPolicy",), "networking.k8s.io/v1"),
    **dict.fromkeys(("PriorityClass",), "scheduling.k8s.io/v1"),
}
SHARED = next(
    (parent / "shared" for parent in Path(__file__).resolve().parents if (parent / "shared" / "lint_cases").is_dir()),
    None,
)
"""The folder of CRDs and lint cases beside the checkout, None where there is none."""
KUEUE = "kueue.x-k8s.io/v1beta2"
_POD = {
    "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
}
_IMAGE = "registry.example.com/forecast:2.60.0"


def _container(name: str, cpu: str = "4", memory: str = "8Gi") -> dict[str, Any]:
    amounts = {"cpu": cpu, "memory": memory}
    return {
        "name": name,
        "image": _IMAGE,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "resources": {"requests": dict(amounts), "limits": dict(amounts)},
    }


def _pod(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return copy.deepcopy({**_POD, **more, "containers": list(containers)})


def cluster_spec() -> dict[str, Any]:
    """A head and one group of workers, with tokens."""
    return {
        "rayVersion": "2.60.0",
        "authOptions": {"mode": "token"},
        "headGroupSpec": {"rayStartParams": {}, "template": {"spec": _pod(_container("ray-head"))}},
        "workerGroupSpecs": [
            {
                "groupName": "workers",
                "replicas": 2,
                "minReplicas": 2,
                "maxReplicas": 4,
                "template": {"spec": _pod(_container("ray-worker"))},
            }
        ],
    }


def _job_spec() -> dict[str, Any]:
    submitter = _pod(_container("submitter", "250m", "256Mi"), restartPolicy="Never")
    return {
        "entrypoint": "python -m forecast",
        "shutdownAfterJobFinishes": True,
        "submitterPodTemplate": {"spec": submitter},
        "rayClusterSpec": cluster_spec(),
    }


def sound(kind: str) -> dict[str, Any]:
    """A sound object of a kind of ray.io; of others only what every object has."""
    made: dict[str, Any] = {"apiVersion": API.get(kind, KUEUE), "kind": kind}
    if not made["apiVersion"].startswith("ray.io"):
        return made
    made["metadata"] = {"name": "nightly", "namespace": "fleet"}
    if kind == "RayCluster":
        made["spec"] = cluster_spec()
    elif kind == "RayService":
        made["spec"] = {"serveConfigV2": "applications: []", "rayClusterConfig": cluster_spec()}
    elif kind == "RayCronJob":
        made["spec"] = {"schedule": "30 1 * * *", "jobTemplate": _job_spec()}
    else:
        made["spec"] = _job_spec()
    return made


def laid_over(fragment: Any, below: Any) -> Any:
    """``below`` with the fragment in it.

    Maps and items of lists are merged, what is empty or plain replaces, and null takes out.
    """
    if isinstance(fragment, dict) and fragment and isinstance(below, dict):
        merged = below | {key: laid_over(value, below.get(key)) for key, value in fragment.items()}
        return {key: value for key, value in merged.items() if value is not None}
    if isinstance(fragment, list) and fragment and isinstance(below, list):
        grown = below + [below[-1]] * (len(fragment) - len(below)) if below else fragment
        return [laid_over(item, grown[index]) for index, item in enumerate(fragment)] + grown[len(fragment) :]
    return fragment


def manifest(example: str) -> str:
    """The documents of an example, each laid over a sound object of its kind (a RayJob where it says none), as JSON.

    Read with PyYAML on purpose: what an example means must not hang on the reader under test. JSON keeps its types.
    """
    made = []
    for fragment in yaml.safe_load_all(example):
        made.append(laid_over(fragment, sound(fragment.get("kind", "RayJob"))))
    return "\n---\n".join(json.dumps(each, indent=1) for each in made)


def findings(text: str, level: str = "restricted") -> Report:
    """What the linter says of a text."""
    report = Report()
    lint([Source("manifest.yaml", text)], [], report, level=level)
    return report


def codes(text: str, level: str = "restricted") -> list[str]:
    """The codes of what the linter says of a text, each once."""
    return sorted({finding.rule.code for finding in findings(text, level)})
