"""One self-contained page about a folder of runs: verdicts, tables, figures, and how it all was made."""

from resnet_repro.report.page import render_page

__all__ = ["render_page"]
