"""`python -m tests.simulation`: try many seeds, or replay one and print all that happens in it."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import time
from collections import Counter
from functools import partial

from tests.simulation.plan import draw
from tests.simulation.trial import Verdict, try_seed

_TOLD = {
    "kill": "crashes",
    "freeze": "frozen",
    "evict": "evicted",
    "is thrown out": "thrown out",
    "rebalances": "rebalances",
    "broker": "broker restarts",
    "hands over again": "fetches twice",
    "hands over late": "fetches late",
    "transactions": "transactions",
    "erased": "erasures",
    "by hand": "moves by hand",
}
_SHOWN = 10  # wrong seeds


def main() -> int:
    """Run the command; 1 if any seed went wrong."""
    words = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    words.add_argument("--seeds", type=int, default=1_000, help="how many seeds to try")
    words.add_argument("--first", type=int, default=0, help="the first of them")
    words.add_argument("--seed", type=int, help="replay this one, and print what happens")
    words.add_argument("--repeats", action="store_true", help="commit at least once")
    words.add_argument("--aliases", action="store_true", help="users turn out to be others")
    words.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    asked = words.parse_args()
    if asked.seed is not None:
        return _replay(asked.seed, repeats=asked.repeats, aliases=asked.aliases)
    seeds = range(asked.first, asked.first + asked.seeds)
    return _try_many(seeds, asked.jobs, repeats=asked.repeats, aliases=asked.aliases)


def _replay(seed: int, *, repeats: bool, aliases: bool) -> int:
    verdict = try_seed(seed, repeats=repeats, aliases=aliases)
    plan = draw(seed, repeats=repeats, aliases=aliases)
    print(plan)  # noqa: T201  this is the command's output
    for at, who, what, more in verdict.trace:
        print(f"{at:10.6f} {who:9} {what:12} {more}")  # noqa: T201
    print(f"fingerprint {verdict.fingerprint}")  # noqa: T201
    print(f"seed {seed} ({plan.mode}): {verdict.wrong or 'as it must be'}")  # noqa: T201
    return int(verdict.wrong is not None)


def _try_many(seeds: range, jobs: int, *, repeats: bool, aliases: bool) -> int:
    began, seen, wrong = time.monotonic(), Counter[str](), []
    judge = partial(_without_trace, repeats=repeats, aliases=aliases)
    with multiprocessing.Pool(jobs, gc.freeze) as pool:
        for done, verdict in enumerate(pool.imap_unordered(judge, seeds, 4), 1):
            seen.update(verdict.seen)
            if verdict.wrong is not None:
                wrong.append(verdict)
                if len(wrong) <= _SHOWN:
                    print(f"\nseed {verdict.seed}: {verdict.wrong}")  # noqa: T201
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{done} of {len(seeds)} seeds, {len(wrong)} wrong ")
    minutes = (time.monotonic() - began) / 60
    print(f"{len(seeds)} seeds in {minutes:.1f} minutes: {len(seeds) / minutes:.0f} a minute")  # noqa: T201
    print(", ".join(f"{name}: {seen[what]}" for what, name in _TOLD.items()))  # noqa: T201
    print(f"wrong: {len(wrong)}")  # noqa: T201
    more = (" --repeats" if repeats else "") + (" --aliases" if aliases else "")
    for verdict in sorted(wrong, key=lambda each: each.seed)[:_SHOWN]:
        print(f"replay with: python -m tests.simulation --seed {verdict.seed}{more}")  # noqa: T201
    return int(bool(wrong))


def _without_trace(seed: int, *, repeats: bool, aliases: bool) -> Verdict:
    verdict = try_seed(seed, repeats=repeats, aliases=aliases)
    verdict.trace.clear()
    return verdict


if __name__ == "__main__":
    sys.exit(main())
