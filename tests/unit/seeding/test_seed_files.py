"""A broken seed file is refused with its name and the place in it."""

import shutil

import pytest

from app.errors import Invalid
from app.seeding.files import SEEDS, load_seeds

CRITICAL_STEP = "critical-decisions.cascade.0.profile"
SOFTWARE = "pipelines/software.yaml"


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(SEEDS, tmp_path / "seeds", ignore=shutil.ignore_patterns("demo"))


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "what"),
    [
        (
            SOFTWARE,
            "route: light",
            "route: lite",
            "phases.pm.route",
            "there are: agent-personality, art-description",
        ),
        (SOFTWARE, "role: qa", "role: tester", "phases.qa.role", "no 'tester' here"),
        (SOFTWARE, "rework_role: rework", "rework_role: redo", "phases.developer.rework_role", "no 'redo'"),
        (SOFTWARE, "inputs: [epic]", "inputs: [code]", "phases.architect.inputs", "there are: epic"),
        (SOFTWARE, "on_reject: developer", "on_reject: commit", "phases.test.on_reject", "no 'commit' here"),
        (SOFTWARE, "schema: TestResults", "schema: TestResult", "phases.test.schema", "no schema"),
        (SOFTWARE, "schema: TestResults", "schema: row:tests", "phases.test.schema", "no 'tests' here"),
        (SOFTWARE, "name: architect", "name: pm", "phases.pm", "two phases"),
        (SOFTWARE, "max_rework: 3", "max_rewrk: 3", "phases.3.max_rewrk", "Extra inputs"),
        (SOFTWARE, "reasks: 2", "reasks: -1", "phases.0.limits.reasks", "greater than or equal"),
        (SOFTWARE, "name: software", "name: hardware", "name", "name of the file"),
        (SOFTWARE, "phases:", "phases: [", "YAML", "line"),
        ("models.yaml", "backend: ollama", "backend: llama", "ollama-code.backend", "anthropic"),
        ("models.yaml", 'think: "off"', "think: off", "0.think", "off"),
        ("models.yaml", "name: claude-haiku", "name: claude", "claude", "two profiles"),
        ("models.yaml", "- name: claude\n", "name: claude\n", "YAML", "line"),
        ("routes.yaml", "profile: claude-haiku", "profile: gpt", "light.profile", "no model profile 'gpt'"),
        ("routes.yaml", "profile: claude-opus", "profile: lmstudio", CRITICAL_STEP, "lmstudio is free"),
        ("routes.yaml", '"on": &quota [', '"on": &quota [tired, ', "light.cascade.0.on.0", "'backend_down'"),
        ("keywords.yaml", "critical: critical-", "Critical: critical-", "Critical.[key]", "in lower case"),
        (
            "keywords.yaml",
            "boilerplate: simple-code",
            "boilerplate: simple",
            "boilerplate",
            "no 'simple' here",
        ),
        ("keywords.yaml", '"*": user-interaction', "", "*", "where any other text goes"),
        ("limits.yaml", "backend:ollama", "backend:llama", "backend:llama", "no 'llama' here"),
        ("limits.yaml", "backend:ollama", "profile:ollama", "profile:ollama", "no 'ollama' here"),
        ("limits.yaml", "backend:ollama", "ollama", "ollama.[key]", "match pattern"),
        ("limits.yaml", "max_concurrent: 2", "max_concurrent: 0", "backend:ollama.max_concurrent", "greater"),
        ("schemas.yaml", "type: array, items", "type: list, items", "code_answer.json_schema", "broken"),
        ("prompts/pm.md", "---\nrole: pm", "role: pm", "front matter", "between two lines"),
        ("prompts/pm.md", "role: pm\n", "role: [pm\n", "YAML", "line"),
        ("prompts/pm.md", "role: pm\n", "role: po\n", "role", "name of the file, 'pm'"),
        ("prompts/pm.md", "message: First version\n", "", "message", "required"),
        ("prompts/pm.md", "<!-- task -->\n", "", "body", "must stand in it once"),
        ("prompts/pm.md", "schema: EpicDeliverable", "schema: Epic", "schema", "no schema 'Epic'"),
        ("prompts/pm.md", "{{ epic_description", "{{ epic", "variables", "the text uses epic, schema"),
        ("prompts/pm.md", "Write the epic.", "{{ schema_name }}", "task part", "may not use schema_name"),
        ("prompts/pm.md", "ROLE", "{{ epic_description }}", "system part", "may not use epic_description"),
        ("prompts/pm.md", "| tojson", "| shout", "task part", "shout"),
        ("prompts/pm.md", "Write the epic.", "{% include 'x' %}", "task part", "include"),
    ],
)
def test_a_fault_is_named(copy, file, old, new, place, what):
    path = copy / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")

    with pytest.raises(Invalid) as caught:
        load_seeds(copy)

    assert caught.value.details == {"file": str(path), "place": place}
    assert what in caught.value.message


def test_front_matter_must_be_a_map(copy):
    (copy / "prompts" / "pm.md").write_text("---\njust words\n---\nROLE\n<!-- task -->\ntask\n")

    with pytest.raises(Invalid, match=r"pm\.md: front matter: it must be a map"):
        load_seeds(copy)


def test_a_missing_file_is_named(copy):
    (copy / "routes.yaml").unlink()

    with pytest.raises(Invalid, match=r"routes\.yaml: file: it can not be read"):
        load_seeds(copy)


def test_a_file_that_is_not_text_is_named(copy):
    (copy / "models.yaml").write_bytes(b"\xff\xfe")

    with pytest.raises(Invalid, match=r"models\.yaml: file: it can not be read"):
        load_seeds(copy)
