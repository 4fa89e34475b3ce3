"""How the found network compares with others, in sentences as honest as their spread allows."""

from __future__ import annotations

from collections.abc import Iterator

from sharewise.report._read import Facts, Row
from sharewise.report._words import mean_spread, plural, quantity, signed, times

Gains = tuple[float | None, float | None]  # (mean, spread) over seeds in percent, where measured


def verdict(against: str, gains: Gains) -> str:
    """How a network compares, after the word "it", as honest as its spread allows."""
    mean, spread = gains
    if mean is None:
        return f"has no measured gain over {against}"
    figure = f"mean gain {signed(mean, spread)}"
    if spread is None:
        word = "better" if mean > 0 else "no better"
        return f"scored {word} than {against} ({figure}), but one seed cannot rule out chance"
    if mean > spread:
        return f"is better than {against} ({figure})"
    if mean < -spread:
        return f"is worse than {against} ({figure})"
    return f"is no better than {against} ({figure}, within the spread over seeds)"


def params_words(facts: Facts, found: tuple[float, float]) -> str:
    """The parameters of the found network beside others', such as "11.2 M parameters (1.27× ..)".

    `found` are its parameters and multiply-adds.
    """
    ratios = [
        f"{times(found[0] / other[0])} those of {words}"
        for other, words in (
            (facts.cost_of("shared"), "sharing everything"),
            (facts.cost_of("independent"), f"{len(facts.tasks)} independent networks"),
        )
        if other and other != found
    ]
    beside = f" ({' and '.join(ratios)})" if ratios else ""
    return f"{quantity(found[0])} parameters{beside}"


def against_shared(facts: Facts, words: str = "sharing everything") -> Iterator[str]:
    """What the found network gained over sharing everything, in these words."""
    found, shared = facts.rows.get("found"), facts.rows.get("shared")
    if found is None or shared is None:
        return
    if found.architectures == shared.architectures:
        yield "So there is no gain over sharing everything: it is the same network."
        return
    text = verdict(words, found.gains)
    yield f"On the test split over {plural(len(facts.seeds), 'seed')} it {text}."


def against_random(ahead: Gains, words: str) -> Iterator[str]:
    """Whether the search was ahead of chance, beyond the noise; `words` begin the sentence."""
    mean, noise = ahead
    if mean is None:
        return
    if noise is None:
        yield f"{words}, which one seed cannot tell from chance."
    elif mean > noise:
        yield f"{words}, which is less."
    elif mean < -noise:
        yield f"{words}, which is more: here the search did not pay."
    else:
        yield f"{words}, so these seeds do not show that the search beats chance."


def paired(one: Row, other: Row) -> Gains:
    """How much more one row gains than another, seed by seed."""
    seeds = [seed for seed in one.gain if seed in other.gain]
    if len(seeds) < len(one.test):
        return None, None
    return mean_spread([one.gain[seed] - other.gain[seed] for seed in seeds])


def apart(one: Row, other: Row) -> Gains:
    """How much more one row gains than another in the mean, and the larger of their spreads.

    More cautious than `paired`: what a seed does to both rows alike counts as noise, too.
    """
    (mean, spread), (other_mean, other_spread) = one.gains, other.gains
    if mean is None or other_mean is None:
        return None, None
    if spread is None or other_spread is None:
        return mean - other_mean, None
    return mean - other_mean, max(spread, other_spread)
