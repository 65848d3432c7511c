"""Cleaning: all ways to write a name have one key, and nobody's name is eaten."""

# ruff: noqa: RUF001  # names are in many scripts

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.organizations.matching import cleaning

SAME = {
    "acme": [
        "ACME", "acme", " Acme. ", "Acmé", "Ａｃｍｅ", "PROD_Acme", "prod-acme", "Acme - HQ", "Acme HQ", "Acme [MDR]",
        "Acme #TRIAL", "#TRIAL Acme", "[TRIAL] Acme", "Acme (old)", "Acme_PROD", "Acme | Servers",
        "Acme - Workstations", "EDR: Acme",
        "Acme Site", "Acme Site 2", "Acme - Standort 2", "Acme (2)", "Acme #4711", "Acme 00123", "Acme CRM-00123",
        "[C1234] Acme", "Acme - Head Office", "Acme Hauptsitz", "Client: Acme", "[EDR] Acme GmbH (123)", "S1 - Acme",
        "Acme GmbH", "Acme G.m.b.H.", "AcmeGmbH", "Acme GmbH & Co. KG", "Acme Gesellschaft mit beschränkter Haftung",
        "Acme AG", "Acme Aktiengesellschaft", "Acme e.V.", "Acme UG (haftungsbeschränkt)", "Acme, Inc.", "ACME LLC",
        "The Acme Company, LLC", "Acme Corp.", "Acme Corporation", "Acme Ltd", "Acme Limited", "Acme plc",
        "Acme (Pty) Ltd", "Acme Pte. Ltd.", "Acme Pvt. Ltd.", "Acme Sdn. Bhd.", "Acme S.A.", "Acme SA de CV",
        "Acme S.à r.l.", "SARL Acme", "Acme SAS", "Acme S.L.", "Acme Ltda", "Acme S.p.A.", "Acme s.r.l.", "Acme B.V.",
        "Acme N.V.", "Acme BVBA", "Acme ApS", "Acme A/S", "Acme AB", "AB Acme", "Acme Oy", "Acme OÜ", "UAB Acme",
        "SIA Acme", "Acme Sp. z o.o.", "Acme Spółka z ograniczoną odpowiedzialnością", "Acme s.r.o.",
        "Acme spol. s r.o.", "Acme d.o.o.", "Acme Kft.", "Acme S.R.L. [MDR]", "Acme A.Ş.", "Acme Ltd. Şti.",
        "Acme K.K.", "PT Acme Tbk", "Acme 株式会社", "Acme（株）", "ООО «Acme»", "Acme W.L.L.",
    ],
    "ромашка": ["ООО «Ромашка»", "РОМАШКА", "Общество с ограниченной ответственностью Ромашка", "ПАО Ромашка"],
    "トヨタ": ["トヨタ株式会社", "株式会社トヨタ", "㈱トヨタ", "トヨタ"],
    "삼성전자": ["삼성전자 주식회사", "삼성전자(주)", "삼성전자"],
    "字节跳动": ["字节跳动有限公司", "字节跳动", "字节跳动股份有限公司"],
    "עומר": ["עומר בע״מ", "עומר"],
    "cocacola": ["Coca-Cola", "Coca Cola", "CocaCola", "Coca–Cola"],
    "smithjones": ["Smith & Jones", "Smith and Jones", "Smith + Jones Ltd", "Smith und Jones"],
    "obrien": ["O'Brien", "O’Brien", "OBrien", "O Brien Ltd"],
    "lodz": ["Łódź", "LODZ", "Łódź Sp. z o.o."],
    "strassenbau": ["Straßenbau", "STRASSENBAU GmbH"],
}  # fmt: skip


