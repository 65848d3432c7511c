"""Draws docs/demo.svg: what `make demo` shows in a terminal.

It runs the demo, whose figures are the same every time but for the seconds, and needs no network.
"""

import html
import io
import os
import re
import tempfile
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from waypost.cli import demo, output

TARGET: Final = Path(__file__).resolve().parent.parent / "docs" / "demo.svg"
_WIDTH: Final = 112
_THEME: Final = TerminalTheme(
    (13, 17, 23),
    (201, 209, 217),
    [(72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34),
     (88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196)],
    [(110, 118, 129), (255, 161, 152), (86, 211, 100), (227, 179, 65),
     (121, 192, 255), (210, 168, 255), (86, 212, 221), (240, 246, 252)],
)  # fmt: skip
_FONTS: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_TEXT: Final = re.compile(
    r'x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"([^>]*)>((?:&#160;)*)([^<]*?)(?:&#160;)*</text>'
)
_CELL: Final = 12.2
_MONO: Final = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace"


def main() -> None:
    """Run the demo into a recording terminal, and draw what it holds."""
    screen = Console(
        record=True,
        width=_WIDTH,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        file=io.StringIO(),
    )
    screen.print("[green]$[/] [bold]make demo[/]\n")
    with tempfile.TemporaryDirectory() as home:
        os.environ["WAYPOST_HOME"] = str(Path(home) / ".waypost")
        module: Any = output  # Any: its consoles are constants to everybody but this tool
        module.out, module.err = screen, Console(quiet=True)
        vars(demo)["_next_steps"] = lambda _: None  # they name folders of this machine
        demo.demo()
    print(screen.export_text(clear=False))
    TARGET.write_text(_self_contained(screen.export_svg(title="Waypost", theme=_THEME)))


def _self_contained(svg: str) -> str:
    """Without fonts from elsewhere, so that it looks the same offline and tells nobody who looks at it."""
    svg = _TEXT.sub(_placed, _FONTS.sub("", svg))
    return svg.replace("Fira Code, monospace", _MONO).replace(
        "font-family: Fira Code", f"font-family: {_MONO}"
    )


def _placed(text: re.Match[str]) -> str:
    """A piece of text where it begins: some programs drop the spaces before it."""
    x, y, _, rest, before, shown = text.groups()
    x = float(x) + _CELL * before.count("&")
    return f'x="{x:g}" y="{y}" textLength="{_CELL * len(html.unescape(shown)):g}"{rest}>{shown}</text>'


if __name__ == "__main__":
    main()
