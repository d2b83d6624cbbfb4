"""The dashboard drawn from its JSON, and the small interpreter of Logs Insights queries."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.log_queries import QueryError, answer
from tests.synthesis import ROOT, Synthesis
from tools.dashboard_picture.page import Readings, page

SERVICE = ("provider", "gopro", "service", "cloud-sync")
LINES = [
    {"@timestamp": 1, "message": "video", "file": "A", "status": "FAILED", "slices": 1, "gb_seconds": 2.5, "error": ""},
    {"@timestamp": 2, "message": "video", "file": "B", "status": "ARCHIVED", "slices": 3, "gb_seconds": 9.0},
    {"@timestamp": 3, "message": "trying again", "error": "ShortReadError", "function_name": "f"},
    {"@timestamp": 4, "message": "trying again", "error": "ShortReadError", "function_name": "f"},
    {"@timestamp": 5, "message": "x", "error": "IntegrityError", "function_name": "f"},
]


def drawn(widget: dict[str, Any], **changes: Any) -> str:
    place = {"x": 0, "y": 0, "width": 6, "height": 6}
    given = {"nights": ["21 Nov", "22 Nov"], "values": {}, "alarms": {}, "lines": LINES} | changes
    return page(json.dumps({"widgets": [place | widget]}), Readings(**given))


def metric(view: str, *metrics: list[Any]) -> dict[str, Any]:
    return {"type": "metric", "properties": {"title": "T", "view": view, "metrics": list(metrics)}}


def test_the_whole_deployed_dashboard_can_be_drawn(synthesis: Synthesis) -> None:
    stack = synthesis.of("local")
    body = stack.text(stack.only("AWS::CloudWatch::Dashboard")["Properties"]["DashboardBody"])
    html = page(body, Readings(nights=["22 Nov"], values={}, alarms={}, lines=LINES))
    for widget in json.loads(body)["widgets"]:
        title = widget["properties"].get("title") or widget["properties"]["markdown"].lstrip("# ")
        assert title in html
    assert html.count("<section") == len(json.loads(body)["widgets"])


def test_a_number_is_that_of_the_last_night_and_missing_data_is_shown() -> None:
    widget = metric("singleValue", ["CloudSync", "VideosArchived", *SERVICE], ["CloudSync", "Backlog", *SERVICE])
    html = drawn(widget, values={("CloudSync", "VideosArchived", *SERVICE): [3.0, 17.0]})
    assert "VideosArchived<b>17</b>" in html and "Backlog<b>--</b>" in html


def test_a_graph_has_a_dot_for_each_night_with_data() -> None:
    widget = metric("timeSeries", ["CloudSync", "RunCost", *SERVICE, {"stat": "Sum"}])
    dots = [
        drawn(widget, values={("CloudSync", "RunCost", *SERVICE): v}).count('r="3"') for v in ([1.0, 2.0], [None, 2.0])
    ]
    assert dots == [2, 1]


def test_an_alarm_shows_its_state() -> None:
    widget = {"type": "alarm", "properties": {"title": "T", "alarms": ["arn:aws:cloudwatch:r:1:alarm:gopro-sync-x"]}}
    assert '<div class="state ALARM">x</div>' in drawn(widget, alarms={"gopro-sync-x": "ALARM"})


def test_the_content_of_a_log_cannot_become_markup() -> None:
    lines = [{"@timestamp": 1, "message": "video", "file": "<script>", "status": "FAILED"}]
    query = "SOURCE 'g' | filter message = \"video\" | fields file"
    html = drawn({"type": "log", "properties": {"title": "T", "query": query}}, lines=lines)
    assert "&lt;script&gt;" in html and "<script>" not in html


def test_an_unknown_type_of_widget_is_an_error() -> None:
    with pytest.raises(KeyError):
        drawn({"type": "explorer", "properties": {}})


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('filter message = "video" and slices > 1 | fields file', [{"file": "B"}]),
        ('filter status in ["FAILED", "UNAVAILABLE"] | fields file, reason', [{"file": "A", "reason": ""}]),
        ("filter ispresent(gb_seconds) | sort gb_seconds desc | limit 1 | fields file", [{"file": "B"}]),
        (
            "filter ispresent(error) | stats count(*) as times by error, function_name | sort times desc",
            [
                {"error": "ShortReadError", "function_name": "f", "times": 2},
                {"error": "IntegrityError", "function_name": "f", "times": 1},
            ],
        ),
    ],
)
def test_a_query_has_the_result_of_logs_insights(query: str, found: list[dict[str, Any]]) -> None:
    assert answer(query, LINES) == found


@pytest.mark.parametrize("query", ["parse message /x/", "filter message like /x/", "stats avg(seconds) by file"])
def test_an_unsupported_query_is_refused(query: str) -> None:
    with pytest.raises(QueryError):
        answer(query, LINES)


def test_the_readme_shows_the_picture_of_the_dashboard() -> None:
    picture = ROOT / "docs" / "images" / "dashboard.png"
    assert "(docs/images/dashboard.png)" in (ROOT / "README.md").read_text()
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size < 400_000
