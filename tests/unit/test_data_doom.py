from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from _split import all_of
from _wad import level as level_lumps
from _wad import write_wad
from torch import Tensor

from sharewise.data import DOOM_CLASSES, TaskData, TensorData, doom
from sharewise.data import _doom as rooms
from sharewise.data import _doom_game as playing
from sharewise.data import _mini_wad as wads
from sharewise.data._doom_cast import (
    CEILING,
    FLOOR,
    SKY,
    UNKNOWN,
    WALL,
    Camera,
    Seen,
    cast,
    sector_at,
)
from sharewise.data._doom_frames import (
    ASPECT,
    METRE,
    Thing,
    View,
    doom_frame,
    game_depth,
    tolerance,
)
from sharewise.data._doom_game import EYE, game, places
from sharewise.data._doom_level import Level, read_level
from sharewise.data._mini_wad import Wad, wad_file
from sharewise.errors import DataError, InputError

NAMES = ("segmentation", "normals", "depth", "keypoints", "edges")
EAST = Camera(64.0, 256.0, 41.0, 0.0)  # before the block, which begins 256 units away
SMALL: dict[str, Any] = {"samples": 30, "size": 32}


def made(folder: Path, *args: Any, **changes: Any) -> Level:
    return read_level(Wad(write_wad(folder / "a.wad", level_lumps(*args, **changes))), "MAP01")


def ray(level: Level, right: float, down: float, camera: Camera = EAST) -> Seen:
    return cast(level, camera, np.array([right]), np.array([[down]]))


# --- rays into a level that is made by hand ---


@pytest.mark.parametrize(
    ("right", "down", "kind", "depth"),
    [
        (0.0, 0.01, WALL, 448),  # through the opening to the far wall
        (0.0, 0.1, WALL, 256),  # the block's lower part: 41 - 25.6 is between 0 and 24
        (0.0, -0.3, WALL, 256),  # its upper part: 41 + 76.8 is between 96 and 128
        (0.0, 0.06, FLOOR, 17 / 0.06),  # on top of the block, 17 below the eye
        (0.0, -0.2, CEILING, 55 / 0.2),  # the opening's ceiling
        (0.0, 0.5, FLOOR, 82),
        (0.0, -0.5, CEILING, 174),
        (1.0, 0.0, WALL, 256),  # the southern wall, to the right
    ],
)
def test_a_ray_ends_at_what_it_meets_first(
    right: float, down: float, kind: int, depth: float, tmp_path: Path
) -> None:
    seen = ray(made(tmp_path), right, down)
    assert seen.kind.item() == kind
    assert seen.depth.item() == pytest.approx(depth)


def test_depth_is_along_the_axis_whatever_the_way(tmp_path: Path) -> None:
    """At 1 to the right and looking 30 degrees to the left, as worked out by sines."""
    seen = ray(made(tmp_path), -0.5, 0.0, Camera(64.0, 256.0, 41.0, 30.0))
    angle = math.radians(30) + math.atan(0.5)  # of the ray, from east to north
    length = min((512 - 256) / math.sin(angle), (512 - 64) / math.cos(angle))
    assert seen.depth.item() == pytest.approx(length * math.cos(math.atan(0.5)))


def test_between_two_skies_there_is_no_wall(tmp_path: Path) -> None:
    assert ray(made(tmp_path, sky=(True, True)), 0, -0.3).kind.item() == SKY
    assert ray(made(tmp_path, sky=(True, True)), 0, -0.5).kind.item() == SKY
    one = made(tmp_path, sky=(True, False))
    assert ray(one, 0, -0.3).kind.item() == WALL
    assert math.isnan(ray(one, 0, -0.5).depth.item())


def test_a_wall_without_a_picture_is_not_known(tmp_path: Path) -> None:
    bare = made(tmp_path, lower=b"-")
    assert ray(bare, 0, 0.1).kind.item() == UNKNOWN
    assert ray(bare, 0, -0.3).kind.item() == WALL


def test_what_is_behind_a_grate_is_marked(tmp_path: Path) -> None:
    grate = made(tmp_path, middle=b"GRATE")
    assert ray(grate, 0, 0.01).masked.item()
    assert not ray(grate, 0, 0.1).masked.item() and not ray(grate, 1, 0).masked.item()


