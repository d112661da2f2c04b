"""Pages in headless Chromium."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH (apt-get install chromium)")


def browse(folder: Path, text: str, *arguments: str) -> str:
    """Open a page in headless Chromium; returns what it prints."""
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/profile"]
    done = subprocess.run(
        [str(CHROMIUM), *options, *arguments, file.as_uri()], capture_output=True, text=True, timeout=300, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def result_of(folder: Path, text: str, code: str, width: int | None = None) -> Any:
    """The JSON data that `code`, the body of a JavaScript function run at the page's end, returns.

    With `width` the page is shown in a frame of so many pixels: a window of Chromium has at least 500.
    """
    script = f"<script>parent.document.title = JSON.stringify((() => {{ {code} }})());</script></body>"
    shown = text.replace("</body>", script)
    if width is not None:
        style = f"width:{width}px;height:2000px;border:0"
        shown = f'<title></title><iframe style="{style}" srcdoc="{html.escape(shown)}"></iframe>'
    found = re.search("<title>(.*?)</title>", browse(folder, shown, "--dump-dom"), re.DOTALL)
    assert found is not None
    return json.loads(html.unescape(found[1]))
