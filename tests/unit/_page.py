"""What a reader sees of a page, and how a phone shows it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest


class Text(HTMLParser):
    """What a reader sees: the text of a page without its styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._hidden = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"[\s\u202f]+", " ", " ".join(self.words))


_MEASURE = """<script>
const wide = [...document.querySelectorAll("figure, table, pre, svg, p, dl")]
  .filter(e => !e.closest(".scroll") && e.getBoundingClientRect().right > innerWidth + 1);
const root = document.documentElement;
parent.postMessage({hidden: root.scrollWidth - root.clientWidth, window: innerWidth,
  wide: wide.length, height: document.body.scrollHeight}, "*");
</script>"""
_FRAME = """<iframe src="copy.html" style="width: WIDTHpx; height: 900px; border: 0"></iframe>
<script>addEventListener("message", e => { document.title = JSON.stringify(e.data); });</script>"""


def on_a_phone(
    folder: Path, page: str, measure: str = _MEASURE, *, width: int = 420
) -> dict[str, Any]:
    """What a script measures in a page of this width in pixels; skips where there is no browser."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium).")
    (folder / "copy.html").write_text(page + measure, encoding="utf-8")
    (folder / "frame.html").write_text(_FRAME.replace("WIDTH", str(width)))
    words = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    quiet = "--disable-background-networking --disable-component-update --disable-sync"
    done = subprocess.run(
        [
            *(chromium, *words.split(), *quiet.split()),
            f"--user-data-dir={folder / 'profile'}",
            *("--virtual-time-budget=3000", "--dump-dom", (folder / "frame.html").as_uri()),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "HOME": str(folder)},
    )
    title = re.search("<title>(.*)</title>", done.stdout)
    assert title, done.stderr[-2000:]
    measured: dict[str, Any] = json.loads(title[1])
    return measured
