"""Charts as SVG, drawn here: bars in stacks over time, and the small ones of a list. Pure.

A chart is as wide as its place (x in per cent) and of a fixed height (y in pixels), so that its text keeps
its size on a phone. Colours come from the style sheet by class (`chart-KEY`), nothing is said by colour
alone: each part has its title, and `components/chart.html` shows the same numbers and links as a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

TOP, MIDDLE, BOTTOM, HEIGHT = 18, 83, 148, 170  # pixels: of the plot, and of all
BAR_SHARE = 0.76  # of a bar's place that the bar fills
GUTTER = 5.0  # per cent of the chart, at its left: for what the lines of the grid mean
WIDEST_BAR = 7.0  # per cent of the chart: a few bars are no walls
LEAST_PART = 2.0  # pixels: what there is can be seen
MOST_LABELS = 6
SPARK_HEIGHT = 20
SPARK_STEP = 6
NOTHING = SafeString("")


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of number: `key` names its colour, `label` its words."""

    key: str
    label: str


@dataclass(frozen=True, slots=True)
class Part:
    """One number, and the address of exactly what it counts ("": nothing to show)."""

    value: int
    url: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A stack: `label` under the axis, `title` in full, a part for each series."""

    label: str
    title: str
    parts: tuple[Part, ...]
    url: str = ""

    @property
    def total(self) -> int:
        return sum(part.value for part in self.parts)


@dataclass(frozen=True, slots=True)
class Chart:
    """Stacks side by side. `key` makes its ids; `limit` is a line across, with its words."""

    key: str
    title: str
    description: str
    series: tuple[Series, ...]
    bars: tuple[Bar, ...]
    limit: int | None = None
    limit_words: str = ""

    @property
    def is_empty(self) -> bool:
        return not any(bar.total for bar in self.bars)

    @property
    def totals(self) -> list[tuple[Series, int]]:
        return [
            (series, sum(bar.parts[at].value for bar in self.bars)) for at, series in enumerate(self.series)
        ]

    @property
    def rows(self) -> list[Bar]:
        """The stacks that are not empty, the newest first: the lines of the table."""
        return [bar for bar in reversed(self.bars) if bar.total]

    @property
    def shows_limit(self) -> bool:
        """A line far above all bars would make them flat: then its words alone are shown."""
        highest = max((bar.total for bar in self.bars), default=0)
        return self.limit is not None and highest * 5 >= self.limit

    @property
    def svg(self) -> SafeString:
        highest = max((bar.total for bar in self.bars), default=0)
        if self.shows_limit and self.limit is not None:
            highest = max(highest, self.limit)
        ceiling = round_up(highest)
        return format_html(
            '<svg class="chart" width="100%" height="{}" role="group" aria-labelledby="{}-title {}-text" '
            'focusable="false"><title id="{}-title">{}</title><desc id="{}-text">{}</desc>{}{}{}{}{}</svg>',
            *(HEIGHT, self.key, self.key, self.key, self.title, self.key, self.description),
            _grid(),
            format_html_join("", "{}", ((self._bar(at, bar, ceiling),) for at, bar in enumerate(self.bars))),
            self._limit_line(ceiling),
            _heights(ceiling),
            self._labels(),
        )

    @property
    def _place(self) -> float:
        """How wide the place of one bar is, in per cent."""
        return (100 - GUTTER) / max(1, len(self.bars))

    def _middle(self, at: int) -> float:
        """Where the middle of a bar is, in per cent."""
        return GUTTER + (at + 0.5) * self._place

    def _bar(self, at: int, bar: Bar, ceiling: int) -> SafeString:
        width = min(self._place * BAR_SHARE, WIDEST_BAR)
        x = self._middle(at) - width / 2
        drawn, y = [], float(BOTTOM)
        for series, part in zip(self.series, bar.parts, strict=True):
            if not part.value:
                continue
            height = max(LEAST_PART, part.value / ceiling * (BOTTOM - TOP))
            y -= height
            words = f"{bar.title}: {part.value:,} {series.label.lower()}"
            shape = format_html(
                '<rect class="chart-{}" x="{}%" y="{}" width="{}%" height="{}"><title>{}</title></rect>',
                *(series.key, _short(x), _short(y), _short(width), _short(height)),
                words,
            )
            drawn.append((_linked(shape, part.url, words),))
        return format_html_join("", "{}", drawn)

    def _limit_line(self, ceiling: int) -> SafeString:
        if not self.shows_limit or self.limit is None:
            return NOTHING
        y = _short(BOTTOM - self.limit / ceiling * (BOTTOM - TOP))
        return format_html(
            '<line class="chart-limit" x1="0" x2="100%" y1="{}" y2="{}"><title>{}</title></line>',
            *(y, y, self.limit_words),
        )

    def _labels(self) -> SafeString:
        step = max(1, ceil(len(self.bars) / MOST_LABELS))
        shown = []
        for at, bar in list(enumerate(self.bars))[::step]:
            is_first = at == 0 and step > 1  # of many: it begins where its bar does
            x, anchor = (_short(GUTTER), "start") if is_first else (_short(self._middle(at)), "middle")
            shown.append((x, HEIGHT - 4, anchor, bar.label))
        return format_html_join(
            "", '<text class="chart-text" x="{}%" y="{}" text-anchor="{}">{}</text>', shown
        )


def spark(title: str, bars: Sequence[tuple[int, str]]) -> SafeString:
    """A small chart for a line of a list: (height, key of its colour) each, the newest at the right.

    What has no height is a dot on the line.
    """
    highest = max((height for height, _ in bars), default=0)
    shapes: list[tuple[str, int, str, int, str]] = []
    for at, (height, key) in enumerate(bars):
        tall = max(LEAST_PART, height / highest * SPARK_HEIGHT) if highest else LEAST_PART
        shapes.append((key, at * SPARK_STEP, _short(SPARK_HEIGHT - tall), SPARK_STEP - 2, _short(tall)))
    return format_html(
        '<svg class="spark" width="{}" height="{}" role="img" aria-label="{}" focusable="false">{}</svg>',
        *(len(bars) * SPARK_STEP - 2, SPARK_HEIGHT, title),
        format_html_join("", '<rect class="chart-{}" x="{}" y="{}" width="{}" height="{}"></rect>', shapes),
    )


def round_up(number: int) -> int:
    """The next round number: where an axis ends."""
    if number <= 1:
        return 1
    step = 10 ** floor(log10(number))
    return next(int(step * factor) for factor in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * factor >= number)


def _grid() -> SafeString:
    return format_html_join(
        "",
        '<line class="chart-grid" x1="0" x2="100%" y1="{}" y2="{}"></line>',
        ((y, y) for y in (TOP, MIDDLE, BOTTOM)),
    )


def _heights(ceiling: int) -> SafeString:
    """What the lines of the grid mean; over all else, so that nothing hides them."""
    words = [(TOP - 4, f"{ceiling:,}")]
    if ceiling % 2 == 0:
        words.append((MIDDLE - 4, f"{ceiling // 2:,}"))
    return format_html_join("", '<text class="chart-text" x="0" y="{}">{}</text>', words)


def _linked(shape: SafeString, url: str, words: str) -> SafeString:
    """Not reached by the keyboard: the table has the same links, without a hundred stops on the way."""
    if not url:
        return shape
    return format_html('<a href="{}" tabindex="-1" aria-label="{}">{}</a>', url, words, shape)


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
