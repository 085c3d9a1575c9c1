"""Finds a backbone's ImageNet weights: a given file, the weights folder, Keras' own cache, Keras' own download."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from regraft._files import cache_folder, is_disk_error, sha256_of_file
from regraft.backbones.catalogue import CATALOGUE, get_card
from regraft.backbones.efficientnet_lite import VARIANTS, converted_file, packaged_file, packaged_weights
from regraft.backbones.names import BackboneName
from regraft.backbones.official_weights import OfficialFile, official_weights
from regraft.errors import InputError
from regraft.images.download import download


@dataclass(frozen=True)
class Weights:
    """A weight file, its hash (which becomes part of the features' identity) and where it was found."""

    path: Path
    sha256: str
    origin: str


def weights_folder() -> Path:
    """`$REGRAFT_WEIGHTS`, else the `weights` folder of the cache."""
    chosen = os.environ.get("REGRAFT_WEIGHTS")
    return Path(chosen).expanduser() if chosen else cache_folder() / "weights"


def file_names(name: BackboneName, *, include_top: bool = False) -> list[str]:
    """The names a weight file may have in the weights folder, the first being ours."""
    card = get_card(name.card_name)
    end = "" if include_top else "_no_top"
    stems = [card.weight_stem]
    if card.alphas:
        stems = [f"{card.weight_stem}_{alpha}_224" for alpha in dict.fromkeys((f"{name.alpha:.1f}", f"{name.alpha:g}"))]
        if abs(name.alpha * 10 - round(name.alpha * 10)) > 1e-9:
            stems = stems[1:]  # 0.75 is not 0.8
    names = [f"{stem}{end}{suffix}" for stem in stems for suffix in (".weights.h5", ".h5")]
    if official := official_weights(name, include_top=include_top):
        names.append(official.file_name)
    return list(dict.fromkeys(names))


def find_weights(
    name: BackboneName, *, include_top: bool = False, file: Path | None = None, fetch: bool = True
) -> Weights:
    """Gives the weight file of a backbone, downloading it only where it is nowhere on the machine.

    Args:
        name: which backbone.
        include_top: the file with the 1000-class layer.
        file: a file of the user's own; nothing else is looked at.
        fetch: whether it may be downloaded.

    Raises:
        InputError: there is none; says what was looked for, where, and what to do.
    """
    if file is not None:
        if not file.is_file():
            raise InputError(f"There is no weight file {file}.", hint="check the path given with --weights")
        return Weights(file, sha256_of_file(file), "given with --weights")
    if name.card_name in VARIANTS:
        path = packaged_weights(name.card_name)
        return Weights(path, sha256_of_file(path), f"package {VARIANTS[name.card_name].package}")
    if found := local_weights(name, include_top=include_top):
        path, origin = found
        return Weights(path, sha256_of_file(path), origin)
    official = official_weights(name, include_top=include_top)
    if official is None:
        raise _none_to_download(name, include_top)
    if not fetch:
        raise _not_found(name, include_top, "no download was tried: what is finished needs no network")
    return _download(name, official, include_top)


def local_weights(name: BackboneName, *, include_top: bool = False) -> tuple[Path, str] | None:
    """A weight file that is on this machine already, and where it was found; None where there is none."""
    if name.card_name in VARIANTS:
        packaged = packaged_file(name.card_name)
        return (packaged, f"package {VARIANTS[name.card_name].package}") if packaged else None
    for folder, origin in ((weights_folder(), "weights folder"), (_keras_cache(), "Keras' cache")):
        for file_name in file_names(name, include_top=include_top):
            if (folder / file_name).is_file():
                return folder / file_name, origin
    return None


def can_be_fetched(name: BackboneName) -> bool:
    """Whether a backbone's weights can be had without a file of the user's: as a package, or as a download."""
    return name.card_name in VARIANTS or official_weights(name, include_top=False) is not None


def own_files() -> list[Path]:
    """The weight files in regraft's cache that it can get again by itself.

    Converted and downloaded ones by their names; what else a user has put there is the user's.
    """
    folder = cache_folder() / "weights"
    names = {converted_file(name).name for name in VARIANTS}
    for card in CATALOGUE.values():
        for alpha in card.alphas or (1.0,):
            for include_top in (False, True):
                if official := official_weights(BackboneName(card.name, alpha), include_top=include_top):
                    names.add(official.file_name)
    return sorted(folder / name for name in names if (folder / name).is_file())


def _keras_cache() -> Path:
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"


def _download(name: BackboneName, official: OfficialFile, include_top: bool) -> Weights:
    target = weights_folder() / official.file_name
    sha256 = official.hash if official.hash and len(official.hash) == 64 else None
    md5 = official.hash if official.hash and len(official.hash) == 32 else None
    try:
        download(official.url, target, size=None, sha256=sha256, md5=md5, what=f"{name} weights")
    except InputError as error:
        cause = error.__cause__
        if cause is not None and is_disk_error(cause):
            raise  # the disk's fault, not the network's
        reason = error.received or error.problem
        raise _not_found(name, include_top, reason if cause else f"{error.problem} {reason}") from error
    return Weights(target, sha256_of_file(target), "download")


def _none_to_download(name: BackboneName, include_top: bool) -> InputError:
    names = " or ".join(file_names(name, include_top=include_top))
    return InputError(
        f"{name} has no weights that could be downloaded: neither regraft nor Keras has any.",
        expected=f"--weights FILE, or a file {names} in {weights_folder()} (REGRAFT_WEIGHTS)",
        hint="train it in Keras and save its weights, or convert those you have: docs/inside-networks.md shows both; "
        "EfficientNetLite0, the default backbone, comes with its weights",
    )


def _not_found(name: BackboneName, include_top: bool, reason: str) -> InputError:
    names = " or ".join(file_names(name, include_top=include_top))
    return InputError(
        f"The ImageNet weights of {name} are not on this machine and could not be downloaded.",
        expected=f"a file {names} in {weights_folder()} (REGRAFT_WEIGHTS) or {_keras_cache()}",
        received=reason,
        hint="copy the file there from a machine with a network, or name it with --weights FILE; "
        "EfficientNetLite0, the default backbone, needs no download",
    )
