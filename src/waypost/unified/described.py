"""What a field means, said where the field is: the API's description and `docs/fields.md` have it from there."""

from msgspec import Meta


def said(text: str, source: str = "", null: str = "") -> Meta:
    """The description of a field.

    Args:
        text: What it is, and its unit.
        source: The field of the console that it is read from, of the risk, agent or site that the item stands for.
        null: When it is null.
    """
    told = [text, f"In SentinelOne: `{source}`." if source else "", f"Null {null}." if null else ""]
    return Meta(
        description=" ".join(filter(None, told)), extra={"text": text, "source": source, "null": null}
    )
