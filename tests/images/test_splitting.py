import hashlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.images.labelled import SPLITS, LabelledImage
from regraft.images.splitting import assign_splits, count_splits


def image(index, label="a", split=None, group=None):
    content = hashlib.sha256(str(index).encode()).hexdigest()
    return LabelledImage(f"{label}/{index}", label, content, Path(str(index)), split, group)


def images(count=200, labels="ab", **given):
    return [image(f"{label}{index}", label, **given) for label in labels for index in range(count)]


def test_the_recipe_in_the_docstring():
    for candidate, split in zip(images(), assign_splits(images(), seed=3, validation=0.3, test=0.1), strict=True):
        digest = hashlib.sha256(f"3:{candidate.sha256}".encode()).digest()
        u = int.from_bytes(digest[:8], "big") / 2**64
        assert split == ("test" if u < 0.1 else "validation" if u < 0.4 else "train")


def test_proportions_hold_on_average():
    counts = Counter(assign_splits(images(5000), seed=0))
    assert abs(counts["test"] - 2000) < 120
    assert abs(counts["validation"] - 2000) < 120


def test_another_seed_another_draw():
    assert assign_splits(images(), seed=0) != assign_splits(images(), seed=1)
    assert assign_splits(images(), seed=0) == assign_splits(images(), seed=0)


