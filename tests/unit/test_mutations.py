"""The changes that `make mutants` makes: what each kind does to a line, what is never changed, and the sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.mutants.equivalents import Change, gone, read_equivalents
from tools.mutants.mutations import mutations, sample
from tools.mutants.operators import OPERATORS
from tools.mutants.scope import FUNCTION_CODE, LEFT_OUT, ROOT, core_modules, files_of_tests
from tools.mutants.source_text import SourceText
from tools.mutants.trials import bound_names

EACH_KIND = [
    ("comparison", "x = a < b", {"x = a <= b", "x = a >= b"}),
    ("comparison", "x = (a) == (b)", {"x = (a) != (b)"}),
    ("comparison", "x = a not in b is c", {"x = a in b is c", "x = a not in b is not c"}),
    ("comparison", "x = isinstance in a", {"x = isinstance not in a"}),
    ("and/or", "x = a and b and c", {"x = a or b or c"}),
    ("and/or", "x = (a or b) or not c", {"x = (a and b) or not c", "x = (a or b) and not c", "x = (a or b) or c"}),
    ("arithmetic", "x = a + b * c", {"x = a - b * c", "x = a + b // c"}),
    ("arithmetic", "x = 'a' + b", set()),
    ("arithmetic", "x += n", {"x -= n"}),
    ("constant", "x = 1_000", {"x = 1001", "x = 999"}),
    ("constant", "x = f(True, 0.5)", {"x = f(False, 0.5)", "x = f(True, 1.5)", "x = f(True, -0.5)"}),
    ("call removed", "x = min(a + 1, b)", {"x = (a + 1)", "x = b"}),
    ("call removed", "x = name.strip()", {"x = name"}),
    ("statement removed", "f(x)", {"pass"}),
    ("statement removed", "del x[0]", {"pass"}),
    ("statement removed", "self.x = y", {"pass"}),
    ("statement removed", "x = y", set()),
    ("raise removed", "raise ValueError(x) from None", {"pass"}),
    ("dict entry removed", "x = {'é': 1, **b, 'c': 2,}", {
        "x = {**b, 'c': 2,}", "x = {'é': 1, 'c': 2,}", "x = {'é': 1, **b,}"}),
    ("dict entry removed", "x = {'a': 1}", {"x = {}"}),
    ("keyword removed", "x = f(a, b=1, *c, d=2)", {"x = f(a, *c, d=2)", "x = f(a, b=1, *c)"}),
    ("DynamoDB condition", "x = 'attribute_not_exists(pk)'", {"x = 'attribute_exists(pk)'"}),
    ("DynamoDB condition", "x = '#a = :b OR #c < :d'", {
        "x = '#a <> :b OR #c < :d'", "x = '#a = :b AND #c < :d'", "x = '#a = :b OR #c > :d'"}),
    ("DynamoDB condition", "x = 'a = b OR not'", set()),
    ("forced branch", "x = a if f(b) else c", {"x = a if True else c", "x = a if False else c"}),
    ("forced branch", "while f(a): b = 1", {"while False: b = 1"}),
    ("forced branch", "x = [y for y in z if y.a]", {"x = [y for y in z if True]", "x = [y for y in z if False]"}),
    ("forced branch", "x = a if (b := c) else d", set()),
]  # fmt: skip


def changed(text: str, kind: str) -> set[str]:
    source = SourceText(text)
    return {source.before_and_after(one)[1] for one in mutations("m.py", source) if one.kind == kind}


@pytest.mark.parametrize(("kind", "before", "after"), EACH_KIND)
def test_each_kind_of_change_does_what_it_says(kind: str, before: str, after: set[str]) -> None:
    assert changed(before, kind) == after


def test_every_kind_of_change_has_an_example() -> None:
    assert {kind for kind, _, after in EACH_KIND if after} == set(OPERATORS)


@pytest.mark.parametrize(
    "text",
    [
        '"""Says 1 < 2."""',
        'def f(x: Annotated[int, 3]) -> Literal[4]:\n    """Says 1."""\n    return x',
        "class A(Struct, frozen=True, kw_only=True):\n    x: Literal[1]",
        "@dataclass(frozen=True)\nclass A:\n    x: list[int] = field(default_factory=list, repr=False)",
        "def f(x):\n    logger.warning('1 < 2', extra={'a': 1 + x})",
        "if TYPE_CHECKING:\n    x = 1 + 2",
        "type X = dict[str, Literal[1]]",
        "from a import b",
    ],
)
def test_texts_types_declarations_and_log_lines_are_never_changed(text: str) -> None:
    assert mutations("m.py", SourceText(text)) == []


def test_a_change_knows_its_function_its_line_and_the_lines_of_its_statement() -> None:
    source = SourceText("class A:\n    def f(self):\n        return g(\n            1,\n            b=2,\n        )\n")
    (first,) = {one for one in mutations("m.py", source) if one.kind == "keyword removed"}
    assert (first.function, first.lines, source.line_of(first)) == ("A.f", (3, 6), 4)
    (of_default,) = {one.function for one in mutations("m.py", SourceText("def f(a=1):\n    pass\n"))}
    assert of_default == ""


def test_a_condition_is_a_line_of_its_own_not_the_body_below() -> None:
    source = SourceText("def f(a, b):\n    if (a and\n            b):\n        return 1\n    return 2\n")
    lines = {one.kind: one.lines for one in mutations("m.py", source)}
    assert lines["and/or"] == lines["forced branch"] == (2, 3)


def test_what_is_no_python_or_the_same_program_is_no_change() -> None:
    source = SourceText("x = -0\n")
    assert {source.mutated(one): source.changes_the_program(one) for one in mutations("m.py", source)} == {
        "x = -1\n": True,
        "x = --1\n": True,
    }
    broken = SourceText("x = {'a': (1 + 2), 'b': 3}\n")
    assert False in {broken.changes_the_program(one) for one in mutations("m.py", broken)}


def test_a_sample_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    sources = {name: SourceText((ROOT / FUNCTION_CODE / name).read_text()) for name in core_modules(only="stores/")}
    one, same, other = sample(sources, 50, 1), sample(sources, 50, 1), sample(sources, 50, 2)
    assert one == same
    assert len(one) == len(set(one)) == 50
    assert set(one) != set(other)


def test_a_new_line_in_one_module_leaves_the_sample_of_the_others_as_it_was() -> None:
    old = {"a.py": SourceText("x = a < b\n"), "b.py": SourceText("y = c + d\nz = e - 1\n")}
    new = {**old, "a.py": SourceText("w = 1\nx = a < b\n")}
    every = [one for one in sample(old, 10, 1) if one.module == "b.py"]
    assert every == [one for one in sample(new, 10, 1) if one.module == "b.py"]
    first = sample(old, 1, 1)[0]
    assert {first.new} <= {one.new for one in sample(new, 3, 1)}  # pushed back by new lines at most


def test_a_sample_has_nothing_twice_and_ends_with_what_there_is() -> None:
    assert len(sample({"m.py": SourceText("x = a < b\n")}, 10, 1)) == 2


def test_the_core_is_every_module_where_a_mistake_costs_a_video_a_run_or_money() -> None:
    modules = core_modules()
    assert {"stores/ledger.py", "providers/gopro.py", "steps/report.py", "retry_utils.py"} < set(modules)
    assert core_modules(only=f"{FUNCTION_CODE}/stores/ledger.py") == ["stores/ledger.py"]
    assert {name.partition("/")[0] for name in modules} == {
        "camera_names.py", "file_services", "filters.py", "http", "provider_access", "providers", "retry_utils.py",
        "runtime", "source_identity.py", "steps", "stores", "transfer",
    }  # fmt: skip


def test_every_file_of_tests_that_is_left_out_exists() -> None:
    assert [name for name in LEFT_OUT if not (ROOT / name).is_file()] == []
    assert set(LEFT_OUT).isdisjoint(files_of_tests(ROOT))


def test_a_file_of_tests_takes_part_when_it_imports_function_code_also_by_way_of_others(tmp_path: Path) -> None:
    for name, text in (
        ("tests/unit/test_direct.py", "import re\nfrom cloud_sync_common.stores import ledger"),
        ("tests/unit/test_by_another.py", "from tests.unit import doubles"),
        ("tests/unit/doubles.py", "from tests import more"),
        ("tests/more.py", "import lambdas.run_report.handler"),
        ("tests/integration/test_infrastructure.py", "import cloud_sync.config"),
        ("lambda_layer/python/cloud_sync_common/stores/ledger.py", ""),
        ("lambdas/run_report/handler.py", ""),
        ("cloud_sync/config.py", ""),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert files_of_tests(tmp_path) == ["tests/unit/test_by_another.py", "tests/unit/test_direct.py"]


def test_the_names_that_a_statement_binds_are_those_of_the_smallest_around_it() -> None:
    text = "A, B = 1, 2\n\n\nclass C:\n    d: int = 3\n\n    @e(4)\n    def f(self, g=5):\n        return 6\n"
    assert bound_names(text, (1, 1)) == {"A", "B"}
    assert bound_names(text, (5, 5)) == {"d"}
    assert bound_names(text, (8, 8)) == {"f"}


LISTED = """
[[equivalent]]
module = "m.py"
function = "f"
original = "return a < 1"
mutated = "return a <= 1"
reason = "a is never 1"
"""


def test_an_equivalent_change_is_found_by_its_text_wherever_it_stands(tmp_path: Path) -> None:
    (tmp_path / "equivalent.toml").write_text(LISTED)
    listed = read_equivalents(tmp_path / "equivalent.toml")
    assert listed == {Change("m.py", "f", "return a < 1", "return a <= 1"): "a is never 1"}
    assert gone(listed, {"m.py": SourceText("\n\n\ndef f(a):\n    return  a < 1\n")}) == []


def test_an_equivalent_change_that_fits_no_line_any_more_is_named(tmp_path: Path) -> None:
    listed = [Change("m.py", "f", "return a < 1", "return a <= 1")]
    assert gone(listed, {"m.py": SourceText("def g(a):\n    return a < 1\n")}) == listed
    assert gone(listed, {"other.py": SourceText("def f(a):\n    return a < 1\n")}) == listed


def test_an_equivalent_change_needs_a_reason(tmp_path: Path) -> None:
    (tmp_path / "equivalent.toml").write_text(LISTED.replace("a is never 1", " "))
    with pytest.raises(ValueError, match="has no reason"):
        read_equivalents(tmp_path / "equivalent.toml")


def test_every_change_that_is_listed_as_equivalent_can_still_be_made() -> None:
    sources = {name: SourceText((ROOT / FUNCTION_CODE / name).read_text()) for name in core_modules()}
    assert gone(read_equivalents(ROOT / "tools" / "mutants" / "equivalent.toml"), sources) == []
