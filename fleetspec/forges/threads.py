"""The comments of one pull request or merge request, on GitHub and on GitLab."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from msgspec import Struct

from fleetspec.forges.calls import Calls, Denied, Gone


class Comment(Struct, frozen=True):
    """A comment of ours. Later ones have higher numbers."""

    number: int
    body: str
    url: str | None


class Thread(Protocol):
    """What a forge can do with the comments of one request."""

    def mine(self, mark: str) -> list[Comment]:
        """Comments that whoever owns the token has made and that begin with a mark, in their order."""
        ...

    def create(self, body: str, done: Callable[[], Any]) -> Comment: ...

    def update(self, comment: Comment, body: str) -> Comment: ...

    def delete(self, comment: Comment) -> bool:
        """False where it is gone already."""
        ...


class GitHub:
    """Comments of a pull request: those of its issue. The token of Actions may not ask who it is."""

    def __init__(self, calls: Calls, repo: str, number: int) -> None:
        self.calls = calls
        self._repo = quote(repo)
        self._thread = f"repos/{self._repo}/issues/{number}/comments"
        self._login: str | None = None
        self._asked = False

    def mine(self, mark: str) -> list[Comment]:
        listed = self.calls.pages(f"{self._thread}?per_page=100")
        found = [entry for entry in listed if str(entry.get("body") or "").startswith(mark)]
        # Nobody needs to be asked as long as nothing has the mark.
        own = [entry for entry in found if self._is_mine(entry.get("user") or {})]
        return sorted(map(_github_comment, own), key=lambda comment: comment.number)

    def _is_mine(self, user: Mapping[str, Any]) -> bool:
        if not self._asked:
            self._asked = True
            try:
                self._login = self.calls.get("user").data["login"]
            except (Denied, Gone):
                self._login = None
        return user.get("login") == self._login if self._login is not None else user.get("type") == "Bot"

    def create(self, body: str, done: Callable[[], Any]) -> Comment:
        return _made(self.calls.call("POST", self._thread, {"body": body}, done).data, _github_comment)

    def update(self, comment: Comment, body: str) -> Comment:
        path = f"repos/{self._repo}/issues/comments/{comment.number}"
        return _github_comment(self.calls.call("PATCH", path, {"body": body}).data)

    def delete(self, comment: Comment) -> bool:
        return _delete(self.calls, f"repos/{self._repo}/issues/comments/{comment.number}")


class GitLab:
    """Notes of a merge request."""

    def __init__(self, calls: Calls, project: str, number: int) -> None:
        self.calls = calls
        self._thread = f"projects/{quote(project, safe='')}/merge_requests/{number}/notes"
        self._user: int | None = None

    def mine(self, mark: str) -> list[Comment]:
        listed = self.calls.pages(f"{self._thread}?per_page=100&sort=asc&order_by=created_at")
        marked = [entry for entry in listed if not entry.get("system") and str(entry.get("body")).startswith(mark)]
        if marked and self._user is None:
            self._user = self.calls.get("user").data["id"]
        own = [entry for entry in marked if (entry.get("author") or {}).get("id") == self._user]
        return sorted(map(_gitlab_comment, own), key=lambda comment: comment.number)

    def create(self, body: str, done: Callable[[], Any]) -> Comment:
        return _made(self.calls.call("POST", self._thread, {"body": body}, done).data, _gitlab_comment)

    def update(self, comment: Comment, body: str) -> Comment:
        return _gitlab_comment(self.calls.call("PUT", f"{self._thread}/{comment.number}", {"body": body}).data)

    def delete(self, comment: Comment) -> bool:
        return _delete(self.calls, f"{self._thread}/{comment.number}")


def _made(data: Any, read: Callable[[Any], Comment]) -> Comment:
    return data if isinstance(data, Comment) else read(data)


def _github_comment(entry: Mapping[str, Any]) -> Comment:
    return Comment(int(entry["id"]), str(entry.get("body") or ""), entry.get("html_url"))


def _gitlab_comment(entry: Mapping[str, Any]) -> Comment:
    return Comment(int(entry["id"]), str(entry.get("body") or ""), None)


def _delete(calls: Calls, path: str) -> bool:
    try:
        calls.call("DELETE", path)
    except Gone:
        # Somebody else was quicker: it is gone, which is what was wanted.
        return False
    return True
