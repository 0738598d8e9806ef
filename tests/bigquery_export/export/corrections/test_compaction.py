"""The file of digests does not grow for ever, and says the same when its lines become few."""

from dataclasses import replace
from random import Random

from homeassistant.core import HomeAssistant
import pytest

from custom_components.bigquery_export.export.corrections import digest_file
from custom_components.bigquery_export.export.corrections.digest_file import (
    DigestFile,
    Exported,
    Line,
)
from custom_components.bigquery_export.export.corrections.digests import Digests, Periods, month
from tests.bigquery_export.support.digests import digests, piece, row

KEYS = ("statistics", "statistics.backfill")


def made(random: Random, number: int) -> list[Line]:
    """Return lines as exports write them: some transactions are begun again, two databases."""
    lines: list[Line] = []
    cursors = dict.fromkeys(KEYS, 0)
    database = "one"
    for _ in range(number):
        if random.random() < 0.05:
            database = "two" if database == "one" else "one"
        key = random.choice(KEYS)
        before = (cursors[key], cursors[key], 0)
        sent = digests(piece(*(row(random.randrange(5_000)) for _ in range(3)))).as_json()
        in_doubt = random.random() < 0.3
        lines.append(Line(database, sent, before, key, in_doubt, random.randrange(2)))
        if random.random() < 0.2:
            lines.append(replace(lines[-1], left_out=random.randrange(2), in_doubt=True))
        cursors[key] += 1 + random.randrange(3)
    return lines


def known(file: DigestFile) -> list[object]:
    """Return all that the file is asked for."""
    found: list[object] = []
    for database in ("one", "two", "three"):
        exported = file.load(database)
        found += [exported.digests.as_json(), exported.checked]
        found += [file.has(database, key, cursor) for key in KEYS for cursor in range(400)]
    return found


@pytest.mark.parametrize("seed", range(2))
def test_few_lines_say_the_same(hass: HomeAssistant, seed: int) -> None:
    """Whatever was sent, begun again, or is of another database."""
    random = Random(seed)  # noqa: S311
    periods = Periods(month)
    whole = DigestFile(hass, "whole", "statistics", periods)
    few = DigestFile(hass, "few", "statistics", periods)
    start = digests(piece(row(1), row(2)))
    for file in (whole, few):
        file.save(Exported("one", start, checked=5.0), cursor=7)
    for sent in made(random, 120):
        known_before = sent.before and whole.has(sent.database, sent.position_key, sent.before[0])
        line = replace(sent, found=sent.in_doubt and not known_before)
        for file in (whole, few):
            file.append(line)
        if random.random() < 0.2:
            few._compact()
    assert known(few) == known(whole)
    few._compact()
    assert known(few) == known(whole)
    assert few.path.stat().st_size < whole.path.stat().st_size / 2


def test_the_file_has_a_bound(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a few times as large as what it has to say, however often rows are exported."""
    monkeypatch.setattr(digest_file, "_LARGE", 4_000)
    periods = Periods(month)
    file = DigestFile(hass, "entry", "statistics", periods)
    expected = Digests(periods)
    for number in range(1_000):
        sent = digests(piece(row(number)))
        expected.include(sent)
        file.append(Line("one", sent.as_json(), (number, number, 0), "statistics"))
    assert file.path.stat().st_size < 8_000
    assert file.load("one").digests.as_json() == expected.as_json()


def test_a_file_that_has_to_be_large(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not written anew with each line."""
    monkeypatch.setattr(digest_file, "_LARGE", 100)
    compacted = []
    monkeypatch.setattr(DigestFile, "_compact", lambda file: compacted.append(file))
    file = DigestFile(hass, "entry", "statistics", Periods(month))
    months = digests(*(piece(row(number * 900)) for number in range(60)))
    file.save(Exported("one", months), cursor=1)
    for number in range(10):
        sent = digests(piece(row(number))).as_json()
        file.append(Line("one", sent, (number, number, 0), "statistics"))
    assert not compacted
