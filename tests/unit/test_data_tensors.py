from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from sharewise.data import Batch, SeparateData, Split, TaskData, TensorData
from sharewise.errors import DataError, InputError
from sharewise.tasks import binary, masked_loss, regression


def split(samples: int, start: int = 0) -> Split:
    """Inputs that are their own numbers, labels that follow from them, every third one missing."""
    number = torch.arange(start, start + samples)
    odd = torch.where(number % 3 == 0, -1, number % 2)
    return number.float()[:, None].expand(-1, 2), {"odd": odd, "twice": 2.0 * number}


def small(**changes: Any) -> TensorData:
    parts: dict[str, Any] = {"train": split(23), "val": split(5, 100), "test": split(4, 200)}
    return TensorData([binary("odd"), regression("twice")], **(parts | changes))


def other(samples: int = 9) -> TensorData:
    inputs = -torch.arange(1.0, samples + 1)[:, None].expand(-1, 2)
    part = (inputs, {"sign": torch.zeros(samples, dtype=torch.int64)})
    return TensorData([binary("sign")], train=part, val=part, test=part, name="signs")


def numbers(batches: Iterator[Batch]) -> list[int]:
    return [int(number) for batch in batches for number in batch.inputs[:, 0]]


def test_both_kinds_offer_what_every_data_set_offers() -> None:
    assert isinstance(small(), TaskData)
    assert isinstance(SeparateData([small(), other()]), TaskData)


def test_an_epoch_covers_every_sample_once_and_keeps_the_short_batch() -> None:
    batches = list(small().train(batch_size=5, seed=0, epoch=0))
    assert [len(batch.inputs) for batch in batches] == [5, 5, 5, 5, 3]
    assert sorted(numbers(iter(batches))) == list(range(23))


def test_labels_stay_with_their_inputs() -> None:
    for batch in small().train(batch_size=4, seed=3, epoch=1):
        assert batch.tasks == ("odd", "twice")
        assert torch.equal(batch.targets["twice"], 2 * batch.inputs[:, 0])


DATA: list[Callable[[], TaskData]] = [small, lambda: SeparateData([small(), other()])]


@pytest.mark.parametrize("make", DATA, ids=["tensors", "separate"])
def test_the_order_is_a_pure_function_of_seed_and_epoch(make: Callable[[], TaskData]) -> None:
    def order(data: TaskData, seed: int, epoch: int) -> list[int]:
        return numbers(data.train(batch_size=4, seed=seed, epoch=epoch))

    data = make()
    first = order(data, 0, 0)
    torch.manual_seed(99)  # the global state has no say
    assert order(data, 0, 0) == first
    assert order(make(), 0, 0) == first
    others = [order(data, 0, 1), order(data, 1, 0), order(data, 10, 0), order(data, 0, 10)]
    assert all(one != first for one in others)
    assert len({tuple(one) for one in others}) == 4


def test_the_order_is_the_same_on_every_machine_and_in_every_version() -> None:
    assert numbers(small().train(batch_size=23, seed=0, epoch=0))[:6] == ORDER


def test_drawing_batches_leaves_the_global_state_alone() -> None:
    before = torch.random.get_rng_state()
    list(small().train(batch_size=4, seed=0, epoch=0))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_two_epochs_can_be_read_side_by_side() -> None:
    data = small()
    one, two = (data.train(batch_size=4, seed=0, epoch=0) for _ in range(2))
    assert [numbers(iter([a])) for a in one] == [numbers(iter([b])) for b in two]


def test_validation_and_test_keep_their_order() -> None:
    assert numbers(small().val(batch_size=2)) == list(range(100, 105))
    assert numbers(small().test(batch_size=3)) == list(range(200, 204))
    assert small().sizes() == {"train": 23, "val": 5, "test": 4}


def test_inputs_can_be_stored_small_and_prepared() -> None:
    images: Split = (torch.full((6, 1, 4, 4), 255, dtype=torch.uint8), {"odd": torch.ones(6).int()})
    data = TensorData(
        [binary("odd")],
        train=images,
        val=images,
        test=images,
        prepare=lambda stored: (stored.float() / 255).expand(-1, 3, -1, -1),
    )
    (batch,) = data.val(batch_size=6)
    assert data.input_shape == (3, 4, 4)
    assert batch.inputs.shape == (6, 3, 4, 4)
    assert batch.inputs.dtype == torch.float32


def test_equal_data_have_equal_fingerprints_and_other_data_do_not() -> None:
    inputs, targets = split(23)
    data = small()
    assert len(data.fingerprint) == 16
    assert data.fingerprint == small().fingerprint
    changed = {**targets, "odd": targets["odd"].roll(1)}
    for changes in (
        {"train": (inputs + 1, targets)},
        {"train": (inputs, changed)},
        {"test": split(4, 201)},
        {"settings": {"name": "tensors", "seed": 1}},
    ):
        assert small(**changes).fingerprint != data.fingerprint


def test_missing_labels_change_nothing_in_loss_or_metric() -> None:
    data = small()
    odd = data.tasks[0]
    (batch,) = data.train(batch_size=23, seed=0, epoch=0)
    target = batch.targets["odd"]
    present = odd.present(target)
    assert int(present.sum()) == 15
    output = torch.linspace(-1, 1, 23)[:, None]
    changed = torch.where(present[:, None], output, 1e6)
    assert masked_loss(odd, output, target) == masked_loss(odd, changed, target)
    hits = odd.metrics[0].per_sample(output[present], target[present])
    assert torch.equal(hits, odd.metrics[0].per_sample(changed[present], target[present]))


