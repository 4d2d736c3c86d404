"""What has come of one answer so far: its texts, how it ended, and what the server counted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from app.llm.backends.counts import ESTIMATED, prompt_tokens
from app.llm.errors import InvalidAnswer, LoopDetected
from app.llm.repetition import Repetition
from app.llm.types import Answer, Call
from app.usage.estimate import estimate_tokens
from app.usage.tokens import Tokens


class Repeats(Exception):
    """The text that comes in only repeats itself."""


class Growing:
    """A text that arrives in pieces."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._watch = Repetition()

    def add(self, piece: str) -> None:
        """Raises `Repeats` when it has become clear that nothing new comes."""
        if piece:
            self._pieces.append(piece)
            if self._watch.feed(piece):
                raise Repeats

    def __str__(self) -> str:
        return "".join(self._pieces)


@dataclass
class Received:
    """Filled by each backend in its own way, from events or from a whole body."""

    text: Growing = field(default_factory=Growing)
    thinking: Growing = field(default_factory=Growing)
    arguments: Growing = field(default_factory=Growing)
    """Input of the tool, as JSON text."""
    calls: int = 0
    """How often the tool was called."""
    ended: bool = False
    """The server said that the answer is complete; why is in `stop`."""
    stop: str | None = None
    refusal: str = ""
    """Why the model declined, in the server's words."""
    started: Tokens | None = None
    """What the server counted before the answer was complete."""
    usage: Tokens | None = None
    """The server's counts of the complete answer, or its latest."""
    model: str = ""
    request_id: str | None = None

    def tokens(self, call: Call) -> Tokens:
        """The server's counts; without them an estimate of what was sent and received."""
        if self.usage is not None:
            return self.usage if self.usage.thinking else self._with_thinking(self.usage)
        read = self.started or Tokens(input=prompt_tokens(call))
        written = sum(estimate_tokens(str(part)) for part in (self.text, self.thinking, self.arguments))
        return self._with_thinking(replace(read, output=max(read.output, written)))

    def loop(self, call: Call, *, paid: bool) -> LoopDetected:
        """The error for an answer that was stopped because it repeats itself.

        Where it is paid for, the server may have written more than came: the bill is not known.
        """
        tokens = self.tokens(call)
        error = LoopDetected(
            f"the model repeated itself and was stopped after about {tokens.output:,} tokens; another model, "
            "a higher temperature or less to do at once may help",
            tokens=tokens,
        )
        error.reply_lost = paid
        return error

    def answer(self, call: Call, weakened: tuple[str, ...]) -> Answer:
        """Raises `InvalidAnswer` when the tool was called more than once."""
        tokens = self.tokens(call)
        if self.calls > 1:
            raise InvalidAnswer(f"the model called the tool {self.calls} times, not once", tokens=tokens)
        return Answer(
            text=self._answer_text(),
            tokens=tokens,
            model=self.model or call.profile.model,
            request_id=self.request_id,
            weakened=weakened if self.usage is not None else (*weakened, ESTIMATED),
            thinking_estimated=bool(tokens.thinking) and not (self.usage and self.usage.thinking),
        )

    def _answer_text(self) -> str:
        """The tool's input, else the text; some models put the whole JSON into the thinking instead."""
        if self.calls:
            return str(self.arguments)
        text = str(self.text)
        return str(self.thinking) if self._is_in_thinking() else text

    def _is_in_thinking(self) -> bool:
        return not self.calls and not str(self.text).strip() and str(self.thinking).lstrip().startswith("{")

    def _with_thinking(self, tokens: Tokens) -> Tokens:
        """The same counts, with the share of the thinking in the output by the length of the texts."""
        thought = len(str(self.thinking))
        if not thought or self._is_in_thinking():
            return tokens
        written = thought + len(str(self.text)) + len(str(self.arguments))
        return replace(tokens, thinking=round(tokens.output * thought / written))
