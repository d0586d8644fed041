"""The problems of one run, however many rows it has: found by leaps through an index, not by reading it."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

MOST_COUNTED = 5_000  # of the rows with one problem; beyond it "more than" is told

# From (stage, problem) to the stage's next problem, else to the next stage, whose problem is not known yet.
# Each step looks in the index (run, stage, problem, field, -id) for the least value beyond; no row is read.
_NEXT = """(
    SELECT cast(min(problem) AS text) FROM syncs_rejectedrow
    WHERE run_id = %s AND stage = found.stage AND problem > coalesce(found.problem, '')
)"""
_LEAPS = f"""
WITH RECURSIVE found(stage, problem) AS (
    SELECT cast(min(stage) AS text), cast(NULL AS text) FROM syncs_rejectedrow WHERE run_id = %s
    UNION ALL
    SELECT
        CASE WHEN {_NEXT} IS NOT NULL THEN found.stage
        ELSE (
            SELECT cast(min(stage) AS text) FROM syncs_rejectedrow WHERE run_id = %s AND stage > found.stage
        ) END,
        {_NEXT}
    FROM found WHERE found.stage IS NOT NULL
)
"""  # noqa: S608  no value is in it, here and below
_LEAPED = 4  # how often the run is named in it
_NAMES = f"{_LEAPS} SELECT stage, problem FROM found WHERE problem IS NOT NULL"  # noqa: S608
_COUNTS = f"""{_LEAPS}
SELECT stage, problem,
    (SELECT count(*) FROM (
        SELECT 1 FROM syncs_rejectedrow AS counted
        WHERE counted.run_id = %s AND counted.stage = found.stage AND counted.problem = found.problem LIMIT %s
    ) AS limited),
    (SELECT id FROM syncs_rejectedrow AS example
        WHERE example.run_id = %s AND example.stage = found.stage AND example.problem = found.problem
        ORDER BY field, id DESC LIMIT 1)
FROM found WHERE problem IS NOT NULL
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Problem:
    """Rows of one run with one stage and problem. `is_cut`: there are more than `count`."""

    stage: str
    problem: str
    count: int
    is_cut: bool
    example: int


def names(run_pk: int) -> list[tuple[str, str]]:
    """The pairs of stage and problem that a run's rows have. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, [run_pk] * _LEAPED)
        return [(str(stage), str(problem)) for stage, problem in cursor.fetchall()]


def counted(run_pk: int) -> list[Problem]:
    """The problems of a run, the most frequent first, each with the id of a row as example. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [*[run_pk] * _LEAPED, run_pk, MOST_COUNTED + 1, run_pk])
        return sorted(_problems(cursor.fetchall()), key=lambda one: (-one.count, one.stage, one.problem))


def _problems(rows: list[tuple[str, str, int, int]]) -> Iterator[Problem]:
    for stage, problem, count, example in rows:
        yield Problem(stage, problem, min(count, MOST_COUNTED), count > MOST_COUNTED, example)
