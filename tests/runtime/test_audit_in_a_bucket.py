"""The audit log of a store in a bucket: one chain, whoever writes, and what was changed is found."""

from __future__ import annotations

import threading

from fleetspec.objects import ObjectPath
from fleetspec.runtime import audit


def test_a_log_in_a_bucket(bucket: ObjectPath) -> None:
    assert audit.read(bucket, "prod").lines == ()
    for number in range(3):
        audit.append(bucket, "prod", "apply-begun", f"person{number}")
    log = audit.read(bucket, "prod")
    assert not log.faults
    assert [entry.said["by"] for entry in log.sound] == ["person0", "person1", "person2"]
    lines = list(log.lines)
    audit.place(bucket, "prod").put(b"".join([*lines[:1], *lines[2:]]))
    assert [str(fault) for fault in audit.read(bucket, "prod").faults] == [
        "line 2: line 2 is missing above it: deleted"
    ]
    audit.place(bucket, "prod").put(b"".join(lines[:2]))
    (fault,) = audit.read(bucket, "prod").faults
    assert "lines at the end are deleted" in fault.what
    audit.append(bucket, "prod", "apply-ended", "later", outcome="ok")
    assert audit.read(bucket, "prod").faults


def test_writers_at_once_come_after_one_another(bucket: ObjectPath) -> None:
    def write(name: str) -> None:
        for turn in range(3):
            audit.append(bucket, "prod", "apply-begun", name, turn=turn)

    writers = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    log = audit.read(bucket, "prod")
    assert not log.faults
    assert sorted((entry.said["by"], entry.said["turn"]) for entry in log.sound) == [
        (f"w{n}", turn) for n in range(2) for turn in range(3)
    ]
