"""What schemathesis sends to the node's API beyond what it makes up: a record and a transaction that are good, and some that nearly are."""

import os
from pathlib import Path

import schemathesis
from hypothesis import strategies as st

record = Path(os.environ["DOTKEY_RECORD"]).read_bytes()
transaction = Path(os.environ["DOTKEY_TRANSACTION"]).read_bytes()

schemathesis.openapi.media_type(
    "application/cbor",
    st.one_of(st.just(record), st.just(record[:-1]), st.just(transaction), st.just(transaction[:-1]), st.binary(max_size=200)),
)
