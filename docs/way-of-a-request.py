#!/usr/bin/env python3
"""Draws the way of a request through the layer: way-of-a-request.svg next to this file.

Usage: python3 docs/way-of-a-request.py
"""

from html import escape
from pathlib import Path

# Stage, and its steps: name, what it checks, the statuses if the client is at fault, and if the server is.
STAGES = [
    ("Request", "bounded bytes", [
        ("head", "POST, a form, no content encoding", "405 415 413 400", ""),
        ("body", "at most 64 KiB, within 10 s", "413 408 400", "503 500"),
        ("form", "no repeats, one way to authenticate", "400 401", ""),
    ]),
    ("Assertion", "plausible, unproven", [
        ("assertion", "three parts, strict JSON", "400", ""),
        ("claims", "alg, kid, iss, sub, aud, jti, times", "400", "503"),
    ]),
    ("Client", "known, with a key", [
        ("registry", "is this client registered?", "400", "503"),
        ("client", "its policy, its algorithm", "400", ""),
        ("keys", "the key that kid names", "400", "503"),
    ]),
    ("Proof", "valid, and not reused", [
        ("replay look", "has it been used before?", "400", "500"),
        ("signature", "the first expensive step", "400", "429 503"),
        ("admission", "recorded as spent, atomically", "400", "429 503 500"),
    ]),
]

STYLE = """
  svg { --ink: #1f2328; --soft: #59636e; --line: #b6bfc9; --panel: #f6f8fa; --edge: #d1d9e0; --row: #ffffff;
        --go: #1a7f37; --go-fill: #dafbe1; --client: #9a6700; --client-fill: #fff8c5;
        --server: #cf222e; --server-fill: #ffebe9; --start: #0969da; --start-fill: #ddf4ff; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #f0f6fc; --soft: #9198a1; --line: #4a525c; --panel: #151b23; --edge: #3d444d; --row: #0d1117;
          --go: #3fb950; --go-fill: #0f2d1a; --client: #d29922; --client-fill: #2b2211;
          --server: #f85149; --server-fill: #31171a; --start: #4493f8; --start-fill: #121d2f; } }
  text { font: 14px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: var(--ink); }
  .name { font-weight: 600; }
  .soft { fill: var(--soft); font-size: 13px; }
  .stage { font-size: 15px; font-weight: 600; }
  .head { font-size: 13px; font-weight: 600; text-anchor: middle; }
  .code { font: 600 12.5px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
          text-anchor: middle; }
  .mid { text-anchor: middle; }
  .panel { fill: var(--panel); stroke: var(--edge); }
  .row { fill: var(--row); stroke: var(--edge); }
  .wire { fill: none; stroke: var(--line); stroke-width: 1.5; }
  .pass { fill: none; stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 5 4; }
  .way { fill: none; stroke: var(--go); stroke-width: 2; }
  .go { fill: var(--go-fill); stroke: var(--go); stroke-width: 1.5; }
  .start { fill: var(--start-fill); stroke: var(--start); stroke-width: 1.5; }
  .client { fill: var(--client-fill); stroke: var(--client); }
  .server { fill: var(--server-fill); stroke: var(--server); }
  text.client { fill: var(--client); stroke: none; }
  text.server { fill: var(--server); stroke: none; }
  text.go { fill: var(--go); stroke: none; }
  .tip-go { fill: var(--go); }
  .tip-pass { fill: var(--soft); }
"""

WIDTH = 944
LANE = 28  # the requests for other paths
LEFT, RIGHT = 60, 596  # the panels of the stages
ROWS = 202  # where the steps begin inside a panel
WAY = LEFT + 71  # the line that an accepted request follows between the stages
ROW, GAP, PAD = 34, 6, 10
CLIENT, SERVER = 622, 810  # the first chip of each family
CHIP, CHIP_GAP = 38, 6