def test_a_place_is_in_its_sector_or_in_none(tmp_path: Path) -> None:
    level = made(tmp_path)
    assert sector_at(level, EAST) == 0
    assert sector_at(level, Camera(350, 250, 0, 70)) == 1
    assert sector_at(level, Camera(-50, 250, 0, 0)) == -1
    assert sector_at(level, Camera(-50, 250, 0, 180)) == -1


def test_corners_are_where_two_walls_meet(tmp_path: Path) -> None:
    outer = {(x, y, z) for x in (0, 512) for y in (0, 512) for z in (0, 128)}
    block = {(x, y, z) for x in (320, 384) for y in (192, 320) for z in (0, 24, 96, 128)}
    assert {tuple(corner) for corner in made(tmp_path).corners.tolist()} == outer | block
    flush = made(tmp_path, ((0, 128), (0, 128)))  # lines without any wall
    assert {tuple(corner) for corner in flush.corners.tolist()} == outer


def test_the_camera_has_right_down_and_forward() -> None:
    north = Camera(0.0, 0.0, 41.0, 90.0)
    seen = north.seen(np.array([[10.0, 100.0, 0.0]]))
    assert seen[0].tolist() == pytest.approx([10, 41, 100])


# --- a frame of that level ---


def view_of(level: Level, things: list[Thing] | None = None) -> View:
    """What a game without fault would give: 192 x 256."""
    right = (np.arange(256) + 0.5 - 128) / 128
    down = (np.arange(192) + 0.5 - 96) / 128 / ASPECT
    seen = cast(level, EAST, right, np.broadcast_to(down, (256, 192)))
    depth = np.nan_to_num(game_bytes(seen.depth.T), nan=3).astype(np.uint8)
    labels = np.isin(seen.kind.T, (FLOOR, CEILING)).astype(np.uint8)
    image = np.full((192, 256, 3), 128, np.uint8)
    return View(EAST, image, depth, labels, things or [])


def game_bytes(depth: Any) -> Any:
    zero, step = (float(game_depth(np.array([i], np.uint8))[0]) for i in (0, 1))
    return np.clip(np.round((depth - zero) / (step - zero)), 0, 254)


def test_a_frame_has_the_levels_normals_and_depth(tmp_path: Path) -> None:
    frame = doom_frame(level := made(tmp_path), view_of(level), 64)
    normals, depth = frame["normals"][0], frame["depth"][0, 0] * METRE
    kinds = [DOOM_CLASSES[i] for i in frame["segmentation"][0, [0, 31, 63], 31].tolist()]
    assert kinds == ["ceiling", "wall", "floor"]
    assert normals[:, 63, 31].tolist() == [0, -1, 0] and normals[:, 0, 31].tolist() == [0, 1, 0]
    assert normals[:, 31, 31].abs().tolist() == pytest.approx([0, 0, 1])
    assert normals[2, 31, 31] < 0
    assert float(depth[31, 31]) == pytest.approx(448, rel=1e-5)
    assert normals[0, 31, 63] < 0.1  # what is to the right faces left, or ahead
    assert not (frame["segmentation"] == 255).any()


def test_a_corner_that_is_seen_is_a_keypoint_and_a_hidden_one_is_not(tmp_path: Path) -> None:
    heat = doom_frame(level := made(tmp_path), view_of(level), 96)["keypoints"][0, 0]

    def at(x: float, y: float, z: float) -> float:
        right, down, away = EAST.seen(np.array([[x, y, z]]))[0]
        column = (right / away / 0.75 + 1) / 2 * 96
        row = (down / away * ASPECT / 0.75 + 1) / 2 * 96
        return float(heat[int(row), int(column)])

    for z in (0, 24, 96, 128):
        assert at(320, 192, z) > 0.99
    assert at(384, 256, 0) < 0.9  # no corner
    assert at(512, 512, 64) < 0.9
    # Behind the block, under its top: the foot of its far side.
    assert at(384, 200, 0) < 0.9


def test_what_the_game_shows_otherwise_has_no_label(tmp_path: Path) -> None:
    level = made(tmp_path)
    view = view_of(level)
    view.depth[80:120, 100:150] = 5  # something comes before
    frame = doom_frame(level, view, 64)
    inside = (slice(None), slice(28, 38), slice(24, 36))
    assert (frame["segmentation"][inside] == 255).all()
    for name in ("normals", "depth", "edges"):
        assert frame[name][:, :, 28:38, 24:36].isnan().all()
    assert (frame["segmentation"] == 255).float().mean() < 0.1


