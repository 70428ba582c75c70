"""Small pictures as inline SVG, for a page without scripts: each has a title and a description in words. Pure."""

from collections.abc import Sequence

from markupsafe import Markup

from tunewright_api.data_report import Histogram, StageReport
from tunewright_trainer.prepare.readable import brief, count, counted, percent, visible

WIDTH, HEIGHT, FOOT, FLAT = 360, 108, 18, 20
GAP = 8
"""Between the bars and the last one, which takes the longest percent of the rows."""


def _picture(name: str, height: int, title: str, description: str, body: Sequence[Markup]) -> Markup:
    """A picture without texts is stretched to the width it is given; letters would be, too."""
    stretched = Markup("") if height > FLAT else Markup(' preserveAspectRatio="none"')
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}"{} role="img" aria-labelledby="{}-title {}-desc">'
        '<title id="{}-title">{}</title><desc id="{}-desc">{}</desc>{}</svg>'
    ).format(
        WIDTH, height, stretched, name, name, name, visible(title), name, visible(description), Markup("").join(body)
    )


def histogram(name: str, found: Histogram) -> Markup:
    """Bars of equal width. `name` is unique in the page."""
    bars, highest = len(found.counts), max([*found.counts, 1])
    step = (WIDTH - GAP) / max(1, bars)
    body = []
    for index, number in enumerate(found.counts):
        last = bars > 1 and index == bars - 1
        tall = max(1.5, number / highest * HEIGHT) if number else 0
        left = index * step + (GAP if last else 0)
        body.append(
            Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                "bar last" if last else "bar", left, HEIGHT - tall, max(0.5, step - 1), tall
            )
        )
    body.append(Markup('<line class="axis" x1="0" y1="{}" x2="{}" y2="{}"/>').format(HEIGHT, WIDTH, HEIGHT))
    body += _labels(found)
    quantiles = found.quantiles
    description = (
        f"{counted(sum(found.counts), 'row')}, from {count(quantiles.get('min', 0))} to {count(quantiles.get('max', 0))} {found.unit}; "
        f"half of them have at most {count(quantiles.get('p50', 0))}, nine of ten at most {count(quantiles.get('p90', 0))}."
    )
    return _picture(name, HEIGHT + FOOT, f"{found.name}: {found.unit} of a row", description, body)


def _labels(found: Histogram) -> list[Markup]:
    if len(found.edges) < 2:
        return []
    inner = found.edges[-2] if len(found.counts) > 1 else found.edges[-1]
    step = (WIDTH - GAP) / len(found.counts)
    places = [(0.0, "start", found.edges[0]), (WIDTH, "end", found.edges[-1] - 1)]
    if len(found.counts) > 4:
        middle = len(found.counts) // 2
        places.append((middle * step, "middle", found.edges[middle]))
        if inner < found.edges[-1] - 1:
            places.append((WIDTH - GAP - step, "end", inner))
    # The last two would run into each other where the numbers are long.
    shown = places if len(brief(inner)) + len(brief(found.edges[-1])) < 7 else places[:3]
    return [
        Markup('<text class="label" x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
            left, HEIGHT + FOOT - 4, anchor, brief(value)
        )
        for left, anchor, value in shown
    ]


def split(name: str, stage: StageReport) -> Markup:
    """How the rows of a stage are divided."""
    parts = (("train", stage.train), ("validation", stage.validation), ("test", stage.test))
    total = max(1, sum(number for _, number in parts))
    body, left = [], 0.0
    for part, number in parts:
        width = number / total * WIDTH
        body.append(
            Markup('<rect class="{}" x="{:.1f}" y="0" width="{:.1f}" height="14"/>').format(
                f"part-{part}", left, max(0.0, width - 1)
            )
        )
        left += width
    description = ", ".join(f"{counted(number, 'row')} for {part}" for part, number in parts)
    return _picture(name, 14, f"Split of stage {stage.name}", f"{description}.", body)


def gauge(name: str, title: str, part: float, whole: float) -> Markup:
    """How much of `whole` is taken; what goes beyond it is drawn beyond its mark."""
    span = max(part, whole) or 1
    mark = whole / span * WIDTH
    body = [
        Markup('<rect class="rest" x="0" y="4" width="{:.1f}" height="12"/>').format(mark),
        Markup('<rect class="{}" x="0" y="4" width="{:.1f}" height="12"/>').format(
            "over" if part > whole else "bar", part / span * WIDTH
        ),
        Markup('<line class="mark" x1="{:.1f}" y1="0" x2="{:.1f}" y2="20"/>').format(
            min(mark, WIDTH - 1), min(mark, WIDTH - 1)
        ),
    ]
    return _picture(name, 20, title, f"{percent(part / whole) if whole else 'All'} of what is there.", body)


def share_bar(part: float, whole: float) -> Markup:
    """A bar beside a number that stands in a table: decoration, so it is hidden from screen readers."""
    width = part / whole * 100 if whole else 0
    return Markup(
        '<svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="bar" width="{:.1f}" height="8"/></svg>'
    ).format(max(0.5, width) if part else 0)
