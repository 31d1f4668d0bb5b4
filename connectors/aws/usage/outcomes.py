"""Tell what became of a call: allowed, refused, or failed after it was authorised."""

from connectors.aws.catalog.tables import table


class DeniedCodes:
    """Tells refused calls from those that failed after authorisation (`catalog/denied_codes.toml`)."""

    def __init__(self) -> None:
        data = table("denied_codes")
        self._parts = tuple(data["parts"])
        self._known = dict.fromkeys(
            (code.lower() for code in [*data["refused"], *data["unauthenticated"]]), "denied"
        )
        self._known |= dict.fromkeys((code.lower() for code in data["authorised"]), "error")
        self._outcomes: dict[str, str] = {}

    def outcome(self, code: str | None) -> str:
        """Return `allowed` without an error code, else `denied` or `error`."""
        if not code:
            return "allowed"
        found = self._outcomes.get(code)
        if found is None:
            folded = code.lower().removeprefix("client.").removeprefix("server.")
            refused = "denied" if any(part in folded for part in self._parts) else "error"
            found = self._known.get(folded, refused)
            if len(self._outcomes) < 10_000:
                self._outcomes[code] = found
        return found
