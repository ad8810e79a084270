"""The U.S. State of the Union addresses, 1790 to 2021, in order of year and name."""

import json
from pathlib import Path


def read_addresses(folder: Path) -> list[dict[str, object]]:
    """The addresses in `folder`, files such as 1790_george_washington_n.json."""
    addresses = []
    for path in sorted(folder.glob("[0-9]*.json")):
        address = json.loads(path.read_text())
        name = path.stem.rpartition("_")[0]  # the letter of the party at the end is left out
        title = f"State of the Union Address of {address['name']}, {address['year']}"
        addresses.append(
            {
                "id": name,
                "text": address["text"].strip(),
                "title": title,
                "year": address["year"],
                "name": address["name"],
                "party": address["party"],
            }
        )
    return sorted(addresses, key=lambda address: (address["year"], address["id"]))
