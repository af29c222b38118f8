"""How DeSTSeg's released code turns each product of MVTec AD while it trains.

Zhang et al., "DeSTSeg: Segmentation guided denoising student-teacher for anomaly detection", CVPR
2023, released code: products that lie in one way are left alone, others are turned by up to five
degrees, and those that lie anyhow by a multiple of 90 degrees before. AnoGen keeps the table.
"""

from anogen.detection.settings import MixtureSettings

_DEGREES = 5.0
_SLIGHTLY = frozenset({"wood", "zipper", "cable"})
_ANYHOW = frozenset({"bottle", "grid", "hazelnut", "leather", "tile", "carpet", "screw"})
_NOT = frozenset({"capsule", "metal_nut", "pill", "toothbrush", "transistor"})


def for_category(mixture: MixtureSettings, category: str) -> MixtureSettings:
    """``mixture`` with the table's rotations where it asks for them and the table has the product.

    Others keep the rotations that the settings name.
    """
    if mixture.rotations != "destseg" or category not in _SLIGHTLY | _ANYHOW | _NOT:
        return mixture
    turned = category not in _NOT
    return mixture.model_copy(
        update={
            "quarter_turns": category in _ANYHOW,
            "rotation_probability": 1.0 if turned else 0.0,
            "rotation_degrees": _DEGREES if turned else 0.0,
        }
    )
