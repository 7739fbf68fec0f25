"""The life of a comment against faithful fakes of both forges: made, found, updated, doubled, lost, refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from fake_forges import PERSON, READER, SECRET, Fault, Forge, in_an_hour, serving

from fleetspec.diagnostics import Rejected
from fleetspec.forges import places
from fleetspec.forges.calls import Denied, Gone
from fleetspec.forges.sticky import BEHAVIORS, Behavior, Posted, mark, post
from fleetspec.forges.threads import GitHub, GitLab

BODY = mark("review") + "\nfirst\n"
OTHER = mark("review") + "\nsecond\n"


@pytest.fixture(params=["github", "gitlab"])
def forge(request: pytest.FixtureRequest) -> Iterator[Forge]:
    with serving(request.param) as served:
        yield served


class Waits(list[float]):
    """Seconds that were waited, without waiting."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def thread(forge: Forge, token: str = SECRET, waits: Waits | None = None) -> GitHub | GitLab:
    made = places.thread(places.target(forge.kind, forge.variables, None, None, None), token)
    assert isinstance(made, GitHub | GitLab)
    made.calls._sleep = waits if waits is not None else Waits()
    return made


def put(forge: Forge, body: str = BODY, behavior: Behavior = "update", token: str = SECRET) -> Posted:
    return post(thread(forge, token), body, behavior, "review")


def bodies(forge: Forge) -> list[str]:
    return [one["body"] for one in forge.comments]


def test_the_first_comment(forge: Forge) -> None:
    assert put(forge).done == "created"
    assert bodies(forge) == [BODY]


def test_an_update(forge: Forge) -> None:
    put(forge)
    number = forge.comments[0]["id"]
    assert put(forge, OTHER).done == "updated"
    assert (bodies(forge), forge.comments[0]["id"]) == ([OTHER], number)


def test_the_same_again_writes_nothing(forge: Forge) -> None:
    put(forge)
    forge.calls.clear()
    assert put(forge).done == "unchanged"
    assert not [call for call in forge.calls if not call.startswith("GET")]


def test_a_new_comment_beside_the_old(forge: Forge) -> None:
    put(forge)
    assert put(forge, OTHER, "new").done == "created"
    assert bodies(forge) == [BODY, OTHER]


def test_a_new_comment_instead_of_the_old(forge: Forge) -> None:
    put(forge)
    number = forge.comments[0]["id"]
    assert put(forge, OTHER, "delete-and-new") == Posted("created", thread(forge).mine(mark("review"))[0].url, 1)
    assert bodies(forge) == [OTHER]
    assert forge.comments[0]["id"] > number


def test_other_tags_and_other_people_are_left_alone(forge: Forge) -> None:
    forge.add("I like it", "somebody")
    forge.add(BODY, "somebody")
    forge.add(mark("nightly") + "\nanother job's")
    forge.add("quoted:\n" + BODY)
    kept = bodies(forge)
    assert put(forge).done == "created"
    assert put(forge, OTHER, "delete-and-new").done == "created"
    assert bodies(forge) == [*kept, OTHER]


def test_a_person_has_comments_of_their_own(forge: Forge) -> None:
    forge.add(BODY)
    assert put(forge, token=PERSON).done == "created"
    assert put(forge, OTHER, token=PERSON).done == "updated"
    assert bodies(forge) == [BODY, OTHER]


@pytest.mark.parametrize("page", [1, 3, 100])
def test_it_is_found_on_whatever_page(forge: Forge, page: int) -> None:
    for number in range(7):
        forge.add(f"talk {number}", "somebody")
    put(forge)
    for number in range(7):
        forge.add(f"more talk {number}", "somebody")
    forge.page = page
    assert put(forge, OTHER).done == "updated"
    assert len(forge.marked()) == 1


def test_notes_of_the_system_are_not_ours() -> None:
    with serving("gitlab") as forge:
        forge.add(BODY, system=True)
        assert put(forge, OTHER).done == "created"


def test_doubles_of_earlier_runs_go(forge: Forge) -> None:
    for _ in range(3):
        forge.add(BODY)
    oldest = forge.comments[0]["id"]
    assert put(forge, OTHER) == Posted("updated", thread(forge).mine(mark("review"))[0].url, 2)
    assert [(one["id"], one["body"]) for one in forge.comments] == [(oldest, OTHER)]


def test_a_comment_deleted_before(forge: Forge) -> None:
    put(forge)
    forge.comments.clear()
    assert put(forge, OTHER).done == "created"
    assert bodies(forge) == [OTHER]


def test_a_comment_deleted_meanwhile(forge: Forge) -> None:
    put(forge)

    def delete(call: str) -> None:
        if call.startswith(("PATCH", "PUT")):
            forge.comments.clear()

    forge.before = delete
    assert put(forge, OTHER).done == "created"
    assert bodies(forge) == [OTHER]


def test_nothing_is_said_of_nothing(forge: Forge) -> None:
    assert post(thread(forge), BODY, "update", "review", worth=False).done == "nothing"
    assert not forge.comments
    put(forge)
    assert post(thread(forge), OTHER, "update", "review", worth=False).done == "updated"


