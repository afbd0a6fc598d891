"""The commands of `journeystream`: one file each, around what the other packages decide.

Beside them: `context.py` (the project a command works on), `broker.py` (its Kafka),
`output.py` (what people and programs see), `checking.py` (what validate and publish share).
"""
