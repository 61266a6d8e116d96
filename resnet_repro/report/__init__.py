"""The report: one self-contained HTML page about a folder of runs, with verdicts, tables, figures and commands."""

from resnet_repro.report.page import render_page

__all__ = ["render_page"]
