"""Words of the command line: what they mean, and the sentences for those that mean nothing."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from _decathlon_folder import write_set

from sharewise.backbones import convnet, mlp, resnet18, resnet26, resnet34, vgg16_bn
from sharewise.cli._backbone_words import (
    BACKBONES,
    backbone_from,
    check_backbone,
    read_backbone,
    read_shape,
)
from sharewise.cli._data_words import DATA, answers, data_from, default_backbone, read_data
from sharewise.cli._settings import read_settings
from sharewise.cli._words import GROUPS, NUMBER, SIZES, WHOLE, Word, one_of, read_word
from sharewise.data import TensorData, decathlon, decathlon_mini, identity, planted
from sharewise.errors import InputError

WORDS = {
    "apple": Word("apple", {"size": WHOLE, "weight": NUMBER, "hue": one_of("red", "green")}),
    "pear": Word("pear", {}),
}


def told(error: pytest.ExceptionInfo[InputError]) -> str:
    return str(error.value)


def test_a_word_alone_has_no_options() -> None:
    assert read_word("pear", WORDS, what="a fruit") == (WORDS["pear"], {})


def test_options_are_read_by_their_kind() -> None:
    word, options = read_word("apple:size=3, weight=.5,hue=green", WORDS, what="a fruit")
    assert word is WORDS["apple"]
    assert options == {"size": 3, "weight": 0.5, "hue": "green"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("plum", "A fruit is one of apple, pear. Found 'plum'. Write apple:size=2, for example."),
        ("peer", "A fruit is one of apple, pear. Found 'peer'. Did you mean pear?"),
        ("", "A fruit is one of apple, pear. Found ''. Write apple:size=2, for example."),
        ("pear:size=1", "The options of 'pear' are none. Found 'size' in 'size=1'. Leave it out."),
        (
            "apple:colour=1",
            "The options of 'apple' are size, weight, hue. Found 'colour' in 'colour=1'. "
            "Write size=2, for example.",
        ),
        (
            "apple:size=1,size=2",
            "An option is given once. Found 'size' twice in 'size=1,size=2'. "
            "Leave one of them out.",
        ),
        (
            "apple:size=big",
            "The option 'size' of 'apple' is a whole number. Found size=big. "
            "Write size=2, for example.",
        ),
        (
            "apple:size",
            "The option 'size' of 'apple' is a whole number. Found size=. "
            "Write size=2, for example.",
        ),
        (
            "apple:weight=nan",
            "The option 'weight' of 'apple' is a number. Found weight=nan. "
            "Write weight=0.25, for example.",
        ),
        (
            "apple:hue=blue",
            "The option 'hue' of 'apple' is one of red, green. Found hue=blue. "
            "Write hue=red, for example.",
        ),
    ],
)
def test_a_word_that_means_nothing_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        read_word(text, WORDS, what="a fruit")
    assert told(error) == sentence


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("4+4", (4, 4)),
        ("8", (8,)),
        ("3+(2+3)", (3, (2, 3))),
        ("(2+3)", ((2, 3),)),
        ("(1+2)+(3)", ((1, 2), (3,))),
    ],
)
def test_groups_are_sizes_joined_by_plus(text: str, groups: tuple[Any, ...]) -> None:
    assert GROUPS.read(text) == groups


@pytest.mark.parametrize("text", ["", "4+", "4,4", "((2))", "4 + 4", "a", "3+(2+3", "-4"])
def test_other_groups_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        GROUPS.read(text)


def test_sizes() -> None:
    assert SIZES.read("16+8") == (16, 8)


# --- data ---


def test_data_words_make_the_data() -> None:
    made = read_data("planted:groups=3+(2+3),samples=20,noise=0.1,nonlinearity=identity,seed=2")()
    wanted = planted((3, (2, 3)), samples=20, noise=0.1, nonlinearity=identity, seed=2)
    assert made.fingerprint == wanted.fingerprint
    assert default_backbone(made) == "mlp:widths=16+16+16"


def test_default_groups_and_the_backbone_that_fits_them() -> None:
    made = read_data("planted:samples=8,outputs=5,stages=2")()
    assert made.settings["groups"] == [4, 4]
    assert default_backbone(made) == "mlp:widths=5+5"


def test_reading_a_data_word_makes_nothing_yet() -> None:
    with pytest.raises(
        InputError, match="A data set is one of glyphs, planted, decathlon-mini, decathlon"
    ):
        read_data("glyph:variants=1")
    read_data("glyphs:variants=1000000")


def test_data_comes_back_from_its_settings() -> None:
    made = read_data("planted:groups=2+(1+1),samples=8")()
    assert data_from(made.settings).fingerprint == made.fingerprint


def test_glyphs_come_back_from_their_settings() -> None:
    made = read_data("glyphs:variants=1,size=16,seed=3")()
    assert default_backbone(made) == "resnet18:width=0.25,stem=imagenet"
    assert data_from(made.settings).fingerprint == made.fingerprint


@pytest.mark.parametrize(
    "settings", [{"name": "mine"}, {}, {"name": "glyphs", "seed": 0}, {"name": "glyphs", "x": 1}]
)
def test_data_of_the_users_own_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError) as error:
        data_from(settings)
    assert told(error) == (
        f"The command line makes again only the data of its own words: {', '.join(DATA)}. "
        f"Found data with the settings {settings!r}. Use the Python functions (sw.train, "
        "sw.compare) with your data and the run's architecture.json."
    )


def test_a_nonlinearity_of_the_users_own_is_refused() -> None:
    made = planted((2,), samples=4, nonlinearity=lambda values: values**3)
    with pytest.raises(InputError, match=r"one of tanh, relu, .* Found '<lambda>'\."):
        data_from(made.settings)


def test_every_data_word_says_what_people_need() -> None:
    for name, word in DATA.items():
        assert word.name == name
        assert all((word.what, word.needs, word.get, word.licence))


def test_the_small_decathlon_is_made_with_its_progress_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHAREWISE_CACHE", str(tmp_path))
    steps: list[Any] = []
    text = "decathlon-mini:size=16,samples=30,domains=digits+monsters,seed=4"
    made = read_data(text)(steps.append)
    wanted = decathlon_mini(4, size=16, samples=30, domains=("digits", "monsters"))
    assert made.fingerprint == wanted.fingerprint
    assert len(steps) == sum(made.sizes().values())
    assert data_from(made.settings).fingerprint == made.fingerprint
    assert answers(made)["digits"] == list("0123456789")
    backbone = read_backbone(default_backbone(made), made.input_shape)
    assert backbone.settings["name"] == "convnet"


def test_the_decathlon_is_read_from_a_folder(tmp_path: Path) -> None:
    write_set(tmp_path, "dtd", 4)
    made = read_data(f"decathlon:folder={tmp_path},sets=dtd,size=32,jitter=yes,cutout=no")()
    assert made.fingerprint == decathlon(tmp_path, size=32, jitter=True).fingerprint
    assert data_from(made.settings).fingerprint == made.fingerprint
    assert answers(made) == {"dtd": ["dtd 0", "dtd 1", "dtd 2"]}
    assert read_backbone(default_backbone(made), made.input_shape).input_shape == (3, 32, 32)
    with pytest.raises(InputError) as error:
        read_data("decathlon")()
    assert told(error) == (
        "The decathlon is read from a folder of yours. Found no option 'folder'. "
        "Write decathlon:folder=decathlon-1.0, for example."
    )
    with pytest.raises(InputError) as error:
        read_data("decathlon:jitter=maybe")
    assert told(error) == (
        "The option 'jitter' of 'decathlon' is yes or no. Found jitter=maybe. "
        "Write jitter=yes, for example."
    )


def test_tensors_are_not_data_of_the_command_line() -> None:
    made = planted((2,), samples=4).tensors
    assert isinstance(made, TensorData)
    with pytest.raises(InputError, match="only the data of its own words"):
        data_from({"name": "tensors"})


# --- backbones ---


@pytest.mark.parametrize(
    ("text", "shape", "wanted"),
    [
        ("resnet18", (3, 32, 32), resnet18(input_size=32)),
        (
            "resnet18:width=0.25,stem=small",
            (1, 28, 20),
            resnet18(0.25, 1, input_size=(28, 20), stem="small"),
        ),
        ("resnet34:width=.5", (3, 32, 32), resnet34(0.5, input_size=32)),
        (
            "resnet34:output_stride=8,stem=imagenet",
            (3, 225, 225),
            resnet34(input_size=225, output_stride=8),
        ),
        (
            "resnet18:width=0.25,stem=small,output_stride=4",
            (3, 32, 32),
            resnet18(0.25, input_size=32, stem="small", output_stride=4),
        ),
        ("resnet26", None, resnet26()),
        ("vgg16_bn:width=0.1", (3, 32, 32), vgg16_bn(0.1, input_size=32)),
        ("convnet:width=0.5", (1, 20, 20), convnet(0.5, 1, input_size=20)),
        ("convnet:output_stride=4", (3, 32, 32), convnet(output_stride=4)),
        ("mlp", (7,), mlp(7)),
        ("mlp:widths=4+5", (7,), mlp(7, (4, 5))),
    ],
)
def test_backbone_words(text: str, shape: tuple[int, ...] | None, wanted: Any) -> None:
    made = read_backbone(text, shape)
    assert made.settings == wanted.settings
    assert made.input_shape == wanted.input_shape
    assert backbone_from(made.settings).settings == made.settings
    assert backbone_from(made.settings).input_shape == made.input_shape


def test_every_backbone_has_a_word() -> None:
    import sharewise.backbones as room

    functions = {name: getattr(room, name) for name in room.__all__}
    makers = {
        name
        for name, each in functions.items()
        if inspect.isfunction(each) and each.__annotations__.get("return") == "Backbone"
    }
    assert set(BACKBONES) == makers - {"from_module"}  # it takes a module, which no word is


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "resnet19",
            "A backbone is one of convnet, mlp, resnet18, resnet26, resnet34, timm, torchvision,"
            " vgg16_bn. Found 'resnet19'. Did you mean resnet18?",
        ),
        (
            "resnet18:depth=2",
            "The options of 'resnet18' are width, stem, output_stride. Found 'depth' in 'depth=2'. "
            "Write width=0.25, for example.",
        ),
        (
            "resnet18:stem=big",
            "The option 'stem' of 'resnet18' is one of small, imagenet. Found stem=big. "
            "Write stem=small, for example.",
        ),
    ],
)
def test_a_backbone_word_that_means_nothing(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        check_backbone(text)
    assert told(error) == sentence


def test_a_width_outside_its_bounds_is_the_backbones_own_error() -> None:
    with pytest.raises(InputError, match="width is a positive factor"):
        read_backbone("resnet18:width=0", (3, 32, 32))


def test_an_output_stride_that_dilation_cannot_reach_is_the_backbones_own_error() -> None:
    with pytest.raises(InputError, match=r"is one of 4, 8, 16, 32\. Found output_stride=5\."):
        read_backbone("resnet34:stem=imagenet,output_stride=5", (3, 64, 64))
    with pytest.raises(InputError, match="The options of 'resnet26' are width"):
        check_backbone("resnet26:output_stride=8")


@pytest.mark.parametrize(
    ("text", "shape", "sentence"),
    [
        (
            "resnet18",
            (32,),
            "The backbone resnet18 reads images [channels, height, width]. "
            "Found inputs of shape [32]. Take mlp for them.",
        ),
        (
            "mlp",
            (3, 32, 32),
            "The backbone mlp reads rows of numbers [features]. Found inputs of shape "
            "[3, 32, 32]. Take convnet or resnet18 or resnet26 or resnet34 or timm or torchvision"
            " or vgg16_bn for them.",
        ),
        (
            "mlp",
            None,
            "The backbone mlp needs the number of features of its input. Found none. "
            "Add --input-size 32, for example.",
        ),
    ],
)
def test_inputs_that_a_backbone_does_not_read(
    text: str, shape: tuple[int, ...] | None, sentence: str
) -> None:
    with pytest.raises(InputError) as error:
        read_backbone(text, shape)
    assert told(error) == sentence


@pytest.mark.parametrize("settings", [{}, {"name": "own"}, {"name": "mlp"}, {"name": ["mlp"]}])
def test_a_backbone_of_the_users_own_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="only the backbones of its own words: convnet, mlp"):
        backbone_from(settings)


@pytest.mark.parametrize(
    ("text", "backbone", "shape"),
    [
        ("224", "resnet18", (3, 224, 224)),
        ("72x144", "resnet26", (3, 72, 144)),
        ("1x28x28", "vgg16_bn:width=0.5", (1, 28, 28)),
        ("32", "mlp", (32,)),
    ],
)
def test_input_sizes(text: str, backbone: str, shape: tuple[int, ...]) -> None:
    assert read_shape(text, backbone) == shape


@pytest.mark.parametrize(
    ("text", "backbone"), [("big", "resnet18"), ("1x2x3x4", "resnet18"), ("3x3", "mlp")]
)
def test_other_input_sizes_are_refused(text: str, backbone: str) -> None:
    with pytest.raises(InputError, match=r"An input size is 224, 72x144 or 1x28x28"):
        read_shape(text, backbone)


# --- settings ---


@dataclass(frozen=True)
class Settings:
    epochs: int = 3
    lr: float = 0.1
    nodes: int | tuple[int, ...] = 4
    bound: float | None = None
    sizes: tuple[int, ...] = ()
    flag: bool = False
    gates: Literal["soft", "hard"] = "soft"
    note: str = ""
    other: Word | None = None


def test_settings_from_flags_and_text() -> None:
    text = "lr=1e-3,nodes=3,bound=2,sizes=1+2,flag=true,gates=hard,note=x"
    assert read_settings(Settings, text, epochs=5) == Settings(
        epochs=5, lr=1e-3, nodes=3, bound=2.0, sizes=(1, 2), flag=True, gates="hard", note="x"
    )
    assert read_settings(Settings, "nodes=3+4").nodes == (3, 4)
    assert read_settings(Settings, epochs=None) == Settings()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "other=1",
            "The options of --set are epochs, lr, nodes, bound, sizes, flag, gates, note. "
            "Found 'other' in 'other=1'. Write epochs=2, for example.",
        ),
        (
            "flag=maybe",
            "The option 'flag' of --set is true or false. Found flag=maybe. "
            "Write flag=true, for example.",
        ),
    ],
)
def test_settings_that_mean_nothing(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        read_settings(Settings, text)
    assert told(error) == sentence
