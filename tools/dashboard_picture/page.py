"""Draws a CloudWatch dashboard from its JSON, without an AWS console: as an HTML page with SVG graphs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from local.log_queries import Line, answer

type Metric = tuple[str, ...]  # namespace, name, then dimension names and values in the order of their names

UNIT = 58  # pixels per column and per row of CloudWatch's grid of 24 columns
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#17becf")
STYLE = f"""
body {{ margin: 0; background: #f2f3f3; font: 13px system-ui, sans-serif; color: #16191f; }}
main {{ position: relative; width: {24 * UNIT}px; margin: 12px; }}
section {{ position: absolute; box-sizing: border-box; padding: 5px; }}
section > div {{ background: #fff; border: 1px solid #d5dbdb; border-radius: 3px; height: 100%; padding: 8px 12px;
  box-sizing: border-box; overflow: hidden; }}
section.text > div {{ background: none; border: none; }}
h2 {{ margin: 8px 0; font-size: 20px; }} h3 {{ margin: 0 0 6px; font-size: 13px; }}
.numbers {{ display: flex; gap: 24px; }} .numbers b {{ display: block; font-size: 34px; font-weight: 500; }}
.alarms {{ columns: 2; column-gap: 8px; }}
.state {{ padding: 3px 8px; margin-bottom: 4px; border-left: 5px solid #1d8102; background: #f2f8f0;
  break-inside: avoid; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; font-size: 12px; }}
.state.ALARM {{ border-color: #d13212; background: #fdf3f1; }}
.state.INSUFFICIENT_DATA {{ border-color: #879596; background: #f2f3f3; }}
table {{ border-collapse: collapse; width: 100%; font-size: 12px; }}
td, th {{ text-align: left; border-bottom: 1px solid #eaeded; padding: 3px 6px; }}
"""


@dataclass(frozen=True)
class Readings:
    """The data of a dashboard: each metric's value per night (None: no data), states of alarms, and log lines."""

    nights: Sequence[str]
    values: Mapping[Metric, Sequence[float | None]]
    alarms: Mapping[str, str]
    lines: Sequence[Line]


def page(body: str, readings: Readings) -> str:
    """The dashboard whose JSON is `body`, as an HTML page. Raises KeyError for an unknown type of widget."""
    widgets = json.loads(body)["widgets"]
    height = max(w["y"] + w["height"] for w in widgets) * UNIT
    content = "\n".join(_widget(widget, readings) for widget in widgets)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Dashboard</title><style>{STYLE}</style>'
        f'<body><main style="height: {height}px">{content}</main></body></html>'
    )


def _widget(widget: dict[str, Any], readings: Readings) -> str:
    place = "; ".join(
        f"{side}: {widget[key] * UNIT}px"
        for side, key in (("left", "x"), ("top", "y"), ("width", "width"), ("height", "height"))
    )
    content = _KINDS[widget["type"]](widget["properties"], readings)
    return f'<section class="{widget["type"]}" style="{place}"><div>{content}</div></section>'


def _text(properties: dict[str, Any], _readings: Readings) -> str:
    return f"<h2>{escape(properties['markdown'].lstrip('# '))}</h2>"


def _metric(properties: dict[str, Any], readings: Readings) -> str:
    series = [(_label(metric), _values(metric, readings)) for metric in properties["metrics"]]
    title = f"<h3>{escape(properties['title'])}</h3>"
    if properties["view"] == "singleValue":
        numbers = "".join(f"<span>{escape(name)}<b>{_short(values[-1])}</b></span>" for name, values in series)
        return f'{title}<div class="numbers">{numbers}</div>'
    return title + _graph(series, readings.nights)


def _values(metric: list[Any], readings: Readings) -> Sequence[float | None]:
    key = tuple(part for part in metric if isinstance(part, str))
    return readings.values.get(key, [None] * len(readings.nights))


def _label(metric: list[Any]) -> str:
    words = [part for part in metric if isinstance(part, str)]
    if isinstance(metric[-1], dict) and "label" in metric[-1]:
        return str(metric[-1]["label"])
    return words[1] if words[0] == "CloudSync" else words[-1]


def _graph(series: list[tuple[str, Sequence[float | None]]], nights: Sequence[str]) -> str:
    """Lines with a dot per night and three ticks, above the dates and a legend."""
    left, right, top, bottom = 56.0, 420.0, 8.0, 190.0
    top_value = max([value for _, values in series for value in values if value is not None], default=0.0) or 1.0
    step = (right - left) / max(1, len(nights) - 1)

    def at(index: int, value: float) -> tuple[float, float]:
        return left + index * step, bottom - (bottom - top) * value / top_value

    parts = []
    for tick in (0.0, top_value / 2, top_value):
        _, y = at(0, tick)
        parts.append(f'<path d="M{left} {y:.1f}H{right}" stroke="#eaeded"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(tick)}</text>')
    for index, night in enumerate(nights):
        parts.append(f'<text x="{at(index, 0)[0]:.1f}" y="{bottom + 18}" text-anchor="middle">{escape(night)}</text>')
    for number, (name, values) in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        dots = [at(index, value) for index, value in enumerate(values) if value is not None]
        line = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in dots)
        if dots:
            parts.append(f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in dots]
        x, y = left + 190 * (number % 2), bottom + 42 + 18 * (number // 2)
        parts.append(f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{x + 9}" y="{y}">{escape(name)}</text>')
    return f'<svg viewBox="0 0 440 280" width="100%" height="290" font-size="12">{"".join(parts)}</svg>'


def _short(value: float | None) -> str:
    """A short number; `--` for no data, as in CloudWatch."""
    if value is None:
        return "--"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}" if value else "0"


def _alarm(properties: dict[str, Any], readings: Readings) -> str:
    names = [arn.rpartition(":")[2] for arn in properties["alarms"]]
    boxes = []
    for name in names:
        state = readings.alarms.get(name, "INSUFFICIENT_DATA")
        boxes.append(f'<div class="state {state}">{escape(name.removeprefix("gopro-sync-"))}</div>')
    return f'<h3>{escape(properties["title"])}</h3><div class="alarms">{"".join(boxes)}</div>'


def _log(properties: dict[str, Any], readings: Readings) -> str:
    rows = answer(properties["query"], readings.lines)
    names = list(rows[0]) if rows else []
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(row[n]))}</td>" for n in names) + "</tr>" for row in rows)
    return f"<h3>{escape(properties['title'])}</h3><table><tr>{head}</tr>{body}</table>"


_KINDS = {"text": _text, "metric": _metric, "alarm": _alarm, "log": _log}
