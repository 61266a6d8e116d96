"""The papers behind the letters in sources such as "[R] Table 6", for printing below a table."""

from resnet_repro.papers import PAPERS


def source_lines(markdown: bool) -> list[str]:
    """A line for each paper, with its address; in Markdown as a link."""
    return [
        f"[{letter}] [{paper.title}]({paper.url}), {paper.authors}"
        if markdown
        else f"[{letter}] {paper.title}, {paper.authors}, {paper.url}"
        for letter, paper in PAPERS.items()
    ]
