from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from _split import all_of
from torch import Tensor

from sharewise.data import SCENE_CLASSES, TaskData, TensorData, scenes
from sharewise.data import _scenes_frames as frames
from sharewise.data._dense_maps import EDGE_REACH, POINT_REACH, borders, edge_map, point_map
from sharewise.data._scenes import scene_ids
from sharewise.data._scenes_cast import CLASS_OF, TANGENT
from sharewise.data._scenes_draw import BOX, CONE, CYLINDER, KINDS, SPHERE, Rooms, draw_rooms
from sharewise.errors import InputError

SIZE = 96
EXACT = ("segmentation", "normals", "depth", "keypoints", "surfaces")


@pytest.fixture(scope="module")
def made() -> dict[str, Tensor]:
    return frames.scene_frames(0, range(4, 24), SIZE)  # 20: a ray at the rim of a cone


@pytest.fixture(scope="module")
def data() -> TensorData:
    return scenes(size=32, samples=30)


def rays(size: int) -> Tensor:
    """(right, down, 1) through the middles of pixels: [3, size, size]."""
    steps = ((2 * torch.arange(size) + 1) / size - 1) * TANGENT
    down, right = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([right, down, torch.ones_like(right)])


def room(kind: int | None = None) -> Rooms:
    """6 m wide, 5 m deep, 3 m high, seen from 1 m before its middle, along y, without objects.

    Or with one of this kind: upright, in the middle of the image, 2 m away, half a metre thick.
    """
    drawn = draw_rooms(0, [0]).part(0, 1, "cpu")
    present = torch.zeros(1, len(KINDS), dtype=torch.bool)
    centre, half = torch.zeros(1, len(KINDS), 3), torch.ones(1, len(KINDS), 3)
    if kind is not None:
        at = KINDS.index(kind)
        present[0, at], centre[0, at] = True, torch.tensor([3.0, 3.5, 1.5])
        half[0, at] = torch.tensor([0.5, 0.5, 0.5])
    return replace(
        drawn,
        extent=torch.tensor([[6.0, 5.0, 3.0]]),
        eye=torch.tensor([[3.0, 1.5, 1.5]]),
        axes=torch.tensor([[[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]]),
        present=present,
        centre=centre,
        turn=torch.eye(3).expand(1, len(KINDS), 3, 3),
        half=half,
    )


def seen(made: Rooms, size: int = SIZE + 1) -> dict[str, Tensor]:
    """Of an odd size, so that a pixel's middle is the image's."""
    return {name: frame[0] for name, frame in frames._frames(made, 0, [0], size).items()}


# --- rooms that are made by hand ---


def test_an_empty_room_has_the_depths_of_its_planes() -> None:
    view = seen(room())
    right, down, _ = rays(SIZE + 1)
    wall, floor, side = torch.tensor(3.5), 1.5 / down.abs(), 3 / right.abs()
    expected = torch.minimum(torch.minimum(wall, floor), side)
    assert torch.allclose(view["depth"][0], expected, rtol=1e-5)
    names = [SCENE_CLASSES[i] for i in view["segmentation"][[0, SIZE // 2, SIZE], SIZE // 2]]
    assert names == ["ceiling", "wall", "floor"]


def test_normals_point_at_the_camera_along_right_down_and_forward() -> None:
    normals, middle = seen(room())["normals"], SIZE // 2
    assert normals[:, middle, middle].tolist() == [0, 0, -1]
    assert normals[:, SIZE, middle].tolist() == [0, -1, 0]  # the floor: up
    assert normals[:, 0, middle].tolist() == [0, 1, 0]  # the ceiling: down
    beside = replace(room(), extent=torch.tensor([[4.0, 9.0, 3.0]]))
    assert seen(beside)["normals"][:, middle, SIZE].tolist() == [-1, 0, 0]  # on the right: left


def test_a_camera_that_looks_aside_has_the_same_floor_turned() -> None:
    half = 2**-0.5  # looking down by 45 degrees
    axes = torch.tensor([[[1.0, 0, 0], [0, -half, -half], [0, half, -half]]])
    view = seen(replace(room(), axes=axes))
    normal = view["normals"][:, SIZE // 2, SIZE // 2]
    assert torch.allclose(normal, torch.tensor([0, -half, -half]), atol=1e-6)
    assert float(view["depth"][0, SIZE // 2, SIZE // 2]) == pytest.approx(1.5 / half, rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "depth", "normal"),
    [
        (BOX, 1.5, [0, 0, -1]),
        (SPHERE, 1.5, [0, 0, -1]),
        (CYLINDER, 1.5, [0, 0, -1]),
        (CONE, 1.75, [0, -(0.2**0.5), -(0.8**0.5)]),  # a quarter thick here; it rises 2 to 1
    ],
)
def test_each_thing_is_where_it_stands(kind: int, depth: float, normal: list[float]) -> None:
    view, middle = seen(room(kind)), SIZE // 2
    assert view["segmentation"][middle, middle] == kind
    assert float(view["depth"][0, middle, middle]) == pytest.approx(depth, rel=1e-5)
    assert torch.allclose(
        view["normals"][:, middle, middle], torch.tensor(normal).float(), atol=1e-5
    )


def test_a_ball_is_the_ball_of_the_school_formula() -> None:
    view, way = seen(room(SPHERE)), rays(SIZE + 1)
    square = (way**2).sum(0)
    root = (2**2 - square * (2**2 - 0.5**2)).clamp(min=0)  # of (t d - (0, 0, 2))^2 = .5^2
    inside = view["segmentation"] == SPHERE
    assert torch.equal(inside, root > 0)
    expected = (2 - root.sqrt()) / square
    assert torch.allclose(view["depth"][0][inside], expected[inside], rtol=1e-4)
    out = (way * expected - torch.tensor([0, 0, 2.0])[:, None, None]) / 0.5
    assert torch.allclose(view["normals"][:, inside], out[:, inside], atol=1e-2)


def test_a_thing_throws_a_shadow_that_no_target_shows() -> None:
    lamp = torch.tensor([[3.0, 3.5, 2.9]])
    with_ball, without = seen(replace(room(SPHERE), light=lamp)), seen(replace(room(), light=lamp))
    below = (slice(-8, None), SIZE // 2)
    assert with_ball["segmentation"][below].eq(0).all()
    assert torch.equal(with_ball["depth"][0][below], without["depth"][0][below])
    dark, bright = (each["images"].float()[:, *below].mean() for each in (with_ball, without))
    assert dark < 0.8 * bright


def test_keypoints_are_where_corners_project() -> None:
    points, shown = frames.visible_points(room(BOX))
    # The front of the box, at half a metre from the axis and 1.5 m away; the back is hidden.
    at = 0.5 + 0.5 / 1.5 / TANGENT / 2
    expected = {(round(x, 4), round(y, 4)) for x in (at, 1 - at) for y in (at, 1 - at)}
    # The far corners of the room are 3 m aside and 3.5 m away: outside the image.
    assert {tuple(round(v, 4) for v in p) for p in points[shown].tolist()} == expected
    heat = seen(room(BOX))["keypoints"][0]
    row = int(at * (SIZE + 1))
    assert heat[row, row] == heat.max() > 0.9


def test_a_hidden_corner_is_no_keypoint() -> None:
    narrow = replace(room(), extent=torch.tensor([[6.0, 9.0, 3.0]]))
    behind = replace(room(BOX), extent=narrow.extent)
    at = KINDS.index(BOX)
    behind.centre[0, at], behind.half[0, at] = (
        torch.tensor([3, 3.5, 1.5]),
        torch.tensor([2.9, 0.1, 1.4]),
    )
    assert frames.visible_points(narrow)[1][0, :8].sum() == 4  # the far corners of the room
    assert frames.visible_points(behind)[1][0, :8].sum() == 0


def test_the_middle_of_a_ball_is_a_keypoint_where_it_projects() -> None:
    points, shown = frames.visible_points(room(SPHERE))
    assert torch.allclose(points[shown], torch.tensor([[0.5, 0.5]]))


# --- laws of every room ---


def flat(surfaces: Tensor) -> Tensor:
    kinds = CLASS_OF[surfaces.long()]
    return kinds <= BOX


def test_normals_have_length_one_and_face_the_camera(made: dict[str, Tensor]) -> None:
    normals = made["normals"]
    assert (normals.norm(dim=1) - 1).abs().max() < 1e-5
    way = rays(SIZE) / rays(SIZE).norm(dim=0)
    assert (normals * way).sum(1).max() < 1e-3


def test_normals_are_those_of_the_depth(made: dict[str, Tensor]) -> None:
    """Of differences between points that depth puts into space, inside each surface."""
    points = rays(SIZE) * made["depth"]  # [rooms, 3, size, size]
    across = points[..., 1:-1, 2:] - points[..., 1:-1, :-2]
    along = points[..., 2:, 1:-1] - points[..., :-2, 1:-1]
    found = torch.linalg.cross(along, across, dim=1)
    found = found / found.norm(dim=1, keepdim=True)
    surfaces = made["surfaces"]
    inner = surfaces[:, 1:-1, 1:-1]
    sides = ((1, 0), (1, 2), (0, 1), (2, 1))
    end = SIZE - 2
    same = torch.stack([surfaces[:, i : i + end, j : j + end] == inner for i, j in sides]).all(0)
    cosine = (found * made["normals"][..., 1:-1, 1:-1]).sum(1).clamp(-1, 1)
    assert same.float().mean() > 0.7
    assert cosine[same & flat(inner)].min() > 0.999
    curved = cosine[same & ~flat(inner)]
    assert len(curved) > 1000 and curved.median() > 0.999 and curved.quantile(0.02) > 0.95


def test_a_surface_is_of_one_class_and_a_flat_one_of_one_normal(made: dict[str, Tensor]) -> None:
    assert torch.equal(CLASS_OF[made["surfaces"].long()], made["segmentation"].long())
    for surfaces, normals in zip(made["surfaces"], made["normals"], strict=True):
        for surface in surfaces[flat(surfaces)].unique():
            each = normals[:, surfaces == surface]
            assert (each - each[:, :1]).abs().max() < 1e-5


def test_edges_are_where_a_neighbour_shows_another_surface(made: dict[str, Tensor]) -> None:
    surfaces, edges = made["surfaces"][:4], made["edges"][:4, 0]
    for room_surfaces, room_edges in zip(surfaces.tolist(), edges, strict=True):
        for row in range(0, SIZE, 7):
            for column in range(SIZE):
                near = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
                here = room_surfaces[row][column]
                differs = any(
                    room_surfaces[i][j] != here for i, j in near if 0 <= i < SIZE and 0 <= j < SIZE
                )
                assert (room_edges[row, column] == 1) == differs


def test_no_edge_is_without_a_step_a_crease_or_another_class(made: dict[str, Tensor]) -> None:
    surfaces, depth, normals = made["surfaces"], made["depth"][:, 0], made["normals"]
    differs = surfaces[..., 1:] != surfaces[..., :-1]
    classes = made["segmentation"][..., 1:] != made["segmentation"][..., :-1]
    crease = (normals[..., 1:] - normals[..., :-1]).norm(dim=1) > 1e-2
    step = (depth[..., 1:] / depth[..., :-1]).log().abs() > 1e-2
    assert (crease | step | classes)[differs].float().mean() > 0.995
    plain = ~differs & flat(surfaces)[..., 1:]
    assert not crease[plain].any() and not classes[plain].any()


def test_a_room_is_the_same_at_every_size_where_pixels_have_a_middle_in_common() -> None:
    small, large = (frames.scene_frames(0, range(3), size) for size in (32, 96))
    for name in EXACT:
        assert torch.equal(small[name], large[name][..., 1::3, 1::3]), name


def test_a_room_is_the_same_bits_however_many_are_made_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together = frames.scene_frames(3, range(7), 32)
    monkeypatch.setattr(frames, "_RAYS", 32 * 32 * 2)  # two at once
    torch.manual_seed(5)
    again, one = frames.scene_frames(3, range(7), 32), frames.scene_frames(3, [4], 32)
    for name, frame in together.items():
        assert torch.equal(frame, again[name]), name
        assert torch.equal(frame[4:5], one[name]), name


def test_every_class_comes_and_no_thing_touches_another_or_a_wall() -> None:
    rooms = draw_rooms(0, range(200))
    assert rooms.present.float().mean(0).min() > 0.3
    flat_radius = rooms.half[..., :2].norm(dim=-1)
    reach = flat_radius[..., None] * rooms.present[..., None]
    centre = rooms.centre[..., :2]
    assert ((centre >= reach) & (centre <= rooms.extent[:, None, :2] - reach))[rooms.present].all()
    gap = (rooms.centre[..., :2] - rooms.eye[:, None, :2]).norm(dim=-1) - flat_radius
    assert gap[rooms.present].min() > 0.4


# --- maps ---


def test_a_bump_is_one_at_its_point_and_gone_at_its_reach() -> None:
    points = torch.tensor([[[0.625, 0.375], [0.9, 0.9]]])
    heat = point_map(points, torch.tensor([[True, False]]), 4)[0, 0]
    assert heat[1, 2] == 1 and heat.sum() == 1  # neighbours are .25 away, more than the reach
    assert POINT_REACH < 0.25
    fine = point_map(points, torch.tensor([[True, False]]), 100)[0, 0]
    rows, columns = (fine > 0).nonzero(as_tuple=True)
    middles = (torch.stack([columns, rows], 1) + 0.5) / 100
    assert (middles - points[0, 0]).abs().max() < POINT_REACH
    assert len(rows) > 3 * (50 * POINT_REACH) ** 2


def test_edges_fall_off_beside_a_border_and_are_unknown_beside_what_is_not_known() -> None:
    surfaces = torch.zeros(1, 100, 100).long()
    surfaces[:, :, 50:] = 1
    row = edge_map(surfaces)[0, 0, 30]
    assert row[49] == row[50] == 1
    assert (row[46:50].diff() > 0).all() and row[: 50 - int(100 * EDGE_REACH)].eq(0).all()
    known = torch.ones(1, 100, 100, dtype=torch.bool)
    known[:, 20:30, 10:20] = False
    beside = edge_map(surfaces, known)[0, 0]
    assert beside[20:30, 10:20].isnan().all() and beside[25, 8:22].isnan().all()
    assert torch.equal(beside[60:], edge_map(surfaces)[0, 0][60:])
    assert not borders(surfaces, known)[:, 15:35, 5:25].any()


def test_few_pixels_are_0_so_that_0_is_not_the_best_constant(made: dict[str, Tensor]) -> None:
    for name in ("edges", "keypoints"):
        assert (made[name] == 0).float().mean() < 0.4, name


# --- as data ---


def test_it_is_task_data_of_five_tasks(data: TensorData) -> None:
    assert isinstance(data, TaskData) and data.name == "scenes"
    names = ["segmentation", "normals", "depth", "keypoints", "edges"]
    assert [task.name for task in data.tasks] == names
    assert [task.weight for task in data.tasks] == [1, 3, 2, 7, 7]
    assert data.input_shape == (3, 32, 32)
    assert data.sizes() == {"train": 30, "val": 10, "test": 10}
    inputs, targets = all_of(data, "train")
    assert inputs.dtype == torch.float32
    assert inputs.mean().abs() < 0.2 and inputs.std().item() == pytest.approx(1, abs=0.2)
    assert targets["segmentation"].shape == (30, 32, 32)
    for name, channels in (("normals", 3), ("depth", 1), ("keypoints", 1), ("edges", 1)):
        assert targets[name].shape == (30, channels, 32, 32)
        assert targets[name].isfinite().all()
    assert targets["depth"].min() > 0.05 and targets["depth"].max() < 13


def test_the_tasks_take_the_targets_as_they_are_stored(data: TensorData) -> None:
    _, targets = all_of(data, "val")
    for task in data.tasks:
        target = targets[task.name]
        if task.name == "segmentation":
            right = torch.nn.functional.one_hot(target.long(), len(SCENE_CLASSES)).movedim(-1, 1)
            right = 20.0 * right
        else:
            right = target.float()
        assert task.present(target).all()
        assert float(task.loss(right, target)) == pytest.approx(0, abs=1e-3)


def test_no_room_is_in_two_splits_whatever_the_seed(data: TensorData) -> None:
    ids = scene_ids(300)
    assert {split: len(each) for split, each in ids.items()} == {
        "train": 300,
        "val": 100,
        "test": 100,
    }
    assert len(set().union(*ids.values())) == 500
    more = scene_ids(400)
    for split, each in ids.items():
        assert more[split][: len(each)] == each
    images = torch.cat([all_of(data, split)[0] for split in ("train", "val", "test")])
    assert len(images.unique(dim=0)) == 50


def test_the_seed_alone_decides(data: TensorData) -> None:
    torch.manual_seed(1)
    again, other = scenes(size=32, samples=30), scenes(1, size=32, samples=30)
    assert again.fingerprint == data.fingerprint != other.fingerprint
    assert torch.equal(all_of(again, "val")[0], all_of(data, "val")[0])
    assert not torch.equal(all_of(other, "val")[0], all_of(data, "val")[0])


def test_settings_are_json_and_make_the_data_again(data: TensorData) -> None:
    settings = json.loads(json.dumps(data.settings))
    assert settings.pop("name") == "scenes"
    assert scenes(**settings).fingerprint == data.fingerprint


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"size": 15}, "The size of scenes is 16 or more. Found size=15. Give a larger number."),
        (
            {"samples": 2},
            "The samples of scenes is 3 or more. Found samples=2. Give a larger number.",
        ),
    ],
)
def test_arguments_out_of_range_are_named(arguments: dict[str, int], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        scenes(**arguments)
    assert str(caught.value) == sentence
