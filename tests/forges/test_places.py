"""Where a job's variables say to post, and where they do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleetspec.diagnostics import Rejected
from fleetspec.forges import places


def test_github_says_it_in_the_event(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    variables = {"GITHUB_REPOSITORY": "quant/fleets", "GITHUB_EVENT_PATH": str(event), "GITHUB_REF": "refs/heads/main"}
    for told in ({"pull_request": {"number": 7}}, {"issue": {"number": 7, "pull_request": {}}}):
        event.write_text(json.dumps(told))
        assert str(places.target("github", variables, None, None, None)) == "quant/fleets#7"
    for told in ({"issue": {"number": 7}}, {"ref": "refs/heads/main"}, [], "x"):
        event.write_text(json.dumps(told))
        with pytest.raises(Rejected, match="name no pull request"):
            places.target("github", variables, None, None, None)


def test_what_is_given_goes_before_what_is_found() -> None:
    variables = {"GITHUB_REPOSITORY": "quant/fleets", "GITHUB_REF": "refs/pull/12/merge"}
    found = places.target("github", variables, "other/repo", 3, "https://git.example.com/api/v3")
    assert (found.api, str(found)) == ("https://git.example.com/api/v3", "other/repo#3")


def test_a_fork_of_gitlab_names_the_project_of_the_request() -> None:
    variables = {"CI_PROJECT_ID": "78", "CI_MERGE_REQUEST_PROJECT_ID": "77", "CI_MERGE_REQUEST_IID": "4"}
    assert str(places.target("gitlab", variables, None, None, None)) == "77!4"
    with pytest.raises(Rejected, match="name no merge request"):
        places.target("gitlab", {"CI_PROJECT_ID": "78"}, None, None, None)


def test_tokens_come_from_the_environment() -> None:
    assert places.token("github", {"GITHUB_TOKEN": "", "GH_TOKEN": " b\n"}) == "b"
    assert places.token("gitlab", {"CI_JOB_TOKEN": "a"}) is None


@pytest.mark.parametrize(("api", "asked"), [("http://git.example.com/api/v4", False), ("ftp://git.example.com", True)])
def test_no_token_in_the_clear(api: str, asked: bool) -> None:
    with pytest.raises(Rejected, match="not https"):
        places.thread(places.Target("gitlab", api, "77", 4, asked), "token")
    assert places.thread(places.Target("gitlab", "http://git.example.com/api/v4", "77", 4, True), "token")
