"""Reads the outline of one file from its syntax tree."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from app.workspace.map.importing import imports_of
from app.workspace.map.languages import RULES, Rules, parser
from app.workspace.map.outline import Outline, Symbol, table_of, words

MAX_SIGNATURE = 160
MAX_SYMBOLS = 1_000
MAX_IMPORTS = 200
MAX_DEPTH = 12
DOC_BYTES = 200
"""Of each docstring or comment, for its words."""

_ID = re.compile(rb"""<(\w+)[^<>]*?\sid\s*=\s*["']?([\w-]+)""")
_LINKED = re.compile(rb"""<(?:script|link)[^<>]*?\s(?:src|href)\s*=\s*["']([^"'<>]+)""")
_SPACES = re.compile(r"[\s\x1c-\x1f\x85\u2028\u2029]+")


def outline(language: str, data: bytes) -> Outline:
    """Computes; a hostile file may take long or crash the parser, so this runs in a process of its own."""
    if language == "html":
        return _page(data)
    root = parser(language).parse(data).root_node
    symbols: list[Symbol] = []
    docs = [_head(root)]
    imports: list[str] = []
    for node, depth in _nodes(root, RULES[language]):
        if node.type in RULES[language].imports:
            imports += imports_of(language, _text(node))
        elif len(symbols) < MAX_SYMBOLS:
            symbols.append(_symbol(node, depth))
            docs.append(_doc(node))
    names = words(one.name for one in symbols)
    prose = words([*docs, *(one.signature for one in symbols)])
    broken = root.has_error and not symbols
    found = tuple(dict.fromkeys(imports))[:MAX_IMPORTS]
    return Outline(table_of(symbols), found, names, prose, broken)


def _nodes(root: Node, rules: Rules) -> Iterator[tuple[Node, int]]:
    """What imports and defines, in order, and of classes what they hold; never the inside of functions."""
    stack = [(node, 0, 0) for node in reversed(root.named_children)]
    while stack:
        node, depth, level = stack.pop()
        kind = node.type
        inner: list[Node] = []
        if kind in rules.imports:
            yield node, depth
        elif kind in rules.defines:
            yield node, depth
            body = node.child_by_field_name("body")
            if body is not None and depth == 0 and body.type in rules.opens and "function" not in kind:
                stack += [(one, 1, level + 1) for one in reversed(body.named_children)]
        elif kind in rules.opens:
            inner = node.named_children
        elif rules.is_script and kind in ("lexical_declaration", "variable_declaration"):
            inner = [one for one in node.named_children if _is_function(one)]
        elif rules.is_script and kind == "variable_declarator" and _is_function(node):
            yield node, depth
        if level < MAX_DEPTH:
            stack += [(one, depth, level + 1) for one in reversed(inner)]


def _is_function(node: Node) -> bool:
    value = node.child_by_field_name("value")
    return value is not None and value.type in ("arrow_function", "function_expression", "class")


def _symbol(node: Node, depth: int) -> Symbol:
    named = node.child_by_field_name("name") or node.child_by_field_name("type")
    value = node.child_by_field_name("value") if node.type == "variable_declarator" else None
    body = (value or node).child_by_field_name("body")
    text = node.text or b""
    if body is not None:
        text = text[: body.start_byte - node.start_byte]
    elif node.type == "type_spec":
        text = b"type " + text.partition(b"{")[0]
    else:
        text = text.partition(b"{")[0].partition(b"\n")[0]
    signature = _SPACES.sub(" ", text.decode("utf-8", "replace")).strip().rstrip("{:;=> ").strip()
    if len(signature) > MAX_SIGNATURE:
        signature = signature[: MAX_SIGNATURE - 1] + "…"
    name = _SPACES.sub(" ", _text(named)) if named is not None else ""
    return Symbol(name[:MAX_SIGNATURE], signature, depth, node.start_point[0] + 1, node.end_point[0] + 1)


def _doc(node: Node) -> str:
    """The docstring, or the comment just above."""
    body = node.child_by_field_name("body")
    if body is not None and body.named_child_count and body.type == "block":
        first = body.named_child(0)
        if first is not None and first.type in ("expression_statement", "string"):
            return _text(first)
    above = node.prev_named_sibling
    return _text(above) if above is not None and "comment" in above.type else ""


def _head(root: Node) -> str:
    first = root.named_child(0) if root.named_child_count else None
    told = first is not None and ("comment" in first.type or first.type == "expression_statement")
    return _text(first) if first is not None and told else ""


def _text(node: Node) -> str:
    return (node.text or b"")[: DOC_BYTES * 5].decode("utf-8", "replace")


def _page(data: bytes) -> Outline:
    """Of a page: what has an id, and what it loads."""
    symbols = []
    for found in list(_ID.finditer(data))[:MAX_SYMBOLS]:
        tag, name = (part.decode("utf-8", "replace")[:MAX_SIGNATURE] for part in found.groups())
        line = data.count(b"\n", 0, found.start()) + 1
        symbols.append(Symbol(name, f"{tag}#{name}", 0, line, line))
    linked = tuple(part.decode("utf-8", "replace") for part in _LINKED.findall(data)[:MAX_IMPORTS])
    return Outline(table_of(symbols), linked, words(one.name for one in symbols))