def test_things_have_the_depth_of_where_they_stand_and_no_normal(tmp_path: Path) -> None:
    level = made(tmp_path)
    categories = {"Monster": "monster", "Ammo": "item", "Vegetation": "decoration"}
    for category, name in categories.items():
        view = view_of(level, [Thing(200, category, 264.0, 256.0)])
        view.labels[80:120, 100:150] = 200
        view.depth[80:120, 100:150] = game_bytes(np.array(200.0))
        frame = doom_frame(level, view, 64)
        assert (frame["segmentation"][0, 28:38, 24:36] == DOOM_CLASSES.index(name)).all()
        assert frame["normals"][0, :, 28:38, 24:36].isnan().all()
        assert torch.allclose(frame["depth"][0, 0, 28:38, 24:36], torch.tensor(200 / METRE))
        assert frame["edges"][0, 0, 32, 22:26].max() == 1


# --- the game ---


@pytest.fixture(scope="module")
def views() -> list[tuple[Level, View]]:
    """From places of two levels, large."""
    path = wad_file("freedoom2.wad", what="These")
    found = []
    with game(path, 192) as running:
        for name in ("MAP01", "MAP10"):
            level = read_level(Wad(path), name)
            running.enter(name)
            for (_, camera), _ in zip(places(level, "test", name), range(6), strict=False):
                found.append((level, running.look(camera)))
    return found


def seen_by(level: Level, view: View) -> tuple[Seen, Any, Any]:
    right = (np.arange(256) + 0.5 - 128) / 128
    down = (np.arange(192) + 0.5 - 96) / 128 / ASPECT
    return cast(level, view.camera, right, np.broadcast_to(down, (256, 192))), right, down


def test_the_game_puts_the_player_where_it_is_told(views: list[tuple[Level, View]]) -> None:
    level, view = views[0]
    _, wanted = next(places(level, "test", "MAP01"))
    assert (view.camera.x, view.camera.y) == (wanted.x, wanted.y)
    turn = (view.camera.degrees - wanted.degrees + 180) % 360 - 180
    assert abs(turn) < 0.1
    assert view.camera.z == level.floor[sector_at(level, view.camera)] + EYE


def test_the_games_depth_is_that_of_the_known_walls_and_floors(
    views: list[tuple[Level, View]],
) -> None:
    shares = []
    for level, view in views:
        seen, _, _ = seen_by(level, view)
        for kinds, label in (((WALL,), 0), ((FLOOR, CEILING), 1)):
            known = np.isin(seen.kind.T, kinds) & (view.labels == label) & (view.depth < 250)
            known &= ~seen.masked.T & (seen.depth.T > 40)
            depth = seen.depth.T[known]
            near = np.abs(game_depth(view.depth)[known] - depth) < tolerance(depth)
            shares.append(near.mean() if known.sum() > 500 else 1.0)
    assert np.mean(shares) > 0.97


def test_walls_face_where_the_games_own_depth_says(views: list[tuple[Level, View]]) -> None:
    """A straight line through the game's depth, seen from above, for every broad wall."""
    angles = []
    for level, view in views:
        seen, right, _ = seen_by(level, view)
        depth = game_depth(view.depth)
        for line in np.unique(seen.line[seen.kind == WALL]):
            mine = (line == seen.line.T) & (view.labels == 0) & ~seen.masked.T
            mine &= np.abs(depth - seen.depth.T) < tolerance(seen.depth.T)
            columns = np.flatnonzero(mine.sum(axis=0) > 10)
            if len(columns) < 40:
                continue
            away = np.array([np.median(depth[mine[:, column], column]) for column in columns])
            points = np.stack([right[columns] * away, away], 1)
            across = np.linalg.svd(points - points.mean(axis=0))[2][0]
            along = level.end[line] - level.start[line]
            forward, aside = view.camera.axes()
            true = np.array([along @ aside, along @ forward]) / np.linalg.norm(along)
            turn = across[0] * true[1] - across[1] * true[0]
            angles.append(math.degrees(math.asin(min(1, abs(turn)))))
    assert len(angles) > 10
    assert np.median(angles) < 2 and np.quantile(angles, 0.9) < 6


def test_a_place_has_something_to_see(views: list[tuple[Level, View]]) -> None:
    labelled = [
        (doom_frame(level, view, 32)["segmentation"] != 255).float().mean().item()
        for level, view in views
    ]
    assert np.median(labelled) > 0.98


