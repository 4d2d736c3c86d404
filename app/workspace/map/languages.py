"""The languages that are understood: their files, their grammar, and which nodes define or import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

EXTENSIONS = {
    "py": "python", "pyi": "python",
    "js": "javascript", "jsx": "javascript", "mjs": "javascript", "cjs": "javascript",
    "ts": "typescript", "mts": "typescript", "cts": "typescript", "tsx": "tsx",
    "go": "go", "java": "java", "rs": "rust", "html": "html", "htm": "html",
}  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """Types of nodes of one grammar."""

    defines: frozenset[str]
    imports: frozenset[str]
    opens: frozenset[str]
    """What is looked into: bodies of classes, and what only wraps a definition."""
    is_script: bool = False
    """Whether `const name = (…) => …` defines a function."""


def _rules(defines: str, imports: str, opens: str, *, is_script: bool = False) -> Rules:
    return Rules(frozenset(defines.split()), frozenset(imports.split()), frozenset(opens.split()), is_script)


_SCRIPT = (
    "function_declaration generator_function_declaration class_declaration abstract_class_declaration "
    "method_definition method_signature interface_declaration type_alias_declaration enum_declaration "
    "abstract_method_signature"
)
_SCRIPT_OPENS = "export_statement class_body interface_body object_type ambient_declaration statement_block"
RULES = {
    "python": _rules(
        "function_definition class_definition",
        "import_statement import_from_statement future_import_statement",
        "decorated_definition block if_statement else_clause try_statement except_clause",
    ),
    "javascript": _rules(_SCRIPT, "import_statement", _SCRIPT_OPENS, is_script=True),
    "typescript": _rules(_SCRIPT, "import_statement", _SCRIPT_OPENS, is_script=True),
    "tsx": _rules(_SCRIPT, "import_statement", _SCRIPT_OPENS, is_script=True),
    "go": _rules(
        "function_declaration method_declaration type_spec", "import_declaration", "type_declaration"
    ),
    "java": _rules(
        "class_declaration interface_declaration enum_declaration record_declaration method_declaration "
        "constructor_declaration annotation_type_declaration",
        "import_declaration",
        "class_body interface_body enum_body enum_body_declarations",
    ),
    "rust": _rules(
        "function_item function_signature_item struct_item enum_item trait_item impl_item type_item mod_item "
        "macro_definition",
        "use_declaration",
        "declaration_list",
    ),
    "html": _rules("", "", ""),
}


def language_of(path: str) -> str | None:
    """None: nothing is known of such files but their names."""
    return EXTENSIONS.get(path.rpartition(".")[2].casefold()) if "." in path else None


@cache
def parser(language: str) -> Any:
    """A `tree_sitter.Parser`. Only the process that parses loads it and the grammars."""
    from tree_sitter import Language, Parser

    return Parser(Language(_grammars()[language]()))


def _grammars() -> dict[str, Callable[[], Any]]:
    import tree_sitter_go
    import tree_sitter_html
    import tree_sitter_java
    import tree_sitter_javascript
    import tree_sitter_python
    import tree_sitter_rust
    import tree_sitter_typescript

    return {
        "python": tree_sitter_python.language,
        "javascript": tree_sitter_javascript.language,
        "typescript": tree_sitter_typescript.language_typescript,
        "tsx": tree_sitter_typescript.language_tsx,
        "go": tree_sitter_go.language,
        "java": tree_sitter_java.language,
        "rust": tree_sitter_rust.language,
        "html": tree_sitter_html.language,
    }
