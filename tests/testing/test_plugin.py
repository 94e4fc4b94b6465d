"""The pytest plugin, in a pytest run of its own."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from .helpers import script

pytest_plugins = ["pytester"]

GOOD = "- connect: '*'"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def run_pytest(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A pytest that has the plugin, whether the package is installed with its entry point or not."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    installed = "specbuilder" in entry_points(group="pytest11").names
    monkeypatch.setenv(
        "PYTEST_ADDOPTS", "-p no:cacheprovider" + ("" if installed else " -p specbuilder.testing.plugin")
    )
    return pytester


def test_a_folder_of_specs(run_pytest: pytest.Pytester) -> None:
    folder = run_pytest.mkdir("specs")
    (folder / "vendor.yaml").write_text(f"# a comment\n\n---\n{script(GOOD)}", encoding="utf-8")
    (folder / "bad.yml").write_text(script("- ended"), encoding="utf-8")
    (folder / "other.yaml").write_text("name: compose\nspec: 1\n", encoding="utf-8")
    (folder / "special.yaml").write_text("specification: 1\n", encoding="utf-8")
    (folder / "pod.yaml").write_text("spec:\n  containers: []\n", encoding="utf-8")
    (folder / "empty.yaml").write_text("", encoding="utf-8")
    result = run_pytest.runpytest_subprocess("-v", "specs")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["specs/bad.yml::a test FAILED*", "specs/vendor.yaml::a test PASSED*"])
    line = script("- ended").splitlines().index("      - ended") + 1
    result.stdout.fnmatch_lines([f"{folder / 'bad.yml'}:{line}:9: it has not ended"])
    assert "Traceback" not in result.stdout.str()
    assert "runner.py" not in result.stdout.str()


def test_a_spec_that_cannot_be_used(run_pytest: pytest.Pytester) -> None:
    path = run_pytest.path / "vendor.yaml"
    path.write_text(script(GOOD).replace("when: type == 'end'", "wen: type == 'end'"), encoding="utf-8")
    result = run_pytest.runpytest_inprocess(path)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"{path}:*: stream.rules[[]2[]]*wen*"])


def test_one_test_by_its_name(run_pytest: pytest.Pytester) -> None:
    path = run_pytest.path / "vendor.yaml"
    path.write_text(script(GOOD) + "  - {name: broken, stream: [ended]}\n", encoding="utf-8")
    run_pytest.runpytest_inprocess(path, "-k", "not broken").assert_outcomes(passed=1, deselected=1)


def test_the_plugin_alone_imports_no_livekit(run_pytest: pytest.Pytester) -> None:
    code = "import sys, specbuilder.testing.plugin; sys.exit('livekit' in sys.modules)"
    assert run_pytest.run(sys.executable, "-c", code).ret == 0


def test_it_is_an_entry_point() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points.pytest11]\nspecbuilder = "specbuilder.testing.plugin"' in text
