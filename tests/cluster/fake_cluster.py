"""A Kubernetes API over HTTP, in a thread, that breaks where a test says so.

It serves discovery, lists in pages, watches, server-side apply, deletion, logs and reviews of access, out of a
:class:`~fake_store.Store`.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from fake_store import Key, Object, Refusal, Store, line, selected

KINDS: dict[str, dict[str, tuple[str, bool]]] = {
    "/api/v1": {
        "ConfigMap": ("configmaps", True),
        "Namespace": ("namespaces", False),
        "Node": ("nodes", False),
        "PersistentVolumeClaim": ("persistentvolumeclaims", True),
        "Pod": ("pods", True),
        "ResourceQuota": ("resourcequotas", True),
        "ServiceAccount": ("serviceaccounts", True),
    },
    "/apis/apiextensions.k8s.io/v1": {"CustomResourceDefinition": ("customresourcedefinitions", False)},
    "/apis/apps/v1": {"Deployment": ("deployments", True)},
    "/apis/authorization.k8s.io/v1": {"SelfSubjectAccessReview": ("selfsubjectaccessreviews", False)},
    "/apis/batch/v1": {"CronJob": ("cronjobs", True)},
    "/apis/kueue.x-k8s.io/v1beta2": {
        "ClusterQueue": ("clusterqueues", False),
        "LocalQueue": ("localqueues", True),
        "ResourceFlavor": ("resourceflavors", False),
        "Workload": ("workloads", True),
    },
    "/apis/networking.k8s.io/v1": {"NetworkPolicy": ("networkpolicies", True)},
    "/apis/policy/v1": {"PodDisruptionBudget": ("poddisruptionbudgets", True)},
    "/apis/rbac.authorization.k8s.io/v1": {"Role": ("roles", True), "RoleBinding": ("rolebindings", True)},
    "/apis/scheduling.k8s.io/v1": {"PriorityClass": ("priorityclasses", False)},
    "/apis/ray.io/v1": {"RayCluster": ("rayclusters", True), "RayJob": ("rayjobs", True)},
}

Fault = Callable[[int, web.Request], str | int | None]
"""What breaks at the n-th request: its connection, ``before`` or ``after`` it is carried out; a status; or nothing."""


@dataclass
class FakeCluster:
    """The API server. ``requests`` are what it was asked, in order; ``denied`` are verb and plural nobody may use."""

    store: Store = field(default_factory=lambda: Store(KINDS))
    fault: Fault = lambda number, request: None
    requests: list[str] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    denied: set[tuple[str, str]] = field(default_factory=set)
    retry_after: str = "0"
    pause: float = 0.0
    page: int = 1000
    url: str = ""

    def writes(self) -> list[str]:
        return [one for one in self.requests if not one.startswith(("GET", "POST")) and "dryRun" not in one]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        number = len(self.requests)
        self.requests.append(f"{request.method} {request.path_qs}")
        fault = self.fault(number, request)
        if self.pause:
            await asyncio.sleep(self.pause)
        if fault == "before":
            _cut(request)
        if isinstance(fault, int):
            body = Refusal(fault, "Unavailable", f"broken with {fault}").body
            return web.json_response(body, status=fault, headers={"Retry-After": self.retry_after})
        try:
            found = await self._served(request)
        except Refusal as refusal:
            found = web.json_response(refusal.body, status=refusal.code)
        if fault == "after":
            _cut(request)
        return found

    async def _served(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        if path == "/version":
            return web.json_response({"major": "1", "minor": "36", "gitVersion": "v1.36.1"})
        if path in self.store.plurals:
            resources = [
                {"name": plural, "kind": kind, "namespaced": spaced}
                for kind, (plural, spaced) in self.store.plurals[path].items()
            ]
            return web.json_response({"kind": "APIResourceList", "resources": resources})
        root = next((one for one in self.store.plurals if path.startswith(one + "/")), None)
        if root is None:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        if path.endswith("/selfsubjectaccessreviews"):
            return self._review(await request.json())
        namespace, plural, name, below = _parts(path.removeprefix(root + "/").split("/"))
        if plural not in {one for one, _ in self.store.plurals[root].values()}:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        if below == "log":
            return self._log(root, namespace, name)
        key = (root, plural, namespace, name)
        verb = {"GET": "get" if name else "list", "PATCH": "patch", "DELETE": "delete"}[request.method]
        if (verb, plural) in self.denied:
            raise Refusal(403, "Forbidden", f'{plural} is forbidden: User "me" cannot {verb} resource "{plural}"')
        return await self._object(request, key)

    async def _object(self, request: web.Request, key: Key) -> web.StreamResponse:
        query, store = request.query, self.store
        if request.method == "PATCH":
            assert request.content_type == "application/apply-patch+yaml"
            force, dry = query.get("force") == "true", query.get("dryRun") == "All"
            status, value = store.apply(key, await request.json(), query["fieldManager"], force, dry)
            return web.json_response(value, status=status)
        if request.method == "DELETE":
            body = await request.json()
            store.delete(key, (body.get("preconditions") or {}).get("uid"), body["propagationPolicy"])
            return web.json_response({"kind": "Status", "status": "Success"})
        if key[3]:
            return web.json_response(store.get(key))
        if query.get("watch") in ("1", "true"):
            return await self._watch(request, key)
        return self._list(query, key)

    def _list(self, query: Any, key: Key) -> web.Response:
        found = self.store.list(*key[:3], query.get("labelSelector", ""), query.get("fieldSelector", ""))
        start, _, seen = query.get("continue", "0:").partition(":")
        if seen and int(seen) < self.store.oldest:
            raise Refusal(410, "Expired", "The provided continue parameter is too old")
        size = min(self.page, int(query.get("limit", 1000)))
        end = int(start) + size
        meta = {"resourceVersion": str(self.store.version)}
        if end < len(found):
            meta["continue"] = f"{end}:{self.store.version}"
        return web.json_response({"kind": "List", "metadata": meta, "items": found[int(start) : end]})

    async def _watch(self, request: web.Request, key: Key) -> web.StreamResponse:
        query, store = request.query, self.store
        seen = int(query.get("resourceVersion", 0))
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        if seen < store.oldest:
            gone = Refusal(410, "Expired", "too old resource version")
            await answer.write(line("ERROR", gone.body))
            return answer
        ends = asyncio.get_running_loop().time() + float(query.get("timeoutSeconds", 5))
        while asyncio.get_running_loop().time() < ends:
            with store.changed:
                fresh = [event for event in store.history if event[0] > seen and event[2][:3] == key[:3]]
                seen = max(seen, store.version)
            for _, kind, _, value in fresh:
                if selected(value, query.get("labelSelector", ""), query.get("fieldSelector", "")):
                    await answer.write(line(kind, value))
            await asyncio.sleep(0.005)
        return answer

    def _log(self, root: str, namespace: str, name: str) -> web.Response:
        self.store.get((root, "pods", namespace, name))
        if name not in self.logs:
            raise Refusal(400, "BadRequest", f'container "ray-job-submitter" in pod "{name}" is waiting to start')
        return web.Response(text=self.logs[name])

    def _review(self, body: Object) -> web.Response:
        asked = body["spec"]["resourceAttributes"]
        allowed = (asked["verb"], asked["resource"]) not in self.denied
        return web.json_response({**body, "status": {"allowed": allowed}}, status=201)


def _parts(parts: list[str]) -> tuple[str, str, str, str]:
    """Namespace, plural, name and subresource of a path below its root."""
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2:
        namespace, parts = parts[1], parts[2:]
    plural, name, below, *_ = [*parts, "", "", ""]
    return namespace, plural, name, below


def _cut(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()
    raise asyncio.CancelledError


@contextmanager
def serving() -> Iterator[FakeCluster]:
    """A cluster with the namespace ``quant`` at ``url``, until the block ends."""
    fake, started, loop = FakeCluster(), threading.Event(), asyncio.new_event_loop()
    fake.store.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "quant"}})

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=8 * 1024**2)
        app.router.add_route("*", "/{path:.*}", fake.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def serve() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        started.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield fake
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def kubeconfig(url: str) -> str:
    cluster = {"name": "here", "cluster": {"server": url}}
    context = {"name": "test", "context": {"cluster": "here", "user": "me", "namespace": "quant"}}
    user = {"name": "me", "user": {"token": "not-a-secret"}}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [cluster],
            "contexts": [context],
            "users": [user],
        }
    )
