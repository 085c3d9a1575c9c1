"""What all parts of a config have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the config: unknown names are refused, and nothing changes once it is checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)
