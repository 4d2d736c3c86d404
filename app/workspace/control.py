"""Names of files that steer tools, CI or the build: a run may write them only where the project permits."""

from __future__ import annotations

from fnmatch import fnmatchcase

GIT_FILES = frozenset({".gitmodules", ".gitattributes"})

TOOL_FOLDERS = (
    ".github/workflows", ".github/actions", ".gitea/workflows", ".forgejo/workflows", ".circleci",
    ".buildkite", ".husky", ".vscode", ".idea", ".devcontainer", ".claude", ".cursor", ".codex", ".gemini",
    ".windsurf", ".roo", ".kiro", ".github/instructions", ".github/prompts", ".mvn", ".cargo",
)  # fmt: skip
"""Folders (at any depth) whose files run in CI, in an editor or in an assistant."""

TOOL_FILES = frozenset({
    ".gitlab-ci.yml", ".travis.yml", ".drone.yml", ".woodpecker.yml", "azure-pipelines.yml",
    "bitbucket-pipelines.yml", "jenkinsfile", ".pre-commit-config.yaml", ".mcp.json", "agents.md",
    "claude.md", "gemini.md", ".cursorrules", ".windsurfrules", ".envrc", ".npmrc", ".yarnrc",
    ".yarnrc.yml", ".pypirc", ".clinerules", "copilot-instructions.md", "codeowners", "dependabot.yml",
    "lefthook.yml", "lefthook.yaml", "mise.toml", ".mise.toml",
})  # fmt: skip

BUILD_FILES = (
    "conftest.py", "pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "noxfile.py", "pytest.ini",
    ".pytest.ini", "pytest.toml", ".pytest.toml", "sitecustomize.py", "usercustomize.py", "*.pth", "makefile",
    "gnumakefile", "justfile", "package.json", "dockerfile", "docker-compose.y*ml", "compose.y*ml",
    ".pnpmfile.cjs", "jest.config.*", "vitest.config.*", ".mocharc.*", "go.mod", "go.work", "pom.xml",
    "build.gradle*", "settings.gradle*", "cargo.toml", "build.rs", "cmakelists.txt", "rakefile", "gemfile",
    "composer.json",
)  # fmt: skip
"""Code or settings that run when the project is built or its tests are collected."""


def control_reason(path: str) -> tuple[str, str] | None:
    """(reason, why) when the folded `path` names a control file, else None."""
    name = path.rpartition("/")[2]
    if name in GIT_FILES:
        return "git_file", "it steers git"
    if name in TOOL_FILES or any(f"/{folder}/" in f"/{path}/" for folder in TOOL_FOLDERS):
        return "control_file", "it steers CI, an editor or an assistant"
    if any(fnmatchcase(name, pattern) for pattern in BUILD_FILES):
        return "build_file", "it runs when the project is built or tested"
    return None
