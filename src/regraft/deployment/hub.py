"""An export folder pushed to the Hugging Face Hub; a dry run says what would go there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft.deployment.serving_configs import FOLDER
from regraft.errors import InputError, MissingPackageError

_CARD, _FACTS = "README.md", "export.json"


@dataclass(frozen=True)
class PushPlan:
    """What goes to the Hub, or went there.

    Attributes:
        repo: such as `name/flowers`.
        private: whether a new repository is private.
        files: of each its path in the repository and its size in bytes.
        warnings: what the Hub will show as missing in the card.
        url: of the commit; None of a dry run.
    """

    repo: str
    private: bool
    files: list[tuple[str, int]]
    warnings: list[str]
    url: str | None = None

    @property
    def size(self) -> int:
        """All files together, in bytes."""
        return sum(size for _, size in self.files)


def push(
    folder: Path,
    repo: str,
    *,
    private: bool = True,
    token: str | None = None,
    dry_run: bool = False,
    api: Any = None,
) -> PushPlan:
    """Uploads an export folder as a model repository, or says what would be uploaded.

    The folder `serving` stays: it holds the same models again, under the names that servers want.

    Args:
        folder: what `regraft export` has written.
        repo: `name`, or `organisation/name`; it is made where there is none.
        private: make it private if it is made now; one that is there stays as it is.
        token: an access token that may write; else the one in `HF_TOKEN`, or of `hf auth login`.
        dry_run: check the folder and its card, and touch no network.
        api: in place of `huggingface_hub.HfApi`, for tests.

    Raises:
        InputError: no export folder, a card that the Hub would refuse, a name it would refuse, or no token.
        MissingPackageError: `huggingface_hub` is not installed.
    """
    check_repo(repo)
    import huggingface_hub

    plan = PushPlan(repo, private, _files(folder), _check_card(folder))
    if dry_run:
        return plan
    token = token or huggingface_hub.get_token()
    if not token:
        raise InputError(
            f"Nothing was pushed to {repo}: the Hub asks for an access token.",
            expected="one that may write, in HF_TOKEN",
            received="none",
            hint="make one at https://huggingface.co/settings/tokens, then set HF_TOKEN or run `hf auth login`; "
            "a dry run needs none",
        )
    api = api if api is not None else huggingface_hub.HfApi(token=token, library_name="regraft")
    from huggingface_hub.errors import HfHubHTTPError

    try:
        made = api.create_repo(repo, repo_type="model", private=private, exist_ok=True, token=token)
        done = api.upload_folder(
            repo_id=getattr(made, "repo_id", repo),
            repo_type="model",
            folder_path=str(folder),
            ignore_patterns=[*_LEFT_OUT],
            commit_message="Export by regraft",
            token=token,
        )
    except HfHubHTTPError.__bases__ as error:  # OSError, and all errors of the HTTP library it stands on
        raise InputError(
            f"The Hub did not take {folder} as {repo}.",
            received=str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__,
            hint="check the name, that the token may write there, and the network; what went through is not sent again",
        ) from error
    return PushPlan(repo, private, plan.files, plan.warnings, str(getattr(done, "commit_url", done)))


# Patterns of huggingface_hub, whose `*` takes slashes, too. Names with a dot first are unfinished files.
_LEFT_OUT = (f"{FOLDER}/*", ".*", "*/.*")


def check_repo(repo: str) -> None:
    """Makes sure, without network, that the Hub could have a repository of that name: before an export, not after it.

    Raises:
        InputError: it could not.
        MissingPackageError: `huggingface_hub` is not installed.
    """
    try:
        import huggingface_hub.utils
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        raise MissingPackageError("The Hugging Face Hub", "export") from None

    try:
        huggingface_hub.utils.validate_repo_id(repo)
    except HFValidationError as error:
        raise InputError(
            "The Hub has no repositories of that name.",
            expected="name or organisation/name, of letters, digits, - _ and single dots",
            received=f"{repo!r}: {error}",
        ) from None


def _files(folder: Path) -> list[tuple[str, int]]:
    """Every file that goes to the Hub, by name."""
    missing = [name for name in (_CARD, _FACTS) if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{folder} is no folder of exports.",
            expected=f"a folder made by `regraft export`, with {' and '.join(missing)} in it",
            received=f"a folder without {' and '.join(missing)}" if folder.is_dir() else "no such folder",
            hint="regraft export RUN --format onnx",
        )
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] != FOLDER and not any(part.startswith(".") for part in name.parts):
            found.append((name.as_posix(), path.stat().st_size))
    return found


def _check_card(folder: Path) -> list[str]:
    """Reads the card as the Hub's own library does; gives what a reader will miss in it."""
    from huggingface_hub import ModelCard

    try:
        json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        card = ModelCard.load(folder / _CARD)
    except Exception as error:  # YAML's errors, ValueErrors and others of the library
        raise InputError(
            f"The model card of {folder} cannot be used.",
            expected="README.md with the metadata of a model card, export.json",
            received=str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__,
            hint="export again: regraft export RUN",
        ) from error
    if not card.data.eval_results:
        raise InputError(f"The model card of {folder} has no results (`model-index`).", hint="regraft export RUN")
    if not card.data.license:
        return ["the card names no licence: write `license: …` into the first lines of README.md, it is kept there"]
    return []