def test_a_separate_batch_belongs_to_one_part() -> None:
    data = SeparateData([small(), other()])
    assert [task.name for task in data.tasks] == ["odd", "twice", "sign"]
    assert data.sizes() == {"train": 32, "val": 14, "test": 13}
    batches = list(data.train(batch_size=4, seed=0, epoch=0))
    for batch in batches:
        negative = batch.inputs[:, 0] < 0
        assert batch.tasks == (("sign",) if negative.all() else ("odd", "twice"))
        assert set(batch.targets) == set(batch.tasks)
        assert negative.all() or not negative.any()
    turns = [batch.tasks for batch in batches]
    assert turns != sorted(turns) and turns != sorted(turns, reverse=True)
    assert sorted(numbers(iter(batches))) == list(range(-9, 0)) + list(range(23))
    assert len(numbers(data.val(batch_size=4))) == 14
    assert len(numbers(data.test(batch_size=4))) == 13


def test_separate_data_give_their_parts_back() -> None:
    first, second = small(), other()
    data = SeparateData([first, second])
    assert data.parts == (first, second)
    settings = {"name": "mine", "seed": 3}
    assert SeparateData([first], settings=settings).settings == settings


def test_separate_data_are_described_by_their_parts() -> None:
    data = SeparateData([small(), other()])
    assert data.settings == {"name": "separate", "parts": [{"name": "tensors"}, {"name": "signs"}]}
    assert data.fingerprint == SeparateData([small(), other()]).fingerprint
    assert data.fingerprint != SeparateData([small(), other(8)]).fingerprint


def with_nan(value: float) -> Tensor:
    inputs = torch.zeros(23, 2)
    inputs[17, 1] = value
    return inputs


LABELS = split(23)[1]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"val": (torch.zeros(0, 2), {})},
            "Every split of a data set has samples. Found an empty val split. "
            "Move some samples there.",
        ),
        (
            {"train": (with_nan(math.nan), LABELS)},
            "The inputs of a data set are finite numbers. Found nan in sample 17 of the train "
            "split. Correct the sample or leave it out.",
        ),
        (
            {"train": (with_nan(-math.inf), LABELS)},
            "The inputs of a data set are finite numbers. Found -inf in sample 17 of the train "
            "split. Correct the sample or leave it out.",
        ),
        (
            {"test": (torch.zeros(4, 2), {"odd": torch.zeros(4).int(), "twice": torch.zeros(3)})},
            "A split has as many labels as inputs. Found 3 labels of task 'twice' for 4 inputs in "
            "the test split. Give one label for each input; missing ones are -1 (classes) or NaN "
            "(numbers).",
        ),
        (
            {"test": (torch.zeros(4, 2), {"odd": torch.zeros(4).int()})},
            "Every task has labels in every split. Found none for task 'twice' in the test split. "
            "Give them; a sample without a label has -1 (classes) or NaN (numbers).",
        ),
        (
            {"train": (torch.zeros(23, 2), {**LABELS, "odd": torch.arange(23)})},
            "The labels of task 'odd' lie in 0..1, or are -1 where missing. Found 2 at index 2. "
            "Correct the label, or give the task more classes.",
        ),
        (
            {"val": (torch.zeros(5, 3), split(5)[1])},
            "The inputs of all splits have one shape. Found [2] in train, [3] in val, [2] in test. "
            "Resize or pad the inputs.",
        ),
    ],
)
def test_bad_data_are_named(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        small(**changes)
    assert str(caught.value) == sentence


def test_two_tasks_of_one_name_are_refused() -> None:
    part = split(4)
    with pytest.raises(InputError, match=r"Found 'odd' twice\. Rename one of them\."):
        TensorData([binary("odd"), binary("odd")], train=part, val=part, test=part)
    with pytest.raises(InputError, match=r"Found 'odd' twice\. Rename one of them\."):
        SeparateData([small(), small()])


def test_parts_that_do_not_fit_are_refused() -> None:
    part = (torch.zeros(4, 3), {"sign": torch.zeros(4).int()})
    wide = TensorData([binary("sign")], train=part, val=part, test=part, name="wide")
    with pytest.raises(DataError) as caught:
        SeparateData([small(), wide])
    assert str(caught.value) == (
        "All parts of separate data have inputs of one shape. "
        "Found [2] in 'tensors', [3] in 'wide'. Resize or pad the inputs."
    )
    with pytest.raises(DataError, match="Separate data have at least one part"):
        SeparateData([])


@pytest.mark.parametrize("make", DATA, ids=["tensors", "separate"])
def test_a_batch_of_no_samples_is_refused_at_once(make: Callable[[], TaskData]) -> None:
    data = make()
    for ask in (
        lambda: data.train(batch_size=0, seed=0, epoch=0),
        lambda: data.val(batch_size=0),
        lambda: data.test(batch_size=-1),
    ):
        with pytest.raises(InputError, match="A batch holds at least one sample"):
            ask()


# The beginning of the order of 23 samples for seed 0, epoch 0, written down once.
ORDER = [20, 2, 15, 17, 22, 19]