@given(st.integers(0, 1000), st.sets(st.integers(0, 400), max_size=60), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_an_image_never_moves_when_others_come(seed, extra, random):
    first = images(60)
    more = first + [image(f"more{index}", "b") for index in extra]
    random.shuffle(more)
    before = dict(zip((i.name for i in first), assign_splits(first, seed=seed), strict=True))
    after = dict(zip((i.name for i in more), assign_splits(more, seed=seed), strict=True))
    assert before.items() <= after.items()


def grouped(sizes):
    return [
        image(f"{label}{group}.{index}", label, group=f"{label}{group}")
        for label in "ab"
        for group, size in enumerate(sizes)
        for index in range(size)
    ]


@given(st.lists(st.integers(1, 4), min_size=40, max_size=60), st.integers(0, 99), st.booleans())
@settings(max_examples=40)
def test_a_group_never_straddles(sizes, seed, exact):
    collection = grouped(sizes)
    splits = assign_splits(collection, seed=seed, exact=exact)
    of_group = Counter({(i.group, split) for i, split in zip(collection, splits, strict=True)})
    assert len({group for group, _ in of_group}) == len(of_group)


@given(st.integers(0, 99), st.booleans())
@settings(max_examples=20)
def test_equal_content_never_straddles(seed, exact):
    collection = images(60) + images(60)
    splits = assign_splits(collection, seed=seed, exact=exact)
    assert splits[:120] == splits[120:]


@given(st.integers(3, 60), st.integers(3, 60), st.floats(0.02, 0.49), st.floats(0.02, 0.49), st.integers(0, 9))
def test_exact_proportions_in_every_class(many, few, validation, test, seed):
    collection = images(many, "a") + images(few, "b")
    splits = assign_splits(collection, seed=seed, validation=validation, test=test, exact=True)
    counts = count_splits(collection, splits)
    for label, total in (("a", many), ("b", few)):
        assert sum(counts[label].values()) == total
        assert min(counts[label].values()) >= 1
        if total >= 40:
            assert abs(counts[label]["test"] - max(1, total * test)) <= 0.5 + 1e-9
            assert counts[label]["train"] == 1 or abs(counts[label]["validation"] - total * validation) <= 0.5 + 1e-9


def test_exact_rounds_half_up():
    counts = count_splits(images(50), assign_splits(images(50), seed=0, validation=0.29, test=0.01, exact=True))
    assert counts["a"] == {"train": 34, "validation": 15, "test": 1}  # 14.5 and 0.5


def test_exact_takes_what_fits_and_the_smallest_group_where_none_does():
    collection = [image(f"{g}.{i}", "a", group=f"g{g}") for g, size in enumerate((9, 8, 7)) for i in range(size)]
    collection += images(30, "b")
    counts = count_splits(collection, assign_splits(collection, seed=0, validation=0.1, test=0.1, exact=True))
    assert counts["a"] == {"train": 9, "validation": 8, "test": 7}


def test_exact_with_a_group_in_two_classes():
    collection = images(20) + [image(f"s{label}", label, group="shared") for label in "ab"]
    splits = assign_splits(collection, seed=0, exact=True)
    assert splits[-1] == splits[-2]


def test_given_splits_stay():
    collection = [image(f"{label}{split}{i}", label, split) for label in "ab" for split in SPLITS for i in range(2)]
    assert assign_splits(collection, seed=0) == [i.split for i in collection]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(("held", "drawn"), [("validation", "test"), ("test", "validation")])
def test_the_missing_split_is_drawn_from_training(held, drawn, exact):
    collection = images(100, split="train") + [image(f"h{i}", "ab"[i % 2], held) for i in range(20)]
    splits = assign_splits(collection, seed=0, exact=exact)
    assert splits[200:] == [held] * 20
    assert set(splits[:200]) == {"train", drawn}
    assert 25 <= splits[:200].count(drawn) <= 55
    if exact:
        assert splits[:200].count(drawn) == 40


def test_the_missing_split_is_drawn_by_the_same_hash():
    free = images(100)
    everything = assign_splits(free, seed=5)
    collection = images(100, split="train") + [image(f"v{label}", label, "validation") for label in "ab"]
    drawn = assign_splits(collection, seed=5)[:200]
    assert [split == "test" for split in drawn] == [split == "test" for split in everything]


def test_training_alone_gives_both_others():
    assert assign_splits(images(100, split="train"), seed=0) == assign_splits(images(100), seed=0)


def test_a_given_split_gets_no_more():
    collection = images(100) + [image(f"t{label}", label, "test") for label in "ab"]
    splits = assign_splits(collection, seed=0)
    assert splits.count("test") == 2
    assert set(splits[:200]) == {"train", "validation"}


def test_images_without_a_split_follow_their_group():
    collection = images(60)
    collection += [image("g1", "a", "test", "g"), image("g2", "a", None, "g"), image("t", "b", "test")]
    splits = assign_splits(collection, seed=0)
    assert splits[-3:] == ["test", "test", "test"]


def test_training_groups_stay_together_when_the_test_is_drawn():
    collection = [
        image(f"{label}{i}", label, None if i % 3 else "train", f"{label}{i // 4}")
        for label in "ab"
        for i in range(400)
    ] + [image(f"v{label}", label, "validation") for label in "ab"]
    splits = assign_splits(collection, seed=0)
    pairs = {(i.group, split) for i, split in zip(collection, splits, strict=True) if i.group}
    assert len(pairs) == 200
    assert {split for _, split in pairs} == {"train", "test"}


def test_a_group_in_two_given_splits():
    collection = [*images(5), image("1", "a", "train", "Anna"), image("2", "a", "test", "Anna")]
    with pytest.raises(InputError, match=r"'Anna' lies in two splits[\s\S]*test and train"):
        assign_splits(collection, seed=0)


@pytest.mark.parametrize(
    ("validation", "test"), [(0, 0.2), (0.2, 0), (0.5, 0.5), (-0.1, 0.2), (0.9, 0.9), (float("nan"), 0.1), (1.2, -0.5)]
)
def test_fractions_out_of_range(validation, test):
    with pytest.raises(InputError, match="fractions"):
        assign_splits(images(), seed=0, validation=validation, test=test)


@pytest.mark.parametrize("collection", [[], images(20, "a")])
def test_fewer_than_two_classes(collection):
    with pytest.raises(InputError, match="at least two classes"):
        assign_splits(collection, seed=0)


@pytest.mark.parametrize("exact", [False, True])
def test_too_few_images_in_a_class(exact):
    collection = images(50) + images(2, "c") + images(1, "d")
    with pytest.raises(InputError, match=r"Fewer than 3 images of 'c', 'd'\.[\s\S]*add images") as caught:
        assign_splits(collection, seed=0, exact=exact)
    assert "--exact" not in str(caught.value)


def test_an_unlucky_draw_names_the_ways_out():
    collection = images(100) + images(3, "c")
    unlucky = next(seed for seed in range(99) if _fails(collection, seed))
    with pytest.raises(InputError, match=r"no image of 'c'[\s\S]*'c' \d train, \d validation, \d test[\s\S]*--exact"):
        assign_splits(collection, seed=unlucky)
    counts = count_splits(collection, assign_splits(collection, seed=unlucky, exact=True))
    assert counts["c"] == {"train": 1, "validation": 1, "test": 1}


def _fails(collection, seed):
    try:
        assign_splits(collection, seed=seed)
    except InputError:
        return True
    return False


def test_given_splits_that_lack_a_class():
    collection = [image(f"{label}{split}{i}", label, split) for label in "ab" for split in SPLITS for i in range(3)]
    collection = [i for i in collection if (i.label, i.split) != ("b", "test")]
    with pytest.raises(InputError, match=r"no image of 'b'[\s\S]*3 train, 3 validation, 0 test[\s\S]*move images"):
        assign_splits(collection, seed=0)


def test_many_poor_classes_make_a_short_message():
    collection = [image(f"{label}", f"class{label}") for label in range(300)]
    with pytest.raises(InputError, match="and 295 more") as caught:
        assign_splits(collection, seed=0)
    assert len(str(caught.value)) < 1000


def test_count_splits():
    collection = [image(1, "b"), image(2, "a"), image(3, "b")]
    assert count_splits(collection, ["test", "train", "test"]) == {
        "a": {"train": 1, "validation": 0, "test": 0},
        "b": {"train": 0, "validation": 0, "test": 2},
    }
