from __future__ import annotations

from pathlib import Path

import pytest
from checked_texts import checked
from made_proportions import LOW, made_proportions

from regraft.reports.document import Paragraph
from regraft.reports.proportions_methods import data_blocks, held_out_words, method_blocks
from regraft.studies.proportions_results import ProportionResults, gather_results


def with_splits(folder: Path, *splits: str, grouped: bool = False) -> ProportionResults:
    return gather_results(made_proportions(folder, collection_facts={"splits": list(splits), "grouped": grouped}))


DRAWN = "of {} was set aside for the test, class by class and once, with seed 0, by a hash of each image’s content"
UNNAMED = "the images that the collection does not name for validation"
NAMED = "The test images are those that the collection names."
ALSO = " Those that it names for validation are training images here, as every part draws its own."


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        ((), f"A fifth {DRAWN.format('the images')}."),
        (("train",), f"A fifth {DRAWN.format('the images')}."),
        (("train", "validation"), f"A fifth {DRAWN.format(UNNAMED)}.{ALSO}"),
        (("test", "train"), NAMED),
        (("test", "train", "validation"), NAMED + ALSO),
    ],
)
def test_where_the_test_images_come_from(tmp_path: Path, splits: tuple[str, ...], words: str) -> None:
    assert checked(held_out_words(with_splits(tmp_path, *splits))) == words


def test_groups_make_it_less_exact(tmp_path: Path) -> None:
    plain, grouped = (with_splits(tmp_path / str(given), grouped=given) for given in (False, True))
    assert checked(held_out_words(grouped)) == (
        f"About a fifth {DRAWN.format('the images')}, or of its group, which is not divided."
    )
    said = []
    for found in (plain, grouped):
        last = data_blocks(found)[-1]
        assert isinstance(last, Paragraph)
        said.append(checked(last.text))
    assert said[0].endswith("Of each part about 20 % of the images, at least one of each class, validate.")
    assert said[1].endswith("as a whole or not at all; a part may divide a group.")


def method(found: ProportionResults) -> str:
    return " ".join(checked(block.text) for block in method_blocks(found) if isinstance(block, Paragraph))


def test_the_method_says_what_was_chosen_and_what_counts_as_a_difference(tmp_path: Path) -> None:
    alone = method(gather_results(made_proportions(tmp_path / "alone")))
    assert "random weights" not in alone
    both = method(gather_results(made_proportions(tmp_path / "both", scratch=LOW)))
    assert "is the one with the lowest validation loss among 0.001 and 0.003" in both
    assert "counts as found where p is below 0.05 and the interval leaves out 0." in both
    quick = method(gather_results(made_proportions(tmp_path / "quick", scratch=LOW, quick=True)))
    assert "The learning rate is 0.001; no other was tried." in quick
    tried = [{"rate": rate, "loss": None} for rate in (0.001, 0.003)]
    facts = {"rate": 0.001, "trial_epochs": 4, "size": 224, "images": 800, "tried": tried}
    lost = method(gather_results(made_proportions(tmp_path / "lost", scratch=LOW, scratch_facts=facts)))
    assert (
        "is the lowest among 0.001 and 0.003, each tried for 4 epochs on the largest part, where all diverged" in lost
    )
