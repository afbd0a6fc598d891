"""A worker that sees no topics when it first leads its group: its broker has just started."""

from __future__ import annotations

from typing import Any

from faust.assignor.partition_assignor import PartitionAssignor

from journeystream.cli import main

_assign = PartitionAssignor.assign
_blinded: list[object] = []


def _assign_blindly(self: PartitionAssignor, cluster: Any, *rest: Any) -> Any:  # noqa: ANN401  Faust's
    if not _blinded:
        _blinded.append(cluster)
        # As after an answer without topics.
        cluster._partitions.clear()
    return _assign(self, cluster, *rest)


if __name__ == "__main__":
    PartitionAssignor.assign = _assign_blindly  # type: ignore[method-assign, assignment]
    main()
