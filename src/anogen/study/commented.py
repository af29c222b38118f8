"""The settings tree as YAML with a comment for each value."""

import json
from typing import Any

from pydantic import BaseModel


def commented(settings: BaseModel, indent: int = 0) -> str:
    """YAML of ``settings``; the comment of a value is its field's description."""
    lines = []
    pad = "  " * indent
    for name, field in type(settings).model_fields.items():
        value: Any = getattr(settings, name)
        if isinstance(value, BaseModel):
            purpose = field.description or (type(value).__doc__ or "").partition("\n")[0]
            lines.append(f"{pad}{name}:{_comment(purpose.rstrip('.'))}\n")
            lines.append(commented(value, indent + 1))
        elif isinstance(value, dict) and any(isinstance(v, BaseModel) for v in value.values()):
            lines.append(f"{pad}{name}:{_comment(field.description)}\n")
            for key, part in value.items():
                lines.append(f"{pad}  {key}:\n{commented(part, indent + 2)}")
        else:
            lines.append(f"{pad}{name}: {json.dumps(value)}{_comment(field.description)}\n")
    return "".join(lines)


def _comment(description: str | None) -> str:
    return f"  # {description}" if description else ""
