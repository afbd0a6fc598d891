"""State: one store per partition, which holds its users and what is derived from them.

A record of a user is the truth; alarms (who is to be woken when) and places (who stands in
which journey) are derived from it, so that a changelog of records alone rebuilds everything.
`store.py` is the contract, `memory.py` and `rocksdb.py` keep it, `codec.py` is the bytes.
`directory.py` and `seal.py` tell a directory that can not be trusted, and set it aside.
"""
