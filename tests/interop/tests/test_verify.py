"""The command line: its exit codes and last lines."""

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path

import verify

from .signer import NOW, digest, key_id
from .test_records import GENESIS, record


class Verify(unittest.TestCase):
    def run_main(self, *arguments):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = verify.main(list(arguments))
        return code, printed.getvalue().splitlines()

    def run_vectors(self, **kinds):
        with tempfile.TemporaryDirectory() as folder:
            for kind, vectors in kinds.items():
                Path(folder, kind + ".json").write_text(json.dumps({"about": "", "vectors": vectors}))
            return self.run_main("vectors", folder)

    def test_vectors(self):
        facts = {"key_id": key_id(GENESIS).hex(), "number": 0, "digest": digest(GENESIS).hex()}
        policy = {"name": "one", "input": {"hex": GENESIS.hex()}, "valid": facts}
        cbor = {"name": "two", "input": {"hex": "1800"}, "reason": "not-shortest"}
        self.assertEqual(self.run_vectors(policy=[policy], cbor=[cbor]), (0, ["2 passed, 0 failed"]))
        self.assertEqual(self.run_vectors(), (1, ["0 passed, 0 failed"]))
        self.assertEqual(self.run_vectors(policy=[]), (1, ["0 passed, 0 failed"]))
        for wrong in [
            policy | {"valid": policy["valid"] | {"number": 1}},
            {"name": "one", "input": policy["input"], "reason": "weak-key"},
            {"name": "one", "input": {"hex": "00"}, "valid": {}},
            {"name": "one", "input": {"hex": "00"}, "reason": "weak-key"},
        ]:
            code, lines = self.run_vectors(policy=[wrong], cbor=[cbor])
            self.assertEqual((code, lines[-1], len(lines)), (1, "1 passed, 1 failed", 2))
            self.assertTrue(lines[0].startswith("policy/one: "), lines)
        self.assertEqual(self.run_vectors(strange=[cbor])[0], 1)

    def test_record(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "a.record")
            for data, now, code, start in [
                (record(), NOW, 0, "zone y"),
                (record(), NOW + 90000, 4, "refused: expired: "),
                (record(k9=b"\xa1\x01\x80"), NOW, 4, "refused: out-of-range: "),
            ]:
                file.write_bytes(data)
                got, lines = self.run_main("record", str(file), "--now", str(now))
                self.assertEqual(got, code)
                self.assertTrue(lines[0].startswith(start), lines)

    def test_missing(self):
        for arguments in [("record", "no/such.record"), ("vectors", "no/such")]:
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                self.assertEqual(self.run_main(*arguments), (2, []))
            self.assertEqual(said.getvalue(), f"cannot read {arguments[1]}: No such file or directory\n")

    def test_name(self):
        self.assertEqual(self.run_main("name", "A.b.key")[0], 0)
        self.assertEqual(self.run_main("name", "a..key")[0], 4)
