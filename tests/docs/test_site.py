"""The site: every page and every link, from the text and from the code."""

import os
import subprocess
import sys

import pytest

from tests.docs.blocks import ROOT


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="the extra [docs] is not installed: make test-slow")
    # In a process of its own, as `make docs` does: its hooks import the package.
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for page in ("index", "tutorial", "reference/configuration", "reference/commands", "reference/api/cman_tf.layers"):
        assert (tmp_path / "site" / f"{page}.html").stat().st_size > 1000, page
