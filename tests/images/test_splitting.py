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


def recipe(collection, seed, validation=0.2, test=0.2):
    """The splits as the documentation gives them, with nothing else asked for."""
    drawn = []
    for candidate in collection:
        digest = hashlib.sha256(f"{seed}:{candidate.group or candidate.sha256}".encode()).digest()
        u = int.from_bytes(digest[:8], "big") / 2**64
        drawn.append("test" if u < test else "validation" if u < test + validation else "train")
    return drawn


def exact_recipe(collection, seed, validation=0.2, test=0.2):
    """The same for `exact`, where there are no groups: the first of each class test, the next ones validate."""
    place = {}
    for label in {i.label for i in collection}:
        ordered = sorted(
            (i for i in collection if i.label == label),
            key=lambda i: hashlib.sha256(f"{seed}:{i.sha256}".encode()).digest()[:8],
        )
        first, second = (int(len(ordered) * share + 0.5 + 1e-9) for share in (test, validation))
        for number, candidate in enumerate(ordered):
            split = "test" if number < first else "validation" if number < first + second else "train"
            place[candidate.name] = split
    return [place[i.name] for i in collection]


FRACTIONS = st.sampled_from([(0.2, 0.2), (0.1, 0.3), (0.35, 0.15)])


@given(st.integers(0, 2**40), FRACTIONS)
@settings(max_examples=40)
def test_without_the_new_arguments_the_draw_is_as_ever(seed, fractions):
    validation, test = fractions
    options = {"seed": seed, "validation": validation, "test": test}
    plain, singles = grouped([1, 3, 2] * 40), images(40)
    assert assign_splits(plain, **options) == recipe(plain, seed, validation, test)
    assert assign_splits(singles, **options, exact=True) == exact_recipe(singles, seed, validation, test)
    # A test seed that is the seed itself changes nothing.
    for exact in (False, True):
        for collection in (plain, singles):
            expected = assign_splits(collection, **options, exact=exact)
            assert assign_splits(collection, **options, exact=exact, test_seed=seed) == expected


def test_exact_with_groups_is_as_ever():
    """Held by a digest, as the recipe is long: the shares of each class are filled with whole groups."""
    splits = assign_splits(grouped([1, 3, 2] * 10), seed=11, exact=True)
    assert Counter(splits) == {"train": 72, "validation": 24, "test": 24}
    assert hashlib.sha256(" ".join(splits).encode()).hexdigest()[:16] == "f6b5a5501c91228b"


def rows_of(splits, split):
    return {row for row, found in enumerate(splits) if found == split}


@given(st.lists(st.integers(0, 2**32), min_size=2, max_size=4, unique=True), st.integers(0, 9), st.booleans())
@settings(max_examples=30)
def test_runs_with_one_test_seed_share_their_test_images(seeds, test_seed, exact):
    collection = grouped([1, 3, 2] * 20)
    drawn = [assign_splits(collection, seed=seed, test_seed=test_seed, exact=exact) for seed in seeds]
    own = assign_splits(collection, seed=test_seed, exact=exact)
    assert all(rows_of(splits, "test") == rows_of(own, "test") for splits in drawn)
    assert len({frozenset(rows_of(splits, "validation")) for splits in drawn}) > 1
    for splits in drawn:
        of_group = {(i.group, split) for i, split in zip(collection, splits, strict=True)}
        assert len(of_group) == len({i.group for i in collection})


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("seed", [4, 5])
def test_a_test_seed_leaves_the_share_that_validates(seed, exact):
    collection = images(2000)
    counts = Counter(assign_splits(collection, seed=seed, test_seed=4, validation=0.3, test=0.1, exact=exact))
    allowed = 0 if exact else 120  # some four standard deviations
    assert abs(counts["test"] - 400) <= allowed
    assert abs(counts["validation"] - 1200) <= allowed


@given(
    st.lists(st.integers(1, 3), min_size=60, max_size=80),
    st.integers(0, 50),
    st.integers(0, 2),
    st.integers(2, 4),
    st.booleans(),
)
@settings(max_examples=40)
def test_every_image_that_is_not_test_validates_in_one_fold(sizes, seed, test_seed, folds, exact):
    collection = grouped(sizes)
    options = {"seed": seed, "test_seed": test_seed, "folds": folds, "exact": exact}
    drawn = [assign_splits(collection, **options, fold=fold) for fold in range(folds)]
    tested = rows_of(assign_splits(collection, seed=test_seed, exact=exact), "test")
    validated = Counter(row for splits in drawn for row in rows_of(splits, "validation"))
    assert validated == dict.fromkeys(set(range(len(collection))) - tested, 1)
    for splits in drawn:
        assert rows_of(splits, "test") == tested
        of_group = {(i.group, split) for i, split in zip(collection, splits, strict=True)}
        assert len(of_group) == len({i.group for i in collection})


def test_folds_are_of_one_size():
    collection = images(1000)
    for exact, allowed in ((False, 100), (True, 0)):
        for fold in range(4):
            splits = assign_splits(collection, seed=1, test_seed=0, folds=4, fold=fold, exact=exact)
            assert abs(splits.count("validation") - 400) <= allowed


def test_exact_folds_hold_the_same_share_of_every_class():
    collection = images(53, "a") + images(21, "b")
    for fold in range(3):
        splits = assign_splits(collection, seed=1, folds=3, fold=fold, exact=True)
        counts = count_splits(collection, splits)
        assert counts["a"]["test"] == 11  # 10.6
        assert counts["b"]["test"] == 4  # 4.2
        assert counts["a"]["validation"] == 14
        assert 5 <= counts["b"]["validation"] <= 6


def test_another_seed_draws_other_folds():
    collection = images(60)
    first, second = (assign_splits(collection, seed=seed, test_seed=9, folds=3) for seed in (0, 1))
    assert rows_of(first, "test") == rows_of(second, "test")
    assert rows_of(first, "validation") != rows_of(second, "validation")


@pytest.mark.parametrize("exact", [False, True])
def test_folds_where_the_test_images_are_given(exact):
    collection = images(60) + [image(f"t{label}{i}", label, "test") for label in "ab" for i in range(5)]
    drawn = [assign_splits(collection, seed=3, folds=4, fold=fold, exact=exact) for fold in range(4)]
    assert all(rows_of(splits, "test") == set(range(120, 130)) for splits in drawn)
    validated = Counter(row for splits in drawn for row in rows_of(splits, "validation"))
    assert validated == dict.fromkeys(range(120), 1)


def test_folds_where_the_validation_images_are_given():
    collection = images(20) + [image(f"v{label}", label, "validation") for label in "ab"]
    with pytest.raises(InputError, match="names its validation images"):
        assign_splits(collection, seed=0, folds=3)


@pytest.mark.parametrize(("folds", "fold"), [(1, 0), (0, 0), (-2, 0), (3, 3), (3, -1), (None, 1)])
def test_folds_that_there_are_not(folds, fold):
    with pytest.raises(InputError, match=r"no such fold[\s\S]*at least 2 folds"):
        assign_splits(images(), seed=0, folds=folds, fold=fold)


def test_more_folds_than_images_of_a_class():
    collection = images(20) + images(4, "c")
    with pytest.raises(InputError, match=r"no image of 'c'[\s\S]*fewer folds"):
        assign_splits(collection, seed=0, folds=6, fold=5, exact=True)
