"""The one exception of the verifier (docs/protocol/README.md: each rule ends with the code of its error)."""


class Refused(Exception):
    """An input breaks a rule: `code` is the word of the specification, `explanation` is for people."""

    def __init__(self, code: str, explanation: str):
        super().__init__(f"{code}: {explanation}")
        self.code = code
        self.explanation = explanation


def require(condition: bool, code: str, explanation: str) -> None:
    """Refuse with `code` unless the condition holds."""
    if not condition:
        raise Refused(code, explanation)
