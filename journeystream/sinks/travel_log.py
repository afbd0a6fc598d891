"""The travel log: a record for each stage that a user comes to, with these sixteen fields.

There is no room in it for a message id, so that stands in the headers. Goals are no stages.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from journeystream.durations import iso
from journeystream.effects import Travelled, stable_id
from journeystream.sinks.records import OutRecord


@dataclass(frozen=True, slots=True)
class TravelSink:
    """Every stage is one record, keyed by its user."""

    topic: str

    def record(self, at: Travelled) -> OutRecord:
        """Return the record of one stage."""
        row = {
            "entry_at": iso(at.at),
            "event_id": at.user_id,
            "exit_segments": at.exit_segments,
            "is_control": at.is_control,
            "is_remaining": at.is_remaining,
            "journey_id": at.journey_id,
            "journey_name": at.journey_name,
            "journey_version": str(at.journey_version),
            "mxs_ids": at.mxs_ids,
            "parent_id": at.parent_id,
            "parent_name": at.parent_name,
            "split_condition_name": at.split_condition_name,
            "stage_id": at.stage_id,
            "stage_name": at.stage_name,
            "stage_type": at.stage_type,
            "test_group_name": at.test_group_name,
        }
        way = at.split_condition_name, at.test_group_name
        id_ = stable_id(at.instance, at.parent_id, *way, at.stage_id, str(at.at))
        headers = [("messageId", id_.encode())]
        return OutRecord(self.topic, at.user_id.encode(), orjson.dumps(row), headers=headers)
