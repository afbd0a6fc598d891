"""The step types: one file, one class, one `type` in a definition.

`Step` is the union that a definition's `steps` are read by; `contract.py` says what every
step promises. A new type is one new file and its name in the union below.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from journeystream.steps.decide import Decide
from journeystream.steps.enter_journey import EnterJourney
from journeystream.steps.exit import Exit
from journeystream.steps.merge import Merge
from journeystream.steps.multi_branch_split import MultiBranchSplit
from journeystream.steps.percent_split import PercentSplit
from journeystream.steps.send_to_destinations import SendToDestinations
from journeystream.steps.true_false_split import TrueFalseSplit
from journeystream.steps.update_profile import UpdateProfile
from journeystream.steps.wait_for_condition import WaitForCondition
from journeystream.steps.wait_for_duration import WaitForDuration
from journeystream.steps.wait_until import WaitUntil

Step = Annotated[
    WaitForCondition
    | WaitForDuration
    | WaitUntil
    | TrueFalseSplit
    | MultiBranchSplit
    | PercentSplit
    | Merge
    | SendToDestinations
    | Decide
    | UpdateProfile
    | EnterJourney
    | Exit,
    Field(discriminator="type"),
]
