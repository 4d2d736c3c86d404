"""YAML as a person gives it in a file, checked by the class that it is to become."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from app.errors import Invalid

T = TypeVar("T", bound=BaseModel)


def read_yaml(file: Path, kind: type[T], what: str) -> T:
    """Raises `Invalid` that names the file and the place in it."""
    try:
        return kind.model_validate(yaml.safe_load(file.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"the {what} {file} can not be read: {error}") from error
    except yaml.YAMLError as error:
        raise Invalid(f"{file} is no YAML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise Invalid(f"{file}: {place}: {first['msg']}", place=place) from None
