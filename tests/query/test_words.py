import pytest

from perdure.query import taggify


@pytest.mark.parametrize(
    ("text", "options", "wanted"),
    [
        ("Maria Skłodowska-Curie", {}, ["MAR", "SKL", "CUR"]),
        ("one,two;three:four!five?six.seven\teight\nnine\"ten'eleven", {"max_len": 2},
         ["ON", "TW", "TH", "FO", "FI", "SI", "SE", "EI", "NI", "TE", "EL"]),
        ("a bb ccc dddd", {"min_len": 3}, ["CCC", "DDD"]),
        ("a bb ccc dddd", {"min_len": 3, "max_len": None}, ["CCC", "DDDD"]),
        ("station nation notion", {"suffix": True}, ["ION"]),
        ("station", {"suffix": True, "max_len": None}, ["STATION"]),
        ("Same same SAME sample", {}, ["SAM"]),
        ("ąćęłńóśżź ĄĆĘŁŃÓŚŻŹ", {"max_len": None}, ["ACELNOSZZ"]),
        ("a@b (c) #d_1", {}, ["AB", "C", "D1"]),
        ("@# --- ...", {}, []),
        ("", {}, []),
        ("12 345678", {}, ["12", "345"]),
        ("abc", {"max_len": 0}, []),
        ("abc", {"max_len": 0, "suffix": True}, []),
        ("élan Ωmega", {}, ["ÉLA", "ΩME"]),
    ],
)
def test_words_become_tags(text: str, options: dict[str, object], wanted: list[str]) -> None:
    assert list(taggify(text, **options)) == wanted  # type: ignore[arg-type]


def test_it_is_a_generator() -> None:
    assert next(iter(taggify("one two"))) == "ONE"
    assert iter(found := taggify("x")) is found
