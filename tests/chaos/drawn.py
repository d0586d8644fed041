"""What a seed stands for: one world, and what befalls it. Values only; `test_seeds.py` makes it come true."""

import random
from dataclasses import dataclass

# Upserts of leads with their companies go in bulk to the stand-in of Qualified; the others to the look-alike
# of Salesloft: people one by one or in bulk jobs, and accounts.
QUALIFIED = ("leads", "leads", "leads", "changing leads")
SALESLOFT = ("inserts", "inserts", "updates", "accounts", "bulk people")

IN_FOREGROUND = ("kill", "kill", "kill", "sleep", "clock", "disk", "cancel", "refuse")
SUPERVISED = ("worker", "worker", "pool", "supervisor", "tree", "sleep", "clock", "disk")
OF_POSTGRES = ("cut", "restart")

# What the destination does meanwhile: nothing unusual, or answers are lost, late or none, jobs lie about what
# they did, or there is some of everything. Jobs overtake each other in all of them.
WEATHERS = ("calm", "lossy", "lying", "slow", "rough")


@dataclass(frozen=True, slots=True)
class Drawn:
    """`strikes` are done one after another; `rows` are valid ones, some that are not come to them."""

    seed: int
    database: str
    what: str
    is_supervised: bool
    workers: int
    rows: int
    weather: str
    strikes: tuple[str, ...]

    def __str__(self) -> str:
        how = f"supervised, {self.workers} at work" if self.is_supervised else "in the foreground"
        strikes = ", ".join(self.strikes)
        return f"{self.rows} {self.what}, {self.database}, {how}, {self.weather} weather: {strikes}"


def of_seed(seed: int) -> Drawn:
    """The world of a seed: always the same one."""
    dice = random.Random(f"world {seed}")
    database = dice.choice(("sqlite", "postgres"))
    what = dice.choice(dice.choice((QUALIFIED, SALESLOFT)))
    is_supervised = dice.random() < 0.5
    strikes = SUPERVISED if is_supervised else IN_FOREGROUND
    if database == "postgres":
        strikes += OF_POSTGRES
    return Drawn(
        seed=seed,
        database=database,
        what=what,
        is_supervised=is_supervised,
        workers=dice.choice((1, 2)) if is_supervised else 1,
        rows=dice.randint(60, 400),
        weather=dice.choice(WEATHERS),
        strikes=tuple(dice.choices(strikes, k=dice.randint(2, 6))),
    )
