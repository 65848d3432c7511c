"""Names for people, companies and computers: made up, with the oddities that real consoles have."""

COMPANIES = (
    "Contoso", "Fabrikam", "Northwind", "Litware", "Adatum", "Tailspin", "Wingtip", "Proseware",
    "Humongous", "Lucerne", "Margie's", "Trey", "Woodgrove", "Alpine", "Coho", "Relecloud", "Fourth",
    "Blue Yonder", "City Power", "Graphic", "Consolidated", "School of Fine", "Südwind", "Øresund",
    "Crème & Co", "Łódź", "Nový", "Piñata", "Müller", "São Rafael",
)  # fmt: skip
TRADES = (
    "Ltd", "GmbH", "Traders", "Toys", "Logistics", "Dental", "Law Group", "Accounting", "Foods",
    "Engineering", "Clinic", "Publishing", "Winery", "Insurance", "Schools", "Bank", "Airlines",
)  # fmt: skip
PLACES = ("HQ", "Berlin", "Lyon", "Austin", "Plant 2", "Warehouse", "Remote", "Zürich", "Branch 7")
ODD_SITES = {
    2: "[MDR] Äcme GmbH",
    3: "PROD_Contoso Ltd - HQ",
    5: "acme gmbh (old)",
    6: "Client — 0042 / Ünïted",
    12: "Servers",
    13: "Test",
    14: "Fabrikam, Inc. #TRIAL",
    15: "CONTOSO LTD (DO NOT USE)",
    16: "Northwind=Traders / EU",
}
DEFAULT_SITE = "Default site"
ACCOUNTS = ("Waterfront MSP", "Northern Lights IT", "Bluefin Managed", "Kestrel Partners", "Öland Data AB")
PEOPLE = ("anna.berg", "j.smith", "m.garcia", "søren.k", "li.wei", "p.novák", "t.okafor", "c.dubois")
COMPUTERS = {
    "W": ("DESKTOP-{:07X}", "LAP-{:05d}", "WS-BÜRO-{:03d}", "LT{:06d}", "PC-{:05d}"),
    "S": ("SRV-DC{:03d}", "SQL{:04d}", "SRV-FILE-{:04d}", "EC2AMAZ-{:06X}"),
    "U": ("ip-172-31-{}-{}", "web-{:04d}", "db-{:04d}", "k8s-node-{:05d}"),
    "M": ("MacBook-Pro-{:05d}", "Mac-mini-{:04d}", "Josés-MacBook-Air-{}"),
}
SHARED_COMPUTERS = {"W": "RECEPTION", "S": "SERVER01", "U": "localhost", "M": "MacBook-Pro"}


def site(index: int, noise: int) -> str:
    if index < 2:
        return DEFAULT_SITE
    if index in ODD_SITES:
        return ODD_SITES[index]
    company = COMPANIES[noise % len(COMPANIES)]
    trade = TRADES[(noise >> 8) % len(TRADES)]
    tail = f" - {PLACES[(noise >> 16) % len(PLACES)]}" if noise >> 24 & 1 else ""
    return f"{company} {trade}{tail}"


def account(index: int) -> str:
    name = ACCOUNTS[index % len(ACCOUNTS)]
    return name if index < len(ACCOUNTS) else f"{name} {index // len(ACCOUNTS) + 1}"


def computer(platform: str, noise: int) -> str:
    """A computer's name; about one in 80 is a name that others have too."""
    if noise % 80 == 0:
        return SHARED_COMPUTERS[platform]
    patterns = COMPUTERS[platform]
    pattern = patterns[(noise >> 8) % len(patterns)]
    if pattern.count("{}") == 2:
        return pattern.format((noise >> 16) % 16, (noise >> 24) % 254 + 1)
    widest = 0xFFFFFFF if "07X" in pattern else 99_999
    return pattern.format((noise >> 16) % widest)
