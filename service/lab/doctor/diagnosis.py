"""Diagnosis: what the doctor found, and what to do about it."""

from dataclasses import dataclass
from html import escape
from typing import Literal

import pandas as pd

from service.lab.reports.report import AMBER, BLUE, RED, counted

Level = Literal["ok", "note", "fix"]
COLOURS = {"ok": BLUE, "note": AMBER, "fix": RED}
SHOWN = 5  # findings of one kind that are named one by one


@dataclass(frozen=True)
class Finding:
    """One finding: how serious it is, what was checked, a sentence, and what to do."""

    level: Level
    check: str
    sentence: str
    remedy: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All findings, in the order of the checks.

    Parameters
    ----------
    findings : list of Finding
        Their levels are ``"ok"``, ``"note"`` (worth knowing) and ``"fix"`` (to be fixed).

    Examples
    --------
    >>> Diagnosis([Finding("ok", "clocks", "They agree."), Finding("fix", "log", "It is gone.")])
    1 thing is to be fixed.
    ok    clocks     They agree.
    fix   log        It is gone.
    """

    findings: list[Finding]

    @property
    def fixes(self) -> list[Finding]:
        """The findings that are to be fixed."""
        return [finding for finding in self.findings if finding.level == "fix"]

    @property
    def table(self) -> pd.DataFrame:
        """The findings as a table, one row a finding."""
        return pd.DataFrame(self.findings, columns=["level", "check", "sentence", "remedy"])

    def __str__(self) -> str:
        lines = [self._heading()]
        for each in self.findings:
            line = f"{each.level:<5} {each.check:<10} {each.sentence} {each.remedy}"
            lines.append(line.rstrip())
        return "\n".join(lines)

    __repr__ = __str__

    def _heading(self) -> str:
        number = len(self.fixes)
        if not number:
            return "Nothing is to be fixed."
        return f"{counted(number, 'thing')} {'is' if number == 1 else 'are'} to be fixed."

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td style="text-align:left;color:{COLOURS[each.level]}"><b>{each.level}</b></td>'
            f'<td style="text-align:left;white-space:nowrap">{escape(each.check)}</td>'
            f'<td style="text-align:left">{escape(each.sentence)}</td>'
            f'<td style="text-align:left">{escape(each.remedy)}</td></tr>'
            for each in self.findings
        )
        return f"<p><b>{escape(self._heading())}</b></p><table>{rows}</table>"
