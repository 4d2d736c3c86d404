"""The task that channels are compared with, and the one file that it changes."""

from __future__ import annotations

EPIC = (
    "A shop gives discounts. Add `discount_percent: int = 0` to `Order` in shop/orders.py and let `total` "
    "take it off, rounded half up to whole cents. A discount under 0 or over 100 is refused with `BadOrder`. "
    "Everything else stays as it is. Test both."
)

FILES = {
    "shop/orders.py": '''"""Orders of a shop: prices are whole cents."""

from __future__ import annotations

from dataclasses import dataclass, field


class BadOrder(ValueError):
    """The order can not be taken; the message says why."""


@dataclass(frozen=True)
class Line:
    article: str
    price: int
    amount: int = 1


@dataclass
class Order:
    number: str
    lines: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        """Raises `BadOrder` for an amount or a price that can not be."""
        if line.amount < 1:
            raise BadOrder(f"{line.article!r}: an amount of {line.amount}")
        if line.price < 0:
            raise BadOrder(f"{line.article!r}: a price of {line.price}")
        self.lines.append(line)

    def total(self) -> int:
        return sum(line.price * line.amount for line in self.lines)


def receipt(order: Order) -> str:
    """One line per article, then the total."""
    rows = [f"{line.amount} x {line.article}\\t{_euros(line.price)}" for line in order.lines]
    return "\\n".join([f"Order {order.number}", *rows, f"Total\\t{_euros(order.total())}"])


def _euros(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
'''
}
"""Path → text. The code has quotes and backslashes, which JSON has to escape."""
