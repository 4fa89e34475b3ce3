"""The game itself: sent to places of a level, and asked what it shows there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sharewise.data._doom_cast import SKY, UNKNOWN, Camera, cast, sector_at
from sharewise.data._doom_frames import Thing, View, middles
from sharewise.data._doom_level import Level
from sharewise.data._protocol import generator
from sharewise.errors import DataError

if TYPE_CHECKING:
    import vizdoom

EYE = 41.0
"""How high a player's eye is above the floor, in map units."""
_ROOM = 56.0  # the height that a player needs
_AWAY = 40.0  # from things, so that none is taken up or fills the image
_FAR, _CLOSE, _SKY = 64.0, 20.0, 0.4  # depths in map units, a share of the image
_CALM = 8  # steps after which a level has begun
_STEPS = 3  # after which a player who is sent somewhere stands upright


@contextmanager
def game(wad: Path, height: int) -> Iterator[Game]:
    """A game without window or sound, of 192 or 480 rows."""
    import vizdoom

    left = Path("_vizdoom")  # the game makes this in the working folder, and puts nothing there
    was_there = left.exists()
    with tempfile.TemporaryDirectory() as folder:
        player = _player(wad, height)
        # Else it leaves a file of its settings in the working folder.
        player.set_doom_config_path(os.path.join(folder, "doom.ini"))
        try:
            player.init()
            yield Game(player)
        except (vizdoom.ViZDoomErrorException, vizdoom.ViZDoomUnexpectedExitException) as error:
            raise DataError(
                rule="The levels of doom are rendered by vizdoom.",
                found=f"that it stopped: {error}",
                fix="Try again, and then install vizdoom again: pip install 'sharewise[doom]'.",
            ) from error
        finally:
            player.close()
            if not was_there and left.is_dir() and not any(left.iterdir()):
                left.rmdir()


def _player(wad: Path, height: int) -> vizdoom.DoomGame:
    import vizdoom

    player = vizdoom.DoomGame()
    player.set_doom_game_path(str(wad))
    player.set_doom_scenario_path("")
    sizes = {192: "RES_256X192", 480: "RES_640X480"}
    player.set_screen_resolution(getattr(vizdoom.ScreenResolution, sizes[height]))
    player.set_screen_format(vizdoom.ScreenFormat.RGB24)
    player.set_depth_buffer_enabled(True)
    player.set_labels_buffer_enabled(True)
    unwanted = "hud weapon crosshair decals particles messages screen_flashes"
    for shown in unwanted.split():
        getattr(player, f"set_render_{shown}")(False)
    player.set_window_visible(False)
    player.set_mode(vizdoom.Mode.PLAYER)
    player.set_episode_timeout(0)
    player.set_seed(0)
    # Cheats; no words in the middle of the image where a secret is found; no files for next time.
    words = "+sv_cheats 1 +cl_showsecretmessage 0 +con_midtime 0 +gl_cachenodes 0"
    player.add_game_args(words)
    player.set_available_buttons([vizdoom.Button.TURN_LEFT_RIGHT_DELTA])
    where = [f"CAMERA_POSITION_{axis}" for axis in "XYZ"] + ["CAMERA_ANGLE"]
    player.set_available_game_variables([getattr(vizdoom.GameVariable, w) for w in where])
    return player


class Game:
    """A running game."""

    def __init__(self, player: vizdoom.DoomGame) -> None:
        self._player: Any = player

    def enter(self, level: str) -> None:
        """Begin a level, in which nothing moves and the player cannot be hurt."""
        self._player.set_doom_map(level)
        self._player.make_action([0.0], _CALM)
        for cheat in ("god", "notarget", "freeze"):
            self._player.send_game_command(cheat)
        self._player.make_action([0.0], 1)

    def look(self, wanted: Camera) -> View:
        """What is seen from a place; where the game has put the player is the view's camera."""
        self._player.send_game_command(f"warp {wanted.x:.0f} {wanted.y:.0f}")
        now = float(self._player.get_state().game_variables[3])
        self._player.make_action([(now - wanted.degrees) % 360], 1)  # to the right is positive
        for _ in range(_STEPS - 1):
            self._player.make_action([0.0], 1)
        state = self._player.get_state()
        things = [
            Thing(
                label.value, label.object_category, label.object_position_x, label.object_position_y
            )
            for label in state.labels
        ]
        return View(
            Camera(*(float(value) for value in state.game_variables)),
            np.array(state.screen_buffer),
            np.array(state.depth_buffer),
            np.array(state.labels_buffer),
            things,
        )


def places(level: Level, *salt: int | str) -> Iterator[tuple[int, Camera]]:
    """Numbered places to look from, without end, which only the salt decides.

    Near things, since things lie where players get to; in a sector that is high enough, away from
    things and walls, and with something to see: half of the image is two metres away or farther,
    and not much of it is sky.
    """
    numbers = np.random.default_rng(generator(*salt).initial_seed())
    number = 0
    while True:
        number += 1
        at = level.things[numbers.integers(len(level.things))] + numbers.uniform(-128, 128, 2)
        x, y = np.round(at).tolist()
        camera = Camera(x, y, 0.0, float(numbers.uniform(0, 360)))
        floor = _floor(level, camera)
        if floor is None or np.hypot(*(level.things - (x, y)).T).min() < _AWAY:
            continue
        if _worth(level, Camera(x, y, floor + EYE, camera.degrees)):
            yield number, camera


def _floor(level: Level, camera: Camera) -> float | None:
    """The height of the floor at a place; None where nobody could stand."""
    sector = sector_at(level, camera)
    if sector < 0 or level.ceiling[sector] - level.floor[sector] < _ROOM:
        return None
    return float(level.floor[sector])


def _worth(level: Level, camera: Camera) -> bool:
    right, down = middles(9, 3, 4)
    seen = cast(level, camera, right, np.broadcast_to(down, (9, 9)))
    depth = np.where(seen.kind == SKY, np.inf, np.nan_to_num(seen.depth))
    enough = np.median(depth) > _FAR and depth.min() > _CLOSE
    return bool(enough and (seen.kind == SKY).mean() < _SKY and not (seen.kind == UNKNOWN).any())
