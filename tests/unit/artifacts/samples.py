"""One document of each kind, as a model would answer."""

from __future__ import annotations

from typing import Any

RUN = {"id": "7f3a", "epic_description": "Add a health check endpoint", "definition": "software"}

EPIC: dict[str, Any] = {
    "title": "Health check endpoint",
    "goal": "Operators see at a glance whether the service and its database work.",
    "user_stories": ["As an operator, I want GET /health, so that a probe can restart a broken service."],
    "acceptance_criteria": [
        'GET /health answers 200 and {"status": "ok"} when the database answers.',
        "GET /health answers 503 within 2 s when the database is down.",
    ],
}

COMPONENT: dict[str, Any] = {
    "name": "HealthRouter",
    "purpose": "Answers health probes.",
    "file_path": "app/routers/health.py",
    "size_estimate": 40,
    "responsibilities": ["Ask the database", "Map the result to a status code"],
    "dependencies": ["fastapi", "Database"],
    "public_interface": [
        {
            "name": "get_health",
            "purpose": "Reports whether the database answers.",
            "params": [{"name": "timeout", "type": "float | None"}],
            "returns": "dict[str, str]",
            "raises": ["HTTPException"],
        }
    ],
    "error_handling": ["A database that does not answer within 2 s counts as down: 503"],
    "test_count": 3,
}

ARCHITECTURE: dict[str, Any] = {
    "epic_id": "Health check endpoint",
    "components": [
        COMPONENT,
        {
            "name": "Database",
            "purpose": "Asks the database one cheap question.",
            "file_path": "app/database.py",
            "size_estimate": 12,
            "responsibilities": ["Run SELECT 1"],
            "dependencies": [],
            "public_interface": [],
            "error_handling": [],
            "test_count": 1,
        },
    ],
    "adrs": [
        {
            "title": "What counts as healthy",
            "decision": "Only the database decides.",
            "reason": "A slow neighbour must not restart the service.",
        }
    ],
    "test_strategy": {"unit": ["Status codes"], "integration": ["A database that is down"], "e2e": []},
    "acceptance_criteria": ["GET /health answers 503 when the database is down."],
}

CODE: dict[str, Any] = {
    "files": [
        {
            "path": "app/routers/health.py",
            "content": "from fastapi import APIRouter\n\nrouter = APIRouter()\n",
            "imports": ["fastapi"],
            "classes": [],
            "functions": ["get_health"],
            "tests_required": ["503 when the database is down"],
        }
    ],
    "dependencies": [],
    "test_files": [
        {
            "path": "tests/test_health.py",
            "content": "def test_ok():\n    assert True\n",
            "imports": [],
            "classes": [],
            "functions": ["test_ok"],
            "tests_required": [],
        }
    ],
    "migration_scripts": [],
    "edits": [],
}

QA_REPORT: dict[str, Any] = {
    "passed": False,
    "issues": [
        {
            "id": "QA-2",
            "severity": "low",
            "category": "docs",
            "description": "The README does not mention /health.",
            "location": "README.md:12",
            "fix_required": False,
        },
        {
            "id": "QA-1",
            "severity": "high",
            "category": "test",
            "description": "No test covers a database that is down.",
            "location": "tests/test_health.py:1",
            "fix_required": True,
        },
    ],
    "test_results": {"tests": 4, "failures": 0, "skipped": 1},
    "recommendations": ["Cache the answer for a second"],
}

TEST_RESULTS: dict[str, Any] = {
    "outcome": "passed",
    "tests": 4,
    "passed": 3,
    "failures": 0,
    "errors": 0,
    "skipped": 1,
    "failing": [],
    "reason": "3 passed, 1 skipped",
    "exit_code": 0,
    "ended": "exit",
    "duration_s": 1.5,
    "output_tail": "3 passed, 1 skipped in 0.02s",
    "base_tests": 2,
    "control_tests": 4,
    "missing": [],
    "missing_total": 0,
    "gates": [],
}

COMMIT: dict[str, Any] = {
    "commit": "a" * 40,
    "branch": "workbench/7f3a",
    "parent": "b" * 40,
    "subject": "Add a health check endpoint",
    "message": "Add a health check endpoint\n\nRun-Id: 7f3a\n",
    "files": [{"status": "A", "path": "app/routers/health.py"}],
    "documents": ["docs/ARCH-7f3a.md"],
    "trailers": [{"key": "Run-Id", "value": "7f3a"}],
    "base": None,
    "push": None,
}

DELIVERY: dict[str, Any] = {
    "state": "sent",
    "destination": "newsletter",
    "adapter": "http",
    "target": "POST https://example.org",
    "idempotency_key": "c" * 64,
    "artifact": "post",
    "payload": {"text": "Good morning"},
    "response_status": 201,
    "response_excerpt": "",
}

PULL_REQUEST: dict[str, Any] = {
    "title": EPIC["title"],
    "epic": EPIC,
    "architecture": ARCHITECTURE,
    "files": [{"status": "A", "path": "app/health.py"}, {"status": "M", "path": "app/a|b`c.py"}],
    "tests": TEST_RESULTS
    | {
        "gates": [{"name": "lint", "outcome": "passed", "reason": "nothing found"}],
    },
    "qa": QA_REPORT,
    "commit": COMMIT | {"base": {"began_with": "b" * 40, "merged": ["app/health.py"]}},
    "cost": "$0.0123",
    "prompts": ["pm@1", "developer@3"],
}
"""What the template of a pull request gets."""

BROWSER_REPORT: dict[str, Any] = {
    "outcome": "failed",
    "reason": "1 of 1 pages went wrong in the browser",
    "pages": [
        {
            "page": "index.html",
            "findings": [{"message": "uncaught TypeError: x", "path": "index.html", "line": 4}],
            "characters": 12,
            "picture": {"name": "index.html.png", "media_type": "image/png", "sha256": "0" * 64},
        }
    ],
}

COMMAND_RESULT: dict[str, Any] = {
    "outcome": "failed",
    "argv": ["make", "docs"],
    "exit_code": 2,
    "ended": "exit",
    "duration_s": 1.5,
    "output_tail": "no rule",
}

HTTP_RESULT: dict[str, Any] = {
    "outcome": "passed",
    "target": "GET https://example.com:443",
    "status": 200,
    "media_type": "text/plain",
    "body": "there",
    "truncated": False,
    "duration_s": 0.2,
}
