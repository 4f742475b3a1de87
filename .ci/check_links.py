"""Check that every relative link of the documents leads to a file or heading that is there."""

import re
import sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
broken = []


def anchors(document: Path) -> set[str]:
    """Return the anchors that a page's headings make, as the usual renderers do."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings}


documents = [
    *root.glob("*.md"),
    *root.glob("docs/**/*.md"),
    *root.glob("benchmarks/*.md"),
    *root.glob("fixtures/*.md"),
]
for document in sorted(documents):
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
        for target in LINK.findall(line):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            place = (document.parent / path).resolve() if path else document
            if not place.exists():
                broken.append(f"{document.relative_to(root)}:{number}: {target} is not there")
            elif anchor and place.suffix == ".md" and anchor not in anchors(place):
                broken.append(
                    f"{document.relative_to(root)}:{number}: {target} has no such heading"
                )
print(f"{len(documents)} documents, {len(broken)} broken links")
print("\n".join(broken))
sys.exit(bool(broken))
