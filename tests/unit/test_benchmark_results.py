"""The evaluation of the benchmark: medians, ratios, verdicts and the page; and the configuration of nginx."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from benchmarks import quota, table
from benchmarks.results import (
    AWS_CP,
    ENGINE,
    FETCH,
    RELAY,
    S5CMD,
    TARGETS,
    UPLOAD_FILEOBJ,
    NotMeasured,
    Target,
    figures,
    night_figures,
    ratio,
)
from benchmarks.rig import Files, nginx_configuration
from benchmarks.scenarios import Row, Scenario, scenarios

GIB = 1024**3
ETAGS = {"/one.mp4": '"abc-3"', "~^/small/": '"def-1"'}


def run(seconds: float, cpu: float, rss: float = 50.0, requests: int = 4) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "max_rss_mib": rss,
        "whole_seconds": seconds + 1,
        "whole_cpu_seconds": cpu + 1,
        "source_requests": requests // 2,
        "sink_requests": {"PutObject": requests - requests // 2},
    }


def numbered(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [run | {"number": number} for number, run in enumerate(runs, start=1)]


def results(**scenarios_of: dict[str, Any]) -> dict[str, Any]:
    """Results of 2 GiB in 4 files; each scenario consists of its peers' runs, or of a text that says why there are
    none."""
    measured = {
        key: {
            "title": key,
            "note": "",
            "bytes": 2 * GIB,
            "files": 4,
            "peers": {
                peer: {"problem": runs} if isinstance(runs, str) else {"runs": numbered(runs), "failures": []}
                for peer, runs in peers.items()
            },
        }
        for key, peers in scenarios_of.items()
    }
    machine = {"cpu": "a CPU", "cores": 2, "memory_gib": 8, "kernel": "Linux", "load": "0.1"}
    return {"date": "2026-01-01", "rounds": 3, "machine": machine, "versions": {}, "scenarios": measured}


def test_a_figure_is_the_median_of_the_rounds() -> None:
    found = figures(results(one={ENGINE: [run(1, 4), run(9, 20, 70), run(2, 6, 60)]}), "one", ENGINE)
    assert (found.seconds, found.cpu_per_gib, found.max_rss_mib, found.rounds) == (2, 3, 60, 3)
    assert found.throughput == pytest.approx(2 * GIB / 2 / 1e6)
    assert found.requests_per_file == 1


def test_a_ratio_is_against_the_best_of_the_peers() -> None:
    found = results(one={ENGINE: [run(2, 3)], "rclone a": [run(4, 6)], "rclone b": [run(8, 12)]})
    assert ratio(found, "one", "cpu_per_gib", ["rclone a", "rclone b"], min) == 0.5
    assert ratio(found, "one", "throughput", ["rclone a", "rclone b"], max) == 2


def test_a_slow_round_of_both_peers_does_not_change_the_ratio() -> None:
    found = results(one={ENGINE: [run(1, 4), run(9, 36), run(2, 8)], RELAY: [run(1, 2), run(9, 18), run(2, 4)]})
    assert ratio(found, "one", "cpu_per_gib", [RELAY], min) == 2
    del found["scenarios"]["one"]["peers"][RELAY]["runs"][0]  # a failed round: the others are still compared
    assert ratio(found, "one", "cpu_per_gib", [RELAY], min) == 2
    found["scenarios"]["one"]["peers"][RELAY]["runs"] = [run(1, 2) | {"number": 7}]
    with pytest.raises(NotMeasured, match="no round in common"):
        ratio(found, "one", "cpu_per_gib", [RELAY], min)


def test_a_peer_that_did_not_run_has_no_figures() -> None:
    found = results(one={ENGINE: [run(2, 3)], "rclone a": "rclone not installed"})
    with pytest.raises(NotMeasured, match="rclone not installed"):
        figures(found, "one", "rclone a")
    with pytest.raises(NotMeasured):
        ratio(found, "one", "cpu_per_gib", [], min)


@pytest.mark.parametrize(
    ("limit", "at_most", "verdict"),
    [(2.0, True, "met"), (1.99, True, "**not met**"), (2.0, False, "met"), (2.01, False, "**not met**")],
)
def test_a_target_is_met_at_its_limit_and_not_beyond(limit: float, at_most: bool, verdict: str) -> None:
    assert Target("t", limit, lambda _: 2.0, at_most).judge({})[1] == verdict


def test_a_target_without_its_measurement_has_no_verdict() -> None:
    verdicts = {target.judge(results(one={RELAY: [run(1, 1)]}))[1].split(" (")[0] for target in TARGETS}
    assert verdicts == {"not measured"}


def of_kind(
    videos: int, seconds: float, moving: float, units: int, requests: dict[str, int] | None = None
) -> dict[str, Any]:
    """Sums over the videos of one kind in a night."""
    return {
        "videos": videos,
        "batches": 1,
        "bytes": videos * 5_000_000,
        "seconds": seconds,
        "moving_seconds": moving,
        "cpu_seconds": seconds / 10,
        "requests": requests or {"api.download": videos, "s3.PutObject": 2 * videos, "s3.HeadObject": videos},
        "write_units": units,
    }


def night(*kinds: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    """A night of so many rounds, each with small and large videos."""
    rounds = [
        {
            "listing_seconds": 1.5,
            "kinds": {"clip": clip, "recording": recording},
            "shared_write_units": 7,
            "max_rss_mib": 75.0,
        }
        for clip, recording in kinds
    ]
    return {"latencies": {"api": 0.2, "dynamodb": 0.008}, "rounds": rounds}


def listing(seconds: float) -> dict[str, Any]:
    measured = {"listed": 100_000, "new": 0, "invocations": 1, "cpu_seconds": 20.0, "max_rss_mib": 70.0}
    requests = {"api.search": 2_002, "dynamodb.BatchGetItem": 1_000}
    return {"page_seconds": 0.15, "rounds": [measured | {"seconds": seconds, "requests": requests}]}


def test_each_target_uses_the_right_figures() -> None:
    ours, floor, rclone = run(10, 5, 75, requests=8), run(9, 4), run(20, 10)
    small = {ENGINE: [run(4, 5, requests=8)], "rclone copy": [run(10, 5)], "naive loop": [run(1, 1)]}
    single = {UPLOAD_FILEOBJ: [run(60, 8)], "naive loop": [run(50, 8)], "rclone copyurl": [run(70, 3)]}
    found = results(
        one={ENGINE: [ours], RELAY: [floor], "rclone copyurl": [rclone], UPLOAD_FILEOBJ: [run(20, 8)]},
        huge={ENGINE: [run(80, 40, 90)]},
        slow={ENGINE: [ours], "rclone multi-thread": [run(11, 9)], **single},
        small=small,
        fetch={FETCH: [run(5, 2)], AWS_CP: [run(10, 5)], S5CMD: [run(4, 3)]},
    )
    found["scenarios"]["lambda"] = results(x={ENGINE: [ours], "rclone copyurl": [run(15, 8)]})["scenarios"]["x"]
    found["night"] = night((of_kind(10, 5.0, 2.0, 70), of_kind(2, 9.0, 8.0, 18)))
    found["listing"] = listing(110.0)
    assert [target.judge(found) for target in TARGETS] == [
        ("1.25 ×", "**not met**"),  # CPU: the floor
        ("0.50 ×", "met"),  # rclone
        ("0.62 ×", "**not met**"),  # upload_fileobj
        ("1.50 ×", "**not met**"),  # a function of 512 MB
        ("5.00 ×", "**not met**"),  # a slow source: single streams
        ("1.10 ×", "**not met**"),  # and rclone with several
        ("75.00 MiB", "met"),
        ("90.00 MiB", "**not met**"),
        ("1.00 ×", "met"),  # small files: CPU
        ("2.00", "met"),  # and requests
        ("0.30 s", "met"),  # waiting
        ("9.00", "**not met**"),  # ledger writes, of the large videos
        ("110.00 s", "met"),
        ("0.80 ×", "**not met**"),  # a fetch: s5cmd is faster
        ("0.40 ×", "met"),  # CPU, of aws s3 cp
    ]


def test_the_targets_are_those_of_what_is_shipped() -> None:
    assert [target.bound for target in TARGETS] == [
        "≤ 1.2 ×", "≤ 0.55 ×", "≤ 0.5 ×", "≥ 1.6 ×", "≥ 6 ×", "≥ 1.2 ×", "≤ 80 MiB", "≤ 80 MiB", "≤ 1 ×", "≤ 2",
        "≤ 0.35 s", "≤ 8", "≤ 120 s", "≥ 1 ×", "≤ 0.5 ×",
    ]  # fmt: skip


def test_waiting_is_the_functions_time_in_which_no_byte_moves_per_video() -> None:
    large = of_kind(1, 1.0, 1.0, 1)
    rounds = [(of_kind(10, seconds, 1.0, 60), large) for seconds in (4.0, 90.0, 5.0)]
    found = night_figures({"night": night(*rounds)}, "clip")
    assert (found.seconds, found.moving, found.write_units, found.cpu) == (0.5, 0.1, 6, 0.05)
    assert found.waiting == pytest.approx(0.4)
    assert found.requests == {"api": 1, "s3": 3}


def test_a_night_that_ended_early_says_why_and_keeps_the_other_scenarios() -> None:
    found = results(one={ENGINE: [run(2, 3)]}) | {"night": {"latencies": {}, "problem": "a batch was not finished"}}
    with pytest.raises(NotMeasured, match="a batch was not finished"):
        night_figures(found, "clip")
    text = table.page(found)
    assert "| small | a batch was not finished |" in text and "| engine | 1074 |" in text


def test_the_page_shows_both_nights() -> None:
    found = results(one={ENGINE: [run(2, 3)]})
    found |= {"night": night((of_kind(10, 5.0, 2.0, 70), of_kind(2, 9.0, 8.0, 18))), "listing": listing(110.0)}
    text = table.page(found)
    assert "with these latencies: api 200 ms, dynamodb 8 ms." in text
    assert "| 10 small | 5 | 0.50 | 0.20 | 0.30 | 0.050 | 7 | api 1, s3 3 |" in text
    assert "All videos take 14 s of the function, and the listing 1.5 s before them." in text
    assert "| 100,000 | 110 | 20.0 | 1 | 2,002 | 70 |" in text and "Each page takes 150 ms." in text


def test_a_row_shows_missing_programs_and_failures() -> None:
    found = results(one={ENGINE: [run(2, 3)], "curl | aws": "aws not installed"})
    found["scenarios"]["one"]["peers"][ENGINE]["failures"] = ["moved 1 byte"]
    text = table.page(found)
    assert "| curl \\| aws | aws not installed |" in text
    assert "| engine | 1074 | 1.50 | 1.00 × the CPU, 1.00 × the speed | 50 | 1 | 1, 1 failed |" in text


def test_a_peer_does_not_run_again_after_two_failures() -> None:
    row = Row()
    row.failures.append("once")
    assert row.goes_on
    row.failures.append("twice")
    assert not row.goes_on and row.as_json() == {"problem": "once"}


def test_every_target_has_a_scenario_that_measures_it() -> None:
    found: dict[str, Scenario] = {scenario.key: scenario for scenario in scenarios(Files(64, 3))}
    assert set(found) == {"one", "huge", "slow", "lambda", "small"}
    assert all(scenario.peers[0].name == ENGINE for scenario in found.values())
    assert found["huge"].size == 8 * found["one"].size
    assert found["slow"].slow and found["slow"].connections == 8
    assert found["lambda"].cores == pytest.approx(512 / 1769 * 0.34)


def test_the_servers_choose_the_cipher_as_aws_does() -> None:
    text = nginx_configuration(1111, 2222, None, ETAGS)
    assert "ssl_prefer_server_ciphers on;" in text
    assert "ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256:" in text


def test_only_the_slow_server_limits_connections_and_never_for_its_status() -> None:
    text = nginx_configuration(1111, 2222, None, ETAGS)
    fast, slow = text.split("server {")[-2:]
    assert "listen 127.0.0.1:1111 ssl" in fast and "limit_rate 30000000" not in fast
    assert "listen 127.0.0.1:2222 ssl" in slow and "limit_rate 30000000;" in slow
    assert text.count("stub_status; limit_rate 0;") == 2
    assert "user " not in text and nginx_configuration(1, 2, "somebody", ETAGS).startswith("user somebody;")


def test_the_source_sends_the_etag_of_each_file_as_a_content_delivery_network_does() -> None:
    text = nginx_configuration(1111, 2222, None, ETAGS)
    assert """map $uri $content_etag {\n    /one.mp4 '"abc-3"';\n    ~^/small/ '"def-1"';\n  }""" in text
    assert text.count("add_header ETag $content_etag;") == 2 and "etag off;" in text


def test_a_process_is_limited_by_signals_only_without_a_control_group() -> None:
    with quota.governed(None, 0), quota.governed(quota.Quota(0.1, "/group/cgroup.procs", "a group"), 0):
        pass
    assert quota._cpu_seconds(2**30) == 0.0 and quota._children(2**30) == []


def test_a_process_uses_its_core_and_the_servers_use_the_others() -> None:
    cores = os.sched_getaffinity(0)
    server = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with quota.apart((server.pid,)) as core:
            with quota.on_its_core(quota.Quota(0.1, "", "", core)):
                assert os.sched_getaffinity(0) == ({core} if core is not None else cores)
            assert core is None or os.sched_getaffinity(server.pid) == cores - {core}
        assert os.sched_getaffinity(server.pid) == os.sched_getaffinity(0) == cores
    finally:
        server.communicate(b"\n")