class Drawing:
    """Collects SVG elements; every coordinate is in pixels."""

    def __init__(self):
        self.lines = []

    def add(self, line):
        self.lines.append("  " + line)

    def text(self, x, y, content, kind=""):
        self.add(f'<text x="{x}" y="{y}" class="{kind}">{escape(content)}</text>')

    def box(self, x, y, width, height, kind, radius=6):
        self.add(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" class="{kind}"/>')

    def path(self, points, kind):
        self.add(f'<path d="M{" L".join(f"{x} {y}" for x, y in points)}" class="{kind}"/>')

    def down(self, x, top, bottom, kind):
        """An arrow that ends at `bottom`."""
        self.path([(x, top), (x, bottom - 5)], kind)
        self.add(f'<path d="M{x} {bottom} l-5 -8 h10 z" class="tip-{"go" if kind == "way" else kind}"/>')


def chips(drawing, x, middle, statuses, kind):
    """The statuses of one step, and where the last chip ends."""
    for status in statuses.split():
        drawing.box(x, middle - 10, CHIP, 20, kind, 10)
        drawing.text(x + CHIP / 2, middle + 4.5, status, f"code {kind}")
        x += CHIP + CHIP_GAP


def step(drawing, top, number, name, checks, client, server):
    middle = top + ROW / 2
    if client:
        drawing.path([(RIGHT - PAD, middle), (CLIENT, middle)], "wire")
    if server:
        last = CLIENT + len(client.split()) * (CHIP + CHIP_GAP) - CHIP_GAP
        drawing.path([(last, middle), (SERVER, middle)], "wire")
    drawing.box(ROWS, top, RIGHT - PAD - ROWS, ROW, "row")
    drawing.text(ROWS + 22, middle + 4.5, str(number), "soft mid")
    drawing.text(ROWS + 40, middle + 5, name, "name")
    drawing.text(ROWS + 136, middle + 5, checks, "soft")
    chips(drawing, CLIENT, middle, client, "client")
    chips(drawing, SERVER, middle, server, "server")


def stage(drawing, top, title, subtitle, steps, number):
    """One stage with its steps; returns its height."""
    height = 2 * PAD + len(steps) * ROW + (len(steps) - 1) * GAP
    drawing.box(LEFT, top, RIGHT - LEFT, height, "panel", 8)
    middle = top + height / 2
    drawing.text(WAY, middle - 3, title, "stage mid")
    drawing.text(WAY, middle + 16, subtitle, "soft mid")
    for index, (name, checks, client, server) in enumerate(steps):
        step(drawing, top + PAD + index * (ROW + GAP), number + index, name, checks, client, server)
    return height


def picture():
    drawing = Drawing()
    drawing.box(LEFT, 8, 142, 34, "start", 17)
    drawing.text(WAY, 30, "request", "name mid")
    drawing.text(CLIENT + 82, 29, "client's fault", "head client")
    drawing.text(SERVER + 63, 29, "server's fault", "head server")
    y, number = 42, 1
    for title, subtitle, steps in STAGES:
        drawing.down(WAY, y, y + 24, "way")
        y += 24
        y += stage(drawing, y, title, subtitle, steps, number)
        number += len(steps)
    drawing.down(WAY, y, y + 24, "way")
    y += 24
    drawing.box(LEFT, y, RIGHT - LEFT, 44, "go", 22)
    drawing.text(LEFT + 24, y + 27, "your handler", "name go")
    drawing.text(ROWS + 40, y + 27, "gets a verified ClientIdentity and the unread body")
    drawing.path([(LEFT, 25), (LANE, 25), (LANE, y + 22), (LEFT - 6, y + 22)], "pass")
    drawing.add(f'<path d="M{LEFT - 1} {y + 22} l-8 -5 v10 z" class="tip-pass"/>')
    drawing.add(
        f'<text transform="translate({LANE - 8} {y / 2 + 20}) rotate(-90)" class="soft mid">'
        "other paths pass untouched</text>"
    )
    drawing.text(RIGHT + 28, y + 27, "it never sees a refused request", "soft")
    return drawing.lines, y + 52


def main():
    lines, height = picture()
    title = "The way of a request: eleven steps in four stages, each with the statuses of the requests that it refuses"
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">',
        "<!-- Drawn by way-of-a-request.py. -->",
        f"<title>{title}</title>",
        f"<style>{STYLE}</style>",
        *lines,
        "</svg>",
    ]
    Path(__file__).with_suffix(".svg").write_text("\n".join(svg) + "\n", encoding="utf-8")


main()