# --- as data ---


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def steps() -> list[Mapping[str, Any]]:
    return []


@pytest.fixture(scope="module")
def data(folder: Path, steps: list[Mapping[str, Any]]) -> TensorData:
    return doom(**SMALL, cache=folder, progress=lambda step: steps.append(dict(step)))


def ids_of(folder: Path) -> dict[str, list[str]]:
    (path,) = (folder / "doom").glob("doom-*.json")
    ids: dict[str, list[str]] = json.loads(path.read_text())["ids"]
    return ids


def test_it_is_task_data_of_five_tasks(data: TensorData) -> None:
    assert isinstance(data, TaskData) and data.name == "doom"
    assert tuple(task.name for task in data.tasks) == NAMES
    assert [task.weight for task in data.tasks] == [1, 3, 0.5, 7, 7]
    assert data.input_shape == (3, 32, 32)
    assert data.sizes() == {"train": 30, "val": 10, "test": 10}
    inputs, targets = all_of(data, "train")
    assert inputs.mean().abs() < 0.5 and 0.6 < inputs.std() < 1.5
    for task in data.tasks:
        assert task.present(targets[task.name]).all()
    assert len(inputs.unique(dim=0)) == 30


def test_labels_agree_with_each_other(data: TensorData) -> None:
    for split in ("train", "val", "test"):
        _, targets = all_of(data, split)
        classes = targets["segmentation"]
        normals, depth = targets["normals"].float(), targets["depth"][:, 0].float()
        assert (classes == 255).float().mean() < 0.1
        solid = classes <= DOOM_CLASSES.index("wall")
        assert torch.equal(normals.isnan().any(1), ~solid)
        assert not depth[solid].isnan().any() and (depth[solid] > 0).all()
        assert depth[classes == DOOM_CLASSES.index("sky")].isnan().all()
        up = normals.movedim(1, -1)
        assert (up[classes == 0] == torch.tensor([0.0, -1, 0])).all()
        assert (up[classes == 1] == torch.tensor([0.0, 1, 0])).all()
        walls = up[classes == 2]
        assert (walls[:, 1] == 0).all() and (walls.norm(dim=1) - 1).abs().max() < 1e-3


def test_a_level_is_in_one_split_whatever_the_seed(data: TensorData, folder: Path) -> None:
    for split, ids in ids_of(folder).items():
        assert {rooms.level_split(name.split("-")[0]) for name in ids} == {split}
    names = [name for wad in rooms.WADS for name in Wad(wad_file(wad, what="")).levels()]
    assert len(names) == 68
    counts = rooms.split_counts(1500)
    for seed in (0, 1):
        wanted = rooms.level_counts(names, counts, seed)
        for split, count in counts.items():
            mine = [wanted[name] for name in wanted if rooms.level_split(name) == split]
            assert sum(mine) == count and max(mine) - min(mine) <= 1
        assert set(wanted) == set(names)


def test_progress_goes_up_to_the_last_frame(
    data: TensorData, steps: list[Mapping[str, Any]]
) -> None:
    assert [step["sample"] for step in steps] == list(range(1, 51))
    assert {step["samples"] for step in steps} == {50}
    assert all(step["phase"].startswith("rendering ") for step in steps)


def test_nothing_is_left_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(wad: Path, height: int) -> Any:
        """As on a machine that is slow, where the game would keep what it has made of a level."""
        player = usual(wad, height)
        player.add_game_args("+gl_cachetime 0")
        return player

    usual = playing._player
    monkeypatch.setattr(playing, "_player", slow)
    monkeypatch.chdir(tmp_path)
    with game(wad_file("freedoom2.wad", what="These"), 192) as running:
        running.enter("MAP01")
    assert not list(tmp_path.iterdir())


