"""Maven: the XML files that Surefire leaves in each module, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from app.errors import Invalid
from app.workspace.adapters.adapter import Prepared, captured
from app.workspace.sandbox import junit
from app.workspace.sandbox.junit import CASES, Report
from app.workspace.sandbox.limits import RESULT_BYTES
from app.workspace.sandbox.project_limits import SandboxLimits

REPORTS = "-path '*/target/surefire-reports/TEST-*.xml' -type f"
SCRIPT = f"""find . {REPORTS} -delete
"$@"
code=$?
find . {REPORTS} -exec sh -c 'for file; do cat "$file"; printf "\\000"; done' sh {{}} + >"$out"
[ -s "$out" ] || rm -f "$out"
exit $code
"""
"""Reports that lie in the repository are not those of this run."""


class MavenAdapter:
    """`mvn test` without the network; the reports of all modules together are the report."""

    default: tuple[str, ...] = ("mvn", "-o", "-B", "test")
    names_junit = False
    needs = SandboxLimits(address_space_mb=0, processes=512, cpu_s=300, work_mb=1024, memory_mb=2048)

    def prepare(self, argv: Sequence[str]) -> Prepared:
        return Prepared(captured(argv, SCRIPT))

    def read(self, data: bytes) -> Report:
        if len(data) > RESULT_BYTES:
            raise Invalid(f"the reports of Surefire are larger than {RESULT_BYTES} bytes together")
        reports = [junit.read(part) for part in data.split(b"\0") if part.strip()]
        cases = tuple(chain.from_iterable(report.cases for report in reports))
        if len(cases) > CASES:
            raise Invalid(f"the reports of Surefire hold more than {CASES} tests")
        problems = sum(report.claimed_problems for report in reports)
        return Report(cases, problems, sum(report.claimed_tests for report in reports))

    def is_test_file(self, path: str) -> bool:
        return "src/test/" in path and path.endswith((".java", ".kt", ".groovy", ".scala"))
