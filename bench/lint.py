"""`lint` on many RayJobs, in one file each: seconds of the linter inside one process, least and median of so many runs,
beside the seconds that PyYAML alone takes to read the same texts; and seconds of the whole command on the folder. Of
the linter, seconds of the processor are told, too: on a busy machine they say more.

    python bench/lint.py [--jobs 200] [--runs 5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from fleetspec.diagnostics import Report, Source
from fleetspec.lint.linting import lint

POD = """\
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 100
  seccompProfile:
    type: RuntimeDefault
nodeSelector:
  example.com/pool: {name}
tolerations:
- key: example.com/spot
  operator: Exists
  effect: NoSchedule
volumes:
- name: config
  configMap:
    name: nightly-{number}
- name: spill
  emptyDir:
    sizeLimit: 20Gi
containers:
- name: {name}
  image: registry.example.com/ray-forecast:2.60.0
  securityContext:
    allowPrivilegeEscalation: false
    capabilities:
      drop: [ALL]
  env:
  - name: OMP_NUM_THREADS
    value: "3"
  - name: NVIDIA_VISIBLE_DEVICES
    value: void
  ports:
  - containerPort: 8265
    name: dashboard
  volumeMounts:
  - name: config
    mountPath: /etc/fleet
    readOnly: true
  - name: spill
    mountPath: /var/spill
  resources:
    requests:
      cpu: "3"
      memory: 12Gi
    limits:
      cpu: "3"
      memory: 12Gi
"""
JOB = """\
apiVersion: ray.io/v1
kind: RayJob
metadata:
  name: nightly-{number}
  namespace: fleet
  labels:
    example.com/desk: equities
spec:
  submissionMode: K8sJobMode
  entrypoint: python -m forecast --shard {number}
  entrypointNumCpus: 0.1
  backoffLimit: 1
  activeDeadlineSeconds: 14400
  preRunningDeadlineSeconds: 1800
  shutdownAfterJobFinishes: true
  ttlSecondsAfterFinished: 600
  submitterPodTemplate:
    spec:
      restartPolicy: Never
{submitter}
  rayClusterSpec:
    rayVersion: 2.60.0
    authOptions:
      mode: token
    headGroupSpec:
      rayStartParams:
        num-cpus: "0"
      template:
        spec:
{head}
    workerGroupSpecs:
    - groupName: slices
      replicas: 4
      minReplicas: 4
      maxReplicas: 4
      template:
        spec:
{slices}
    - groupName: prep
      replicas: 2
      minReplicas: 2
      maxReplicas: 2
      template:
        spec:
{prep}
"""


def job(number: int) -> str:
    """A sound RayJob of about 250 lines: a head, two groups, a submitter."""

    def pod(name: str, depth: int) -> str:
        lines = POD.format(name=name, number=number).splitlines()
        return "\n".join(" " * depth + line for line in lines)

    pods = {"submitter": pod("submitter", 6), "head": pod("head", 10)}
    return JOB.format(number=number, **pods, slices=pod("slices", 10), prep=pod("prep", 10))


def linted(texts: list[str]) -> None:
    report = Report()
    lint([Source(f"{number}.yaml", text) for number, text in enumerate(texts)], [], report)
    assert not len(report), [finding.message for finding in report][:3]


def read_alone(texts: list[str]) -> None:
    for text in texts:
        yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200, help="RayJobs [200]")
    parser.add_argument("--runs", type=int, default=5, help="of each kind [5]")
    arguments = parser.parse_args()
    texts = [job(number) for number in range(arguments.jobs)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(texts):
            Path(folder, f"{number}.yaml").write_text(text)
        command = [sys.executable, "-m", "fleetspec", "lint", folder]
        kinds: dict[str, Callable[[], object]] = {
            "PyYAML alone": lambda: read_alone(texts),
            "lint": lambda: linted(texts),
            "command": lambda: subprocess.run(command, env=environment, check=True, capture_output=True),
        }
        kinds["command"]()
        taken: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(arguments.runs):
            for name, work in kinds.items():
                taken[name].append(seconds(work))
    begun = time.process_time()
    linted(texts)
    processor = time.process_time() - begun
    lines = sum(len(text.splitlines()) for text in texts)
    print(f"{len(texts)} RayJobs of {lines // len(texts)} lines, {arguments.runs} runs, load {os.getloadavg()[0]:.1f}")
    for name, each in taken.items():
        print(f"{name:14s} least {min(each):.3f} s   median {statistics.median(each):.3f} s")
    print(f"lint           {processor:.3f} s of the processor, {1000 * processor / len(texts):.1f} ms a RayJob")
    print(f"ratio          least {min(taken['lint']) / min(taken['PyYAML alone']):.1f}")


if __name__ == "__main__":
    main()