def test_what_is_rendered_is_read_from_the_cache_without_vizdoom(
    data: TensorData, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "installed", lambda package: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = doom(**SMALL, cache=folder, progress=lambda step: pytest.fail("rendered"))
    assert again.fingerprint == data.fingerprint
    for name, target in all_of(data, "val")[1].items():
        assert torch.equal(target.nan_to_num(9), all_of(again, "val")[1][name].nan_to_num(9))


# --- without the game ---


def grey(made: Mapping[str, Any]) -> Iterator[tuple[str, int, dict[str, Tensor]]]:
    """Frames of nothing, of one level for each split."""
    size, level = made["size"], {}
    for name in (f"MAP{i:02}" for i in range(1, 33)):
        level.setdefault(rooms.level_split(name), name)
    for split, count in made["counts"].items():
        for number in range(count):
            frame = {name: torch.zeros(1, 1, size, size) for name in NAMES}
            frame["images"] = torch.zeros(1, 3, size, size, dtype=torch.uint8)
            frame["segmentation"] = torch.zeros(1, size, size, dtype=torch.uint8)
            frame["normals"] = torch.tensor([0.0, 0, -1])[None, :, None, None].expand(
                1, 3, size, size
            )
            yield level[split], number + made["seed"], frame


def test_other_settings_lie_side_by_side_and_are_other_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "_rendered", grey)
    changes: list[dict[str, int]] = [{}, {"seed": 1}, {"size": 20}, {"samples": 33}]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prints = [doom(**(SMALL | change), cache=tmp_path).fingerprint for change in changes * 2]
    assert prints[:4] == prints[4:] and len(set(prints)) == 4
    assert len(list((tmp_path / "doom").glob("*.safetensors"))) == 4


@pytest.mark.parametrize("torn", [True, False])
def test_a_cache_that_is_torn_or_of_another_version_is_made_again_and_says_so(
    torn: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "_rendered", grey)
    first = doom(**SMALL, cache=tmp_path)
    if torn:
        (path,) = (tmp_path / "doom").glob("*.safetensors")
        path.write_bytes(path.read_bytes()[:-100])
    else:
        monkeypatch.setattr(rooms, "installed", lambda package: "0.1")
    reason = (
        "is torn or another file" if torn else r"made with vizdoom [\d.]+, and 0\.1 is installed"
    )
    with pytest.warns(UserWarning, match=f"^The cached data set 'doom' is made again: .*{reason}"):
        again = doom(**SMALL, cache=tmp_path)
    assert (again.fingerprint == first.fingerprint) == torn


def test_settings_are_json_and_make_the_data_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "_rendered", grey)
    data = doom(2, size=24, samples=30, cache=tmp_path)
    settings = json.loads(json.dumps(data.settings))
    assert settings.pop("name") == "doom"
    assert doom(**settings, cache=tmp_path).fingerprint == data.fingerprint


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"size": 15}, "The size of doom is 16 to 480. Found size=15. Give another number."),
        ({"size": 481}, "The size of doom is 16 to 480. Found size=481. Give another number."),
        (
            {"samples": 29},
            "The samples of doom is 30 or more. Found samples=29. Give another number.",
        ),
    ],
)
def test_arguments_out_of_range_are_named(
    arguments: dict[str, int], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        doom(**arguments, cache=tmp_path)
    assert str(caught.value) == sentence


def test_a_missing_vizdoom_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "installed", lambda package: None)
    with pytest.raises(DataError) as caught:
        doom(cache=tmp_path)
    assert str(caught.value) == (
        "The levels of doom are rendered by vizdoom. Found no vizdoom in this Python. "
        "Run pip install 'sharewise[doom]'."
    )


def test_a_vizdoom_without_its_levels_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wad, "levels", lambda wad: [])
    with pytest.raises(DataError) as caught:
        doom(cache=tmp_path)
    assert str(caught.value) == (
        "The levels of doom are read from the WADs that the vizdoom wheel carries. "
        "Found no level in freedoom1.wad or freedoom2.wad. "
        "Install vizdoom again: pip install 'sharewise[doom]'."
    )
    monkeypatch.setattr(wads, "find_spec", lambda name: None)
    with pytest.raises(DataError) as caught:
        doom(cache=tmp_path)
    assert str(caught.value) == (
        "The levels of doom are read from the freedoom1.wad that the vizdoom wheel carries. "
        "Found no such file beside vizdoom. "
        "Install vizdoom from PyPI: pip install 'sharewise[doom]'."
    )


def test_a_level_without_a_part_is_named(tmp_path: Path) -> None:
    lumps = [lump for lump in level_lumps() if lump[0] != "SECTORS"]
    wad = Wad(write_wad(tmp_path / "a.wad", lumps))
    assert wad.levels() == ["MAP01"]
    with pytest.raises(DataError, match="Found no SECTORS of the level MAP01"):
        read_level(wad, "MAP01")
