import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.kernel._pure import identity as pure

compiled = pytest.importorskip("perdure.kernel.identity")
TWINS = [compiled, pure]


@pytest.mark.parametrize("identity", TWINS)
@given(st.integers(0, 2**64 - 1), st.integers(0, 2**56 - 1))
def test_a_uuid_names_its_database_and_object(identity, database, oid):
    text = identity.uuid_text(database, oid)
    assert len(text) == 24
    assert text == pure.uuid_text(database, oid)
    assert identity.parse_uuid(text) == (database, oid)


@pytest.mark.parametrize("identity", TWINS)
def test_the_text_of_a_uuid_is_base32_of_its_bits(identity):
    assert identity.uuid_text(0, 0) == "A" * 24
    assert identity.uuid_text(2**64 - 1, 2**56 - 1) == "7" * 24
    assert identity.uuid_text(0, 33) == "A" * 22 + "BB"
    assert identity.uuid_text(1, 0) == "A" * 12 + "C" + "A" * 11


@pytest.mark.parametrize("identity", TWINS)
@given(st.text(max_size=30) | st.text("ABab12789", min_size=24, max_size=24))
def test_other_texts_are_no_uuids(identity, text):
    found = identity.parse_uuid(text)
    assert (found is None) == (pure.parse_uuid(text) is None)
    assert found is None or identity.uuid_text(*found) == text


@pytest.mark.parametrize("identity", TWINS)
def test_ids_that_are_too_large_have_no_uuid(identity):
    with pytest.raises(OverflowError):
        identity.uuid_text(0, 2**56)
    with pytest.raises(OverflowError):
        identity.uuid_text(2**64, 0)
