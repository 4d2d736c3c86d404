"""The abuse cases: what is tried and what must happen. `@pytest.mark.abuse` says which ones a test shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    number: int
    tried: str
    must: str
    """What must happen."""
    absent: str = ""
    """Why no test shows it: the product lacks what could be abused, or lacks the guard."""


@dataclass(frozen=True)
class Group:
    name: str
    cases: tuple[Case, ...]


def _cases(first: int, *rows: tuple[str, ...]) -> tuple[Case, ...]:
    return tuple(Case(first + place, *row) for place, row in enumerate(rows))


PATHS = _cases(
    1,
    ("`../x`, `a/../../x`", "unsafe_path, nothing written"),
    ("`/etc/x`, `~`, `C:\\`, `file://`", "unsafe_path, nothing written"),
    ("backslashes that lead out", "unsafe_path, nothing written"),
    ("dots and slashes encoded or as lookalikes", "unsafe_path, nothing written"),
    ("`.git` in any spelling, also inside, also as a short name", "unsafe_path, nothing written"),
    ("files that make a folder a bare repository", "the set is refused; git is told to ignore such folders"),
    ("`.gitmodules`, `.gitattributes`", "refused unless permitted, then an approval"),
    ("CI, editor and assistant settings", "refused unless permitted, then an approval"),
    ("code that runs at collection or build", "refused unless permitted, then an approval"),
    ("a link as a folder or as the target", "refused by the kernel, nothing written"),
    ("a folder swapped for a link during the write", "never written outside"),
    ("a hard link to a file outside", "replaced, not written through"),
    ("a pipe, a device, a socket or a folder as the target", "refused without a hang"),
    ("NUL, line breaks, escapes, reversing characters in a name", "unsafe_path, escaped in the message"),
    ("names and paths that are too long or too deep", "unsafe_path"),
    ("names that Windows reserves or changes", "unsafe_path"),
    ("two spellings of one file", "the answer is refused"),
    ("names that read as options or pathspecs", "unsafe_path"),
    ("too many files, too large ones", "refused before anything is written"),
    ("more than 30 % of the repository changed", "waits for an approval of all of it"),
    ("modes in an answer; setuid", "0644 or the old permission bits"),
    ("archives in an answer", "never unpacked"),
)  # fmt: skip
TEMPLATES = _cases(
    23,
    ("attributes of Python in a template", "template_error"),
    ("include, import, extends", "template_error"),
    ("a loop without output", "killed after 2 s of processor time, the next render works"),
    ("a loop with endless output", "cut off at 1 MiB"),
    ("filters that ask for gigabytes", "template_error, the service is unharmed"),
    ("powers of powers", "template_error"),
    ("recursion and deep nesting", "template_error"),
    ("a value that looks like a template", "stays literal"),
    ("an undefined variable", "named when the prompt is saved"),
)
ANSWERS = _cases(
    32,
    ("100,000 nested brackets", "refused before parsing"),
    ("1e999, NaN, Infinity", "refused"),
    ("duplicate keys", "refused"),
    ("a number of 5,000 digits", "refused"),
    ("lone surrogates, NUL", "refused"),
    ("an answer of many megabytes", "refused"),
    ("unknown fields, wrong types", "refused by the schema"),
    ("prose around it, two objects, cut off", "refused or asked again, never a part of it"),
    ("a body without end from a provider", "left at a bound"),
    (
        "secrets that the model repeats",
        "unsafe_path for keys and tokens of known forms",
    ),
    ("markup and links in texts of an artifact", "read as text; nosniff and a policy on every answer"),
)
API = _cases(
    43,
    ("no token, half a token, the wrong scheme", "401, the same words"),
    ("bodies without end", "413 before they are read"),
    ("a client that falls silent in a body", "given up; slow headers are left to a proxy"),
    ("private and local addresses as a target, in any spelling", "refused after the name is resolved"),
    ("a name that leads elsewhere later", "the address that was judged is the one that is used"),
    ("a redirect", "not followed; it sees neither key nor prompt"),
    ("other schemes", "422"),
    ("user names, fragments, odd characters in a host", "422"),
    ("the service's own API as a target", "refused as a local address"),
    ("keys of the service sent to a new address", "422"),
    ("a foreign Host or Origin", "421, 403"),
    ("a form or plain text as JSON", "415"),
    ("a preflight", "no header that allows it"),
    ("a frame", "frame-ancestors 'none'"),
    ("SQL, wildcards and NUL in texts and filters", "bound or refused; every row is still there"),
    ("patterns that take long", "bounded", "no route takes a pattern or a text to search for"),
    ("what a role may not reach", "403"),
    ("the same key twice at once", "one run"),
    ("1,000 guesses of a token", "429 from the eleventh in a minute; a valid token passes"),
    ("fields that are not the caller's to set", "422"),
    ("cron lines and zones that make no sense", "422"),
    ("odd ids and page sizes", "404 or 422"),
    ("a WebSocket", "closed"),
    ("control characters in names and output", "escaped in the terminal and in reports"),
    ("a line break in a log message", "one line"),
)
EXECUTION = _cases(
    68,
    ("secrets in the environment of a test", "not there"),
    ("the network from a test", "refused, the host's loopback too"),
    ("fork bombs, memory, disk, output, spinning", "limited or killed"),
    ("a process that stays behind", "dead"),
    ("forged green tests", "suspect or failed"),
    ("a result that is a link, huge, or hostile XML", "no result"),
)
MODELS = _cases(
    74,
    (
        "instructions planted in files, epic and test output, and a model that obeys",
        "nothing outside changes",
    ),
)
GROUPS = (
    Group("paths and files", PATHS),
    Group("templates", TEMPLATES),
    Group("answers of models", ANSWERS),
    Group("API", API),
    Group("execution", EXECUTION),
    Group("model and supply", MODELS),
)