@pytest.mark.parametrize("behavior", ["update", "delete-and-new"])
@pytest.mark.parametrize("runs", [2, 5])
@pytest.mark.parametrize("meeting", ["list", "create", "never"])
def test_runs_at_once_end_in_one_comment(forge: Forge, behavior: Behavior, runs: int, meeting: str) -> None:
    """``meeting`` is the call before which all runs wait for each other, the first time they come to it."""
    barrier = threading.Barrier(runs)
    counted = threading.Semaphore(runs)

    def wait(call: str) -> None:
        here = {"list": "GET", "create": "POST", "never": "-"}[meeting]
        if call.startswith(here) and counted.acquire(blocking=False):
            barrier.wait(10)

    forge.before = wait
    faults: list[BaseException] = []

    def one(number: int) -> None:
        try:
            put(forge, f"{BODY}run {number}\n", behavior)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(runs)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert not faults
    assert len(forge.marked()) == 1
    assert forge.marked()[0]["body"].startswith(f"{BODY}run ")


def test_a_token_that_may_only_read(forge: Forge) -> None:
    with pytest.raises(Denied):
        put(forge, token=READER)
    assert not forge.comments


def test_a_token_that_is_not_valid(forge: Forge) -> None:
    with pytest.raises(Rejected, match="401"):
        put(forge, token="nonsense")


def test_a_request_that_does_not_exist(forge: Forge) -> None:
    variables = {**forge.variables, "GITHUB_REF": "refs/pull/13/merge", "CI_MERGE_REQUEST_IID": "13"}
    with pytest.raises(Gone):
        post(places.thread(places.target(forge.kind, variables, None, None, None), SECRET), BODY, "update", "review")


def test_a_body_that_the_forge_finds_too_long(forge: Forge) -> None:
    long = BODY + "x" * (70_000 if forge.kind == "github" else 1_100_000)
    with pytest.raises(Rejected, match="too long"):
        put(forge, long)
    assert len([call for call in forge.calls if call.startswith("POST")]) == 1


@pytest.mark.parametrize("call", ["GET", "POST"])
def test_waiting_as_long_as_it_is_told(forge: Forge, call: str) -> None:
    waits = Waits()
    forge.faults = [Fault(call, 429, {"message": "slow down"}, {"Retry-After": "7"})] * 2
    assert post(thread(forge, waits=waits), BODY, "update", "review").done == "created"
    assert waits == [7.0, 7.0]
    assert bodies(forge) == [BODY]


def test_the_limits_of_github() -> None:
    with serving("github") as forge:
        waits, soon = Waits(), str(int(time.time()) + 20)
        spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": soon}
        forge.faults = [
            Fault("GET", 403, {"message": "API rate limit exceeded for installation"}, spent),
            Fault("POST", 403, {"message": "You have exceeded a secondary rate limit"}),
        ]
        assert post(thread(forge, waits=waits), BODY, "update", "review").done == "created"
        assert 15 < waits[0] <= 21
        assert 1 <= waits[1] < 2


@pytest.mark.parametrize("after", ["3600", "date"])
def test_a_wait_that_no_job_can_afford(forge: Forge, after: str) -> None:
    waits = Waits()
    forge.faults = [Fault("GET", 429, None, {"Retry-After": in_an_hour() if after == "date" else after})]
    with pytest.raises(Rejected, match=r"it wants 3[56]"):
        post(thread(forge, waits=waits), BODY, "update", "review")
    assert not waits


@pytest.mark.parametrize("status", [500, 502, 503, 504, None])
@pytest.mark.parametrize("call", ["GET", "POST"])
def test_faults_that_pass(forge: Forge, status: int | None, call: str) -> None:
    waits = Waits()
    forge.faults = [Fault(call, status)] * 3
    assert post(thread(forge, waits=waits), BODY, "update", "review").done == "created"
    assert bodies(forge) == [BODY]
    assert [int(seconds) for seconds in waits] == [1, 2, 4]


def test_faults_that_do_not_pass(forge: Forge) -> None:
    waits = Waits()
    forge.faults = [Fault("GET", 503)] * 9
    with pytest.raises(Rejected, match="after 5 tries: 503"):
        post(thread(forge, waits=waits), BODY, "update", "review")
    assert len(waits) == 4


@pytest.mark.parametrize("behavior", BEHAVIORS)
@pytest.mark.parametrize("status", [502, None])
def test_an_answer_that_is_lost_doubles_nothing(forge: Forge, behavior: Behavior, status: int | None) -> None:
    """The comment was made, and the answer to that was not."""
    forge.faults = [Fault("POST", status, done=True)]
    assert put(forge, BODY, behavior).done == "created"
    assert bodies(forge) == [BODY]


def test_nobody_listens() -> None:
    with serving("github") as forge:
        made = thread(forge)
    with pytest.raises(Rejected, match="after 5 tries"):
        post(made, BODY, "update", "review")


@pytest.mark.parametrize("status", [301, 307])
def test_a_repository_that_has_moved(forge: Forge, status: int) -> None:
    there = thread(forge)._thread
    forge.faults = [Fault("/old/", status, headers={"Location": f"{forge.api}/{there}?per_page=100"})]
    made = thread(forge)
    assert made.calls.pages("old/comments") == []


def test_the_token_goes_to_no_other_host(forge: Forge) -> None:
    with serving(forge.kind) as other:
        for way in ({"Location": f"{other.url}/steal"}, {"Link": f'<{other.url}/steal>; rel="next"'}):
            status = 302 if "Location" in way else 200
            forge.faults = [Fault("GET", status, [], way)]
            with pytest.raises(Rejected, match="sends on to another"):
                put(forge)
        assert not other.calls


def test_the_token_is_in_no_text(forge: Forge) -> None:
    made = thread(forge)
    forge.faults = [Fault("GET", 400, {"message": f"what is {SECRET}?"})]
    with pytest.raises(Rejected) as ending:
        made.mine(mark("review"))
    texts = [str(ending.value), repr(made.calls), repr(made), *(str(found) for found in ending.value.report)]
    assert all(SECRET not in text for text in texts)
    assert "***" in str(ending.value)
