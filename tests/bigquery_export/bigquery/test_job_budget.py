"""How many load jobs a table may still have."""

from itertools import pairwise

import pytest

from custom_components.bigquery_export.bigquery.job_budget import JobBudget
from custom_components.bigquery_export.errors import LoadJobsUsedUpError

DAY = 24 * 60 * 60.0


class Clock:
    """A clock that a test sets."""

    now = 5_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def budget(clock: Clock) -> JobBudget:
    """Return a budget of which nothing is used."""
    return JobBudget(clock)


def use(budget: JobBudget, jobs: int) -> None:
    """Begin so many jobs, one right after the other."""
    for _ in range(jobs):
        budget.check("home.t")
        budget.count("home.t")


def test_the_first_jobs_are_free(budget: JobBudget) -> None:
    """A backlog is loaded without a pause, and the next job then has to wait."""
    use(budget, 1_000)
    with pytest.raises(LoadJobsUsedUpError) as caught:
        budget.check("home.t")
    assert caught.value.placeholders == {"used": "1,000"}
    assert caught.value.retry_after == pytest.approx(DAY / 450)


def test_each_table_has_its_own(budget: JobBudget) -> None:
    """One table's jobs do not hold up another table."""
    use(budget, 1_000)
    budget.check("home.export_log")


def test_the_rest_is_spread_over_the_day(budget: JobBudget, clock: Clock) -> None:
    """A client that waits as asked gets through the whole day, evenly and within the limit."""
    use(budget, 1_000)
    begun = []
    end = clock.now + DAY
    while True:
        try:
            budget.check("home.t")
        except LoadJobsUsedUpError as err:
            clock.now += (err.retry_after or 0) + 0.01
        else:
            if clock.now >= end:
                break
            budget.count("home.t")
            begun.append(clock.now)
    assert 440 <= len(begun) <= 450
    pauses = [after - before for before, after in pairwise(begun)]
    assert max(pauses) < 1.1 * min(pauses)


def test_never_beyond_the_limit(budget: JobBudget, clock: Clock) -> None:
    """Jobs that were not asked for count as well, and the limit holds until the oldest are old."""
    for _ in range(1_460):
        budget.count("home.t")
        clock.now += 1
    with pytest.raises(LoadJobsUsedUpError) as caught:
        budget.check("home.t")
    assert caught.value.retry_after == pytest.approx(DAY - 1_460 + 10)
    clock.now += DAY - 1_460 + 9
    with pytest.raises(LoadJobsUsedUpError):
        budget.check("home.t")
    clock.now += 10
    budget.check("home.t")


def test_a_day_later_all_are_free_again(budget: JobBudget, clock: Clock) -> None:
    """Jobs are counted for a day."""
    assert budget.used == 0
    use(budget, 1_000)
    budget.count("home.other")
    assert budget.used == 1_000
    clock.now += DAY
    assert budget.used == 0
    use(budget, 1_000)
    with pytest.raises(LoadJobsUsedUpError) as caught:
        budget.check("home.t")
    assert caught.value.used == "1,000"
