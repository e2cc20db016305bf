"""Where the document of a frame is in another one: scaled, moved, turned. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Placing:
    """Maps (x, y) to (a·x + c·y + e, b·x + d·y + f)."""

    a: float = 1
    b: float = 0
    c: float = 0
    d: float = 1
    e: float = 0
    f: float = 0

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where that point is in the outer document."""
        return self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f

    def after(self, inner: "Placing") -> "Placing":
        """This one, applied to what `inner` maps to."""
        e, f = self.point(inner.e, inner.f)
        return Placing(
            self.a * inner.a + self.c * inner.b,
            self.b * inner.a + self.d * inner.b,
            self.a * inner.c + self.c * inner.d,
            self.b * inner.c + self.d * inner.d,
            e,
            f,
        )

    def box(self, box: Sequence[float]) -> list[float]:
        """The bounds, as x, y, width and height, of where that box is."""
        x, y, width, height = box
        corners = [
            self.point(*at)
            for at in ((x, y), (x + width, y), (x, y + height), (x + width, y + height))
        ]
        left, top = min(at[0] for at in corners), min(at[1] for at in corners)
        return [
            left,
            top,
            max(at[0] for at in corners) - left,
            max(at[1] for at in corners) - top,
        ]


HERE = Placing()


def of_quad(quad: Sequence[float], width: float, height: float) -> Placing:
    """Of a document of that size, from where its first, second and fourth corner are."""
    x1, y1, x2, y2, _, _, x4, y4 = quad
    across, down = width or 1, height or 1
    return Placing(
        (x2 - x1) / across, (y2 - y1) / across, (x4 - x1) / down, (y4 - y1) / down, x1, y1
    )
