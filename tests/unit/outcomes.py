"""The outcome of a fault case in the words of docs/reliability.md."""

from __future__ import annotations

from local.fault_case import Case, Outcome


def outcome_text(case: Case) -> str:
    """What the page says of a case in the last column of its table."""
    categories = " or ".join(f"`{category}`" for category in case.reported.split(" or "))
    words = {
        Outcome.ARCHIVED: "archived in the same run",
        Outcome.FAILED: f"`FAILED`, {categories}; archived by the next run",
        Outcome.LEFT: "left for the next run" + (f", {categories}" if case.reported else ""),
        Outcome.STOPPED: f"the run stops, {categories}, one alert; the next run archives",
        Outcome.UNHEARD: f"archived in the same run, which ends with {categories}, for no mail could be sent",
    }[case.outcome]
    words += ", and listed as damaged" if case.damaged else ""
    words += " as it was listed, and by the next one as it is by then" if case.superseded else ""
    words += f", with {case.then}" if case.then else ""
    return words + ("; a stray upload stays until the lifecycle rule aborts it" if case.stray else "")
