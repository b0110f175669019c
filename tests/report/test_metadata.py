"""The metadata: errors name the file and the key."""

import pytest

from pipeline.command import InputError
from pipeline.render import metadata


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('name: "Author One', 'name: "Author Ω', r"metadata.yaml: authors\[1\].name: .*GREEK CAPITAL LETTER OMEGA"),
        ('affiliation: "Affil', 'affiliation: "😀', "metadata.yaml: affiliation: .*U.1F600, GRINNING FACE"),
        (
            "earlier_looks:",
            "earlier_look:",
            "metadata.yaml: the file: unknown key earlier_look; expected the keys title",
        ),
        ('earlier_looks: ""', "earlier_looks: [a]", "metadata.yaml: earlier_looks: found .*expected a text"),
        ("sources: yes", "sources: maybe", "classes_from_different_sources: found 'maybe'; expected yes or no"),
        ("sources: yes", "sources: [yes]", "classes_from_different_sources: found .*; expected yes or no"),
        ("chowdhury2020,", "chowdhury2021,", "data_citations: found chowdhury2021; expected keys of references.bib"),
        ("group:", "grop:", "metadata.yaml: the file: unknown key grop; expected the keys title, affiliation, group"),
        ("affiliation:", "# affil:", "metadata.yaml: the file: missing key affiliation; expected the keys title"),
        ("title: ", "title: [", "metadata.yaml, line 4: not YAML .*; put each text in quotes"),
        ('"Affiliation (placeholder)"', "Group #3", "metadata.yaml: affiliation: what follows # is .* put the text in"),
        (
            'affiliation: "Affiliation',
            'affiliation:\n  - "Affiliation',
            "metadata.yaml: affiliation: found .*expected a text",
        ),
    ],
)
def test_metadata_errors_name_the_key(run, old, new, message):
    run.edit("metadata.yaml", old, new)
    with pytest.raises(InputError, match=message):
        metadata.read(run.report / "metadata.yaml")


def test_metadata_in_another_encoding_or_absent(tmp_path):
    file = tmp_path / "metadata.yaml"
    with pytest.raises(InputError, match="metadata.yaml: No such file or directory; expected the file that"):
        metadata.read(file)
    file.write_text('affiliation: "Universität"', encoding="latin-1")
    with pytest.raises(InputError, match="metadata.yaml: not in UTF-8; save it as UTF-8"):
        metadata.read(file)


def test_a_group_is_a_number_or_a_text_and_placeholders_are_marked(run):
    run.edit("metadata.yaml", 'group: "(placeholder)"', "group: 021")
    read = metadata.read(run.report / "metadata.yaml")
    assert read["group"] == "021"
    assert read["authors"][0]["name"] == r"\placeholder{Author One (placeholder)}"
