"""Write `src/waypost/organizations/matching/legal_forms.txt` from the table of legal forms that rigour has.

    python tools/legal_forms.py rigour-2.6.1/rust/data/names/org_types.json

The file stands in rigour's source distribution. rigour itself is no dependency: it needs ICU, which has to be
compiled where Waypost is installed, and all that is wanted of it is this table.
"""

import json
import pathlib
import sys

from waypost.organizations.matching import folding

TARGET = (
    pathlib.Path(__file__).parent.parent
    / "src"
    / "waypost"
    / "organizations"
    / "matching"
    / "legal_forms.txt"
)
HEAD = """\
# Legal forms of companies in many languages, folded: lower case, no accents. Written by tools/legal_forms.py.
#
# From rigour 2.6.1, rust/data/names/org_types.json, which is under the MIT licence:
# Copyright (c) 2023-2025: OpenSanctions Datenbanken GmbH
#
# Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
# documentation files (the "Software"), to deal in the Software without restriction, including without limitation
# the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and
# to permit persons to whom the Software is furnished to do so, subject to the following conditions:
#
# The above copyright notice and this permission notice shall be included in all copies or substantial portions of
# the Software.
#
# THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO
# THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
# AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF
# CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS
# IN THE SOFTWARE.
"""
NOT_COMPANIES = {"SOE", "FIN", "NGO", "MIL", "REL", "JV"}
"""Kinds of authorities, funds and associations, which are rather a part of the name."""

WORDS = {
    "aandelenvennootschap", "charity", "compania", "cooperatif", "cooperation", "cooperative", "dis",
    "ets", "genossenschaft", "gie", "in", "incorp", "incorporation", "koop", "kooperatif",
    "kooperatsia", "limit", "limite", "ops", "partnerschaft", "sce", "scop", "sem", "stiftung",
    "unlimited", "verein", "vog", "кооперация", "кооператив", "корпорация",
}  # fmt: skip
"""What is a word or a name as well."""

MORE = (
    "co", "company", "corp", "corporation", "cie", "pty", "pte", "pvt", "pvt ltd", "private limited", "pty limited",
    "pte ltd", "pty ltd", "co limited", "co kg", "co inc", "corp ltd", "e v", "ev", "asbl", "aisbl", "vzw", "ivzw",
    "eingetragener verein", "n v", "naamloze vennootschap", "a s", "a b", "o y", "oy ab", "oyj abp", "s l", "s l u",
    "k k", "kabushiki kaisha", "kabushiki gaisha", "g k", "godo kaisha", "y k", "sdn bhd", "sendirian berhad",
    "s a s u", "sasu", "s c i", "sci", "pt", "tbk", "บริษัท", "จำกัด", "มหาชน", "有限责任公司",
    "股份有限公司", "集团有限公司", "株式會社", "株", "有", "주", "유", "w l l", "wll",
    "שותפות מוגבלת", "ذ م م", "ش م م", "شركة ذات مسؤولية محدودة",
)  # fmt: skip
"""What the table lacks, or has only as a part of something longer."""


def forms(types: list[dict[str, object]]) -> list[str]:
    """The forms, folded, in order; each once."""
    found = {_folded(form) for form in MORE}
    for entry in types:
        if entry.get("generic") in NOT_COMPANIES:
            continue
        aliases = entry.get("aliases")
        for form in [
            *(aliases if isinstance(aliases, list) else ()),
            entry.get("display"),
            entry.get("compare"),
        ]:
            if isinstance(form, str):
                found.add(_folded(form))
    return sorted(form for form in found if form not in WORDS and (len(form) > 1 or not form.isascii()))


def _folded(form: str) -> str:
    return " ".join(word.folded for word in folding.words_of(form))


def main() -> int:
    types = json.loads(pathlib.Path(sys.argv[1]).read_text())
    TARGET.write_text(HEAD + "\n".join(forms(types)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