@pytest.mark.parametrize(("key", "name"), [(key, name) for key, names in SAME.items() for name in names])
def test_ways_to_write_a_name(key: str, name: str) -> None:
    """Case, accents, punctuation, legal forms and decorations make no difference."""
    assert cleaning.cleaned(name) == key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MDR Solutions", "Solutions"),
        ("Main Street Bank", "Street Bank"),
        ("Studio 54", "Studio"),
        ("3M", "M"),
        ("Core Labs", "Labs"),
        ("Trial Lawyers", "Lawyers"),
        ("Acme - UK", "Acme - US"),
        ("Acme Berlin", "Acme"),
        ("Acme Group", "Acme"),
        ("Hard-Core", "Hard"),
        ("(EDR) 1 Mainstream", "Mainstream"),
        ("SAS 004711", "004711"),
        ("Dr. Pepper", "Pepper"),
        ("Site Ground", "Ground"),
        ("Pizza CA", "Pizza"),
        ("Test Ltd", "Demo Ltd"),
        ("AB", "AG"),
        ("Co Ltd", ""),
        ("हिन्दी", "हिन्द"),
    ],
)
def test_different_names(one: str, other: str) -> None:
    """What makes a name one is not left out, even where it looks like a decoration or a legal form."""
    assert cleaning.cleaned(one) != cleaning.cleaned(other)


@pytest.mark.parametrize(
    "name",
    [
        "Default site", "Default Site (2)", "default-site", "Site 1", "Servers", "SERVERS (PROD)", "Workstations",
        "Test", "Lab", "Test Lab 2", "Main", "HQ", "Office", "Main Office", "Head Office", "Clients", "Customers",
        "Standort", "Hauptsitz", "Zentrale", "Server", "Arbeitsplätze", "Büro", "Kunden", "Filiale 3",
        "Siège social", "Serveurs", "Postes", "Bureau", "Sede", "Oficina", "Servidores", "Clientes",
        "Hoofdkantoor", "Kantoor", "Werkplekken", "Klanten", "-", "", "42", "n/a", "Unassigned", "Cloud", "Laptops",
        "Servers and Workstations", "North America", "EMEA", "Software", "Site A", "Server 12",
    ],
)  # fmt: skip
def test_generic_names(name: str) -> None:
    """A name that any organization's site may have is told from one that is somebody's."""
    assert cleaning.generic(name)


@pytest.mark.parametrize(
    "name", ["Acme", "Acme HQ", "Test Acme", "Berlin", "Kerensen Consulting", "3M", "北京"]
)
def test_names_that_are_somebodys(name: str) -> None:
    """One word that not everybody has is enough."""
    assert not cleaning.generic(name)


def test_what_was_left_out() -> None:
    """What is left out is told as it was written, and what of it is a number."""
    cleaned = cleaning.clean("PROD_Müller Söhne G.m.b.H. (CRM-17)")
    assert cleaned.words == ("muller", "sohne")
    assert cleaned.left_out == ("CRM-17", "G.m.b.H", "PROD")
    assert cleaned.numbers == ("crm-17",)


def test_umlauts() -> None:
    """A name without its umlauts is found either way that Germans write it."""
    assert cleaning.clean("Bäckerei Müller").keys == ("backereimuller", "baeckereimueller")
    assert cleaning.clean("Muller").keys == ("muller",)


@given(st.text())
def test_any_text(text: str) -> None:
    """No text is too strange, and a letter or digit in it is never lost altogether."""
    cleaned = cleaning.clean(text)
    assert cleaned.key == "".join(cleaned.words)
    if any(char.isascii() and char.isalnum() for char in text):
        assert cleaned.key


@given(st.text(st.characters(codec="ascii")))
def test_twice(text: str) -> None:
    """What is clean stays as it is."""
    once = cleaning.cleaned(text)
    assert cleaning.cleaned(once) == once


@given(
    st.lists(st.sampled_from(["Acme", "GmbH", "PROD", "[MDR]", "Ltd.", "-", "HQ", "und", "(2)"]), min_size=1)
)
def test_composition(parts: list[str]) -> None:
    """How letters and their accents are encoded, and their case, make no difference."""
    name = " ".join(parts).replace("e", "é")
    assert cleaning.cleaned(name) == cleaning.cleaned(unicodedata.normalize("NFD", name))
    assert cleaning.cleaned(name) == cleaning.cleaned(name.upper())
