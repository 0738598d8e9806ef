"""A second machine with a copy of the home: both go on, and export to the same BigQuery."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random

from .exports import Exports
from .machine import Machine

NAME = "second machine"


async def second_life(
    first: Machine,
    folder: Path,
    exports: Exports,
    random: Random,
    *,
    trouble: Callable[[], None],
    calm: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    """Copy a home that rests, start both, and let the second one have the last word in the end.

    `trouble` lets calls of BigQuery go wrong, `calm` ends that. Afterwards the first one runs, and
    does not know what the second one has sent.
    """
    looks = first.ledger.looks
    async with first.home.copied(folder) as home:
        second = first.of_copy(home, NAME)
        for machine in (first, second):
            _go_on(machine, random, say)
        await asyncio.gather(first.home.start(), home.start())
        for _ in range(random.randint(1, 4)):
            if random.random() < 0.25:
                trouble()
            await _some_export(first, second, exports, random, say)
            calm()
            if random.random() < 0.3:
                await home.kill()
                _go_on(second, random, say)
                await home.start()
        second.ledger.exported_up_to = await exports.at_last(second)
        await home.stop()
        second.look()
    first.corrected += second.corrected
    first.ledger.others_sent(looks, second.ledger)


def _go_on(machine: Machine, random: Random, say: Callable[[str], None]) -> None:
    """Let a home that rests get rows of its own."""
    machine.look()
    if random.random() < 0.5:
        for what in machine.correct():
            say(f"  {machine.name}: {what}")
    machine.growth.go_on()
    if random.random() < 0.5:
        machine.digests.let_a_day_pass()
        say(f"  {machine.name}: let a day pass")
    machine.look()


async def _some_export(
    first: Machine,
    second: Machine,
    exports: Exports,
    random: Random,
    say: Callable[[str], None],
) -> None:
    """Export from one of them, or from both at the same time."""
    machines = random.choice(([first], [second], [first, second], [first, second]))
    done = await asyncio.gather(*map(exports.once, machines))
    for machine, rows in zip(machines, done, strict=True):
        say(f"  the {machine.name} {'failed' if rows is None else f'exported {rows} rows'}")
