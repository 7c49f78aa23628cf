"""An indel in the form that csq is asked in: the same change, short, and furthest to the left."""

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from annotations.genomics.alignment import Bases, Change, is_settled, reword, settle

# A busy machine may take long over a case, and some of what is drawn is no indel.
relaxed = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
LETTERS = st.sampled_from(["A", "AC", "ACGT"])


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, Change]:
    """Draw a contig of few letters, so that it has repeats, and an indel somewhere in it."""
    genome = draw(LETTERS.flatmap(lambda letters: st.text(letters, min_size=1, max_size=30)))
    pos = draw(st.integers(1, len(genome)))
    ref = genome[pos - 1 :][: draw(st.integers(1, 8))]
    alt = draw(st.one_of(st.sampled_from([ref[0], ref[-1]]), st.text("ACGT", min_size=1)))
    assume(len(alt) != len(ref))
    return genome, Change(pos, ref.encode(), alt.encode())


def carry_out(genome: str, change: Change) -> str:
    """Return the contig after a change, whose REF must be what is there."""
    pos, ref, alt = change
    assert genome[pos - 1 :].startswith(ref.decode())
    return genome[: pos - 1] + alt.decode() + genome[pos - 1 + len(ref) :]


def settled(genome: str, change: Change) -> Change:
    return settle(change, Bases(b"#" + genome.encode(), 0))


@relaxed
@given(changes())
def test_a_settled_change_is_the_same_change(drawn: tuple[str, Change]) -> None:
    genome, change = drawn
    assert carry_out(genome, settled(genome, change)) == carry_out(genome, change)


@relaxed
@given(changes())
def test_what_is_settled_stays(drawn: tuple[str, Change]) -> None:
    genome, change = drawn
    once = settled(genome, change)
    assert settled(genome, once) == once
    if is_settled(change.ref, change.alt):
        assert once == change


@relaxed
@given(changes(), st.integers(0, 3), st.integers(0, 3))
def test_bases_around_what_is_only_lost_or_gained_make_no_difference(
    drawn: tuple[str, Change], before: int, after: int
) -> None:
    genome, (pos, ref, alt) = drawn
    assume(min(len(ref), len(alt)) == 1 and (ref[:1] == alt[:1] or ref[-1:] == alt[-1:]))
    before = min(before, pos - 1)
    left = genome[pos - 1 - before : pos - 1].encode()
    right = genome[pos - 1 + len(ref) :][:after].encode()
    wider = Change(pos - before, left + ref + right, left + alt + right)
    once = settled(genome, wider)
    # A change that reaches back to the first base of a contig stays as it is written.
    assume(is_settled(once.ref, once.alt))
    assert settled(genome, Change(pos, ref, alt)) == once


def test_a_change_of_letters_only_is_asked_as_it_is_written() -> None:
    assert is_settled(b"ACGT", b"ATTT")


def test_an_answer_tells_of_the_change_as_it_was_written() -> None:
    answer = "inframe_deletion|S|T|protein_coding|+|12SS>12F|21597CTAG>C,intron|S|T|protein_coding"
    told = reword(answer, Change(21598, b"TAGT", b"T"))
    assert told == answer.replace("21597CTAG>C", "21598TAGT>T")
