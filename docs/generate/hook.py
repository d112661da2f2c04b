"""A hook of MkDocs that adds the pages that are generated from the code."""

from __future__ import annotations

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parents[2]))  # the checkout: its code is documented, wherever mkdocs is started

from docs.generate import commands, configuration, layers

PAGES = {"reference/configuration.md": configuration.page, "reference/commands.md": commands.page}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Called by MkDocs when it has listed docs/."""
    for path, page in PAGES.items():
        files.append(File.generated(config, path, content=page()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Called by MkDocs for each page: puts the tables of packages where a page asks for them."""
    for root in ("synth_scaling", "analysis"):
        markdown = markdown.replace(f"<!-- packages of {root} -->", layers.table(root))
    return markdown
