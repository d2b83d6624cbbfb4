"""Nothing in `.build` is believed: what was replaced, planted or changed there is noticed before it is deployed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync import layer
from cloud_sync.earlier_output import remove_earlier_assets
from cloud_sync.layer_content import digest, digest_of, first_difference, listing, sha256
from tests.unit.test_layer import OF_PIP, Pip, files, function_code, lock, pip

__all__ = ["function_code", "pip"]  # fixtures


def build() -> Path:
    return layer.build_layer("arm64", "3.13")


def refusal() -> str:
    with pytest.raises(layer.LayerError) as caught:
        build()
    return str(caught.value)


def test_another_wheel_under_one_version_is_refused_and_nothing_of_it_is_kept(pip: Pip) -> None:
    pip.content = {"six.py": "of another wheel with the same name and version"}
    sentence = refusal()
    assert "arm64, Python 3.13 is not what lambda_layer/contents.json has the digest of" in sentence
    assert "run `make lock`" in sentence
    assert files(layer.BUILDS) == []


def test_another_wheel_under_one_version_changes_the_name_of_the_layer_once_it_is_locked(pip: Pip) -> None:
    before = build()
    pip.content = {"six.py": "of another wheel with the same name and version"}
    lock({"boto3/session.py": "boto3/session.py", "six-1.17.0.dist-info/METADATA": "six-1.17.0.dist-info/METADATA"}
         | pip.content)  # fmt: skip
    after = build()
    assert after.name != before.name
    assert (after / "python/six.py").read_text() == pip.content["six.py"]


def test_two_machines_with_the_same_wheels_give_the_layer_one_name(pip: Pip, monkeypatch: pytest.MonkeyPatch) -> None:
    before = build()
    monkeypatch.setattr(layer, "BUILDS", layer.BUILDS.with_name("builds of another machine"))
    pip.machine = "/opt/another/python3.12"
    previous = os.umask(0o077)
    try:
        after = build()
    finally:
        os.umask(previous)
    assert (before.name, files(before)) == (after.name, files(after))
    assert not set(files(after)) & {f"python/{name}" for name in OF_PIP}
    assert {path.stat().st_mode & 0o777 for path in after.rglob("*") if path.is_file()} == {0o644}  # Lambda reads them


def change(folder: Path) -> Path:
    (folder / "six.py").write_text("six.pY")
    return folder / "six.py"


def plant(folder: Path) -> Path:
    (folder / "boto3" / "ec2.py").write_text("")
    return folder / "boto3" / "ec2.py"


def plant_compiled(folder: Path) -> Path:
    """Python runs it in place of the source beside it."""
    (folder / "boto3" / "__pycache__").mkdir()
    (folder / "boto3" / "__pycache__" / "session.cpython-313.pyc").write_text("")
    return folder / "boto3" / "__pycache__" / "session.cpython-313.pyc"


def link(folder: Path) -> Path:
    content = (folder / "six.py").read_text()
    (folder / "six.py").unlink()
    elsewhere = folder.parent.parent / "elsewhere"
    elsewhere.write_text(content)
    (folder / "six.py").symlink_to(elsewhere)
    return folder / "six.py"


def remove(folder: Path) -> Path:
    (folder / "six-1.17.0.dist-info" / "METADATA").unlink()
    return folder / "six-1.17.0.dist-info" / "METADATA"


CHANGES = [change, plant, plant_compiled, link, remove]


@pytest.mark.parametrize("alter", CHANGES)
def test_a_file_of_a_built_layer_that_is_not_as_built_is_named_with_what_to_do(
    pip: Pip, alter: Callable[[Path], Path]
) -> None:
    altered = alter(build() / "python")
    assert refusal().startswith(f"{altered} ")
    assert "Delete the folder .build and run this again" in refusal()


@pytest.mark.parametrize("place", ["extensions/started-by-lambda", "lib/libcrypto.so.3", "bin/tool", "read-me"])
def test_a_file_beside_the_packages_of_a_built_layer_is_refused_too(pip: Pip, place: str) -> None:
    """All of the folder is in the layer: Lambda starts what is in `extensions`, and loads what is in `lib`."""
    planted = build() / place
    planted.parent.mkdir(exist_ok=True)
    planted.write_text("")
    assert refusal().startswith(f"{planted} does not belong there. ")


@pytest.mark.parametrize("alter", CHANGES)
def test_a_file_of_the_unpacked_wheels_that_is_not_as_built_is_named_and_no_layer_is_built_of_it(
    pip: Pip, function_code: Path, alter: Callable[[Path], Path]
) -> None:
    build()
    (wheels,) = layer.BUILDS.glob("wheels-*/python")
    altered = alter(wheels)
    (function_code / "ledger.py").write_text("ROWS = 2\n")  # another layer is made of these wheels
    assert refusal().startswith(f"{altered} ")
    assert len(list(layer.BUILDS.glob("layer-*"))) == 1


def test_changed_function_code_in_a_built_layer_is_noticed(pip: Pip) -> None:
    code = build() / "python/cloud_sync_common/ledger.py"
    code.write_text("ROWS = 3\n")
    assert refusal().startswith(f"{code} has been changed")


@pytest.mark.parametrize("content", ["{}", "[]", "no JSON", '{"six.py": 1}', '{"six.py": "00"}', "\xff"])
def test_a_list_that_was_changed_with_the_files_is_not_believed(pip: Pip, content: str) -> None:
    build()
    (record,) = layer.BUILDS.glob("wheels-*/files.json")
    record.write_text(content, encoding="latin-1")
    assert refusal().startswith(f"{record} is not the list that was written there. Delete the folder .build")
    record.unlink()
    assert refusal().startswith(f"{record} is not the list that was written there. Delete the folder .build")


def test_a_platform_that_is_not_locked_is_refused_with_the_word_that_locks_it(pip: Pip) -> None:
    layer.CONTENTS.write_text('{"x86_64": {"3.13": "00"}}')
    assert refusal() == "contents.json has no digest for arm64, Python 3.13. Run `make lock`."
    assert pip.commands == []


def test_what_an_earlier_synthesis_left_is_removed_and_templates_stay(tmp_path: Path) -> None:
    output = tmp_path / "cdk.out"
    for name in ("asset.1/python/six.py", "asset.2.zip", ".cache/archive/1.zip", "CloudSync-dev.template.json"):
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).touch()
    (tmp_path / "kept").mkdir()
    (output / "asset.3").symlink_to(tmp_path / "kept")
    remove_earlier_assets(output)
    assert [path.name for path in output.iterdir()] == ["CloudSync-dev.template.json"]
    assert (tmp_path / "kept").is_dir()
    remove_earlier_assets(output / "of the first synthesis")


def test_a_folder_as_it_was_listed_has_no_difference(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "empty").mkdir(parents=True)
    (folder / "six.py").write_text("1")
    (folder / "pipe").symlink_to("nowhere")
    assert listing(folder) == {"six.py": sha256(b"1"), "pipe": "neither a file nor a folder"}
    assert first_difference(folder, listing(folder)) is None


def test_a_digest_does_not_depend_on_the_order_in_which_a_disk_lists_its_files() -> None:
    assert digest({"a": "1", "b": "2"}) == digest({"b": "2", "a": "1"}) != digest({"a": "2", "b": "1"})


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_different_lists_of_parts_have_different_digests(one: list[bytes], other: list[bytes]) -> None:
    assert (digest_of(*one) == digest_of(*other)) is (one == other)
