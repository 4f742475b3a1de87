"""The frame of every HTML report: one file, no script, nothing fetched, light and dark, print.

All text of the evidence passes ``escaped``: the safe gate first, then HTML's own escapes. The
page's policy forbids whatever an escape that failed could have started.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator

from imctool import __version__
from imctool.report.safe_text import safe_text

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The Content-Security-Policy of a page: its own style, and nothing else at all."""


def escaped(text: object) -> str:
    """Return ``text`` safe to stand in an element or a quoted attribute."""
    return html.escape(safe_text(str(text)))


def html_page(title: str, subtitle: str, body: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a whole page; ``body`` is HTML already, title and subtitle are text."""
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{escaped(title)}</title>"
    yield f"<style>{_STYLE}</style>"
    yield "</head>"
    yield "<body>"
    yield f"<header><h1>{escaped(title)}</h1><p>{escaped(subtitle)}</p></header>"
    yield "<main>"
    yield from body
    yield "</main>"
    yield f"<footer>imctool {escaped(__version__)}. Times are UTC; ? marks an assumed zone."
    yield "</footer>"
    yield "</body>"
    yield "</html>"


def facts(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield a list of labels with what they stand for; the second of each pair is HTML."""
    yield '<dl class="facts">'
    for label, value in pairs:
        yield f"<dt>{escaped(label)}</dt><dd>{value}</dd>"
    yield "</dl>"


def tally(counts: Iterable[tuple[str, int]]) -> Iterator[str]:
    """Yield counts as a row of figures with their names under them."""
    yield '<ul class="tally">'
    for name, count in counts:
        yield f"<li><b>{count:,}</b> {escaped(name)}</li>"
    yield "</ul>"


def table(name: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield a table whose cells are HTML; each says its column too, for narrow screens."""
    titles = [escaped(column) for column in columns]
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    yield f'<table class="{name}"><thead><tr>{head}</tr></thead><tbody>'
    for row in rows:
        cells = (
            f'<td data-column="{title}">{cell}</td>'
            for title, cell in zip(titles, row, strict=True)
        )
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table>"


def badge(kind: str, text: str) -> str:
    """Return a word in a frame whose colour tells its kind: good, bad, doubtful or plain."""
    return f'<span class="badge {kind}">{escaped(text)}</span>'


def limited(items: Iterable[str], most: int) -> Iterator[str]:
    """Yield list items, those after the first ``most`` folded away behind their number."""
    listed = list(items)
    yield '<ul class="lines">'
    yield from (f"<li>{item}</li>" for item in listed[:most])
    yield "</ul>"
    if listed[most:]:
        yield f"<details><summary>{len(listed) - most:,} more</summary>"
        yield '<ul class="lines">'
        yield from (f"<li>{item}</li>" for item in listed[most:])
        yield "</ul></details>"


_STYLE = """
:root{color-scheme:light dark;--paper:#fbfbfa;--card:#fff;--ink:#1c1e21;--soft:#5b626b;
--rule:#d9dce0;--good:#1b6e3c;--bad:#b3261e;--doubt:#8a5a00;--plain:#3d5a80;
--smtp:#2563ab;--spool:#8a5a00;--tracking:#1b6e3c;--event:#b3261e;--report:#7a3e9d}
@media (prefers-color-scheme:dark){:root{--paper:#16181b;--card:#1e2125;--ink:#e6e8ea;
--soft:#a0a8b1;--rule:#3a3f45;--good:#6fcf97;--bad:#ff8a80;--doubt:#f0b95a;--plain:#9cc0ec;
--smtp:#7ab3f5;--spool:#f0b95a;--tracking:#6fcf97;--event:#ff8a80;--report:#d3a4ee}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1.25rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25;margin:0}
h2{font-size:1.2rem;line-height:1.3;margin:0 0 .6rem}
h3{font-size:1rem;margin:1.1rem 0 .3rem}
p{margin:.4rem 0}
a{color:inherit}
header p,footer{color:var(--soft)}
footer{margin-top:2rem;font-size:.85rem}
section{background:var(--card);border:1px solid var(--rule);border-radius:8px;
padding:1rem 1.2rem;margin:1rem 0}
code,.place,.id{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",
monospace;font-size:.85em}
.place{color:var(--soft)}
.facts{display:grid;grid-template-columns:fit-content(16rem) 1fr;gap:.2rem 1.2rem;margin:.6rem 0}
.facts dt{color:var(--soft)}
.facts dd{margin:0;min-width:0}
.tally{list-style:none;display:flex;flex-wrap:wrap;gap:.4rem 1.6rem;margin:.6rem 0;padding:0}
.tally b{font-size:1.25rem}
.badge{display:inline-block;border:1px solid currentColor;border-radius:1em;padding:0 .6em;
font-size:.8rem;font-weight:600;line-height:1.5;vertical-align:.1em;white-space:nowrap}
.good{color:var(--good)}.bad{color:var(--bad)}.doubtful{color:var(--doubt)}
.plain{color:var(--plain)}
.lines{margin:.3rem 0;padding-left:1.2rem}
ol{margin:.3rem 0;padding-left:1.6rem}
li>code.command{display:block;margin:.2rem 0;padding:.3rem .6rem;background:var(--paper);
border:1px solid var(--rule);border-radius:4px}
summary{cursor:pointer;color:var(--soft)}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th{text-align:left;font-weight:600;color:var(--soft);font-size:.8rem;
border-bottom:1px solid var(--rule);padding:.3rem .6rem .3rem 0;vertical-align:bottom;
overflow-wrap:normal}
td{vertical-align:top;padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--rule)}
time,.elapsed{white-space:nowrap;font-variant-numeric:tabular-nums}
.elapsed{color:var(--soft)}
.elapsed.long{color:var(--ink);font-weight:600}
.life td,.life th{border-bottom:0}
.life th.lane,.life td.lane{position:relative;width:4.3rem;min-width:4.3rem;padding:0;
text-align:center}
.life th.lane{padding:.3rem 0}
.life td.lane::before{content:"";position:absolute;top:0;bottom:0;left:50%;
border-left:1px solid var(--rule)}
.life td.lane i{position:absolute;top:.65rem;left:50%;margin-left:-6px;border-radius:50%;
border:6px solid currentColor}
.life td.what,.life th.what{padding-left:1rem}
section>:first-child{margin-top:0}
.source{font-weight:600}
.smtp{color:var(--smtp)}.spool{color:var(--spool)}.tracking{color:var(--tracking)}
.event{color:var(--event)}.report{color:var(--report)}
@media print,(max-width:900px){
.life th.lane,.life td.lane{width:2.9rem;min-width:2.9rem}
.life th.lane{font-size:.62rem}
}
@media (max-width:640px){
body{padding:.75rem;font-size:15px}
section{padding:.8rem .9rem}
.facts{grid-template-columns:1fr;gap:0}
.facts dt{margin-top:.4rem;font-size:.85rem}
table,tbody{display:block}
thead{display:none}
tr{display:block;border-bottom:1px solid var(--rule);padding:.4rem 0}
td{display:block;border:0;padding:0}
td[data-column]:not(:empty)::before{content:attr(data-column) ": ";color:var(--soft)}
.life tr{display:flex;flex-wrap:wrap;border:0;padding:0;position:relative}
.life td.lane,.life th.lane{width:1rem;min-width:1rem;position:absolute;top:0;bottom:0}
.life td.lane:nth-child(3){left:0}.life td.lane:nth-child(4){left:1rem}
.life td.lane:nth-child(5){left:2rem}.life td.lane:nth-child(6){left:3rem}
.life td.lane:nth-child(7){left:4rem}
.life{margin-top:.8rem}
.life td.lane i{top:.4rem}
.life td[data-column]::before{content:none!important}
.life td.time{margin-left:var(--lanes)}
.life td.gap{margin-left:.8rem}
.life td.what{width:100%;padding:0 0 .7rem var(--lanes)}
}
@media print{
:root{--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--rule:#bbb;--good:#1b6e3c;--bad:#b3261e;
--doubt:#8a5a00;--plain:#3d5a80;--smtp:#2563ab;--spool:#8a5a00;--tracking:#1b6e3c;
--event:#b3261e;--report:#7a3e9d}
body{max-width:none;padding:0;font-size:10pt}
section{border:0;border-top:1px solid var(--rule);border-radius:0;padding:.6rem 0}
tr,li,h2,h3{break-inside:avoid}
h2,h3{break-after:avoid}
thead{display:table-header-group}
}
"""
