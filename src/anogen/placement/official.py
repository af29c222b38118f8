"""The box sizes of AnoGen's released code, for every defect of MVTec AD and for VisA.

Gui et al., "Few-shot anomaly-driven generation" (AnoGen), ECCV 2024, section 5.1: a range for each
defect, set by hand. The paper prints one of them (hazelnut, hole: 0.1 to 0.5), which is not the
code's (0.10 to 0.15). The screw, without an entry in the code's table, has the sizes that its
second script draws for every class.
"""

from anogen.errors import InputError
from anogen.placement.settings import SizeRange

_TABLE = """
bottle     broken_large         0.20  0.25  0.25  0.80  T
bottle     broken_small         0.15  0.25  0.15  0.25  F
bottle     contamination        0.20  0.40  0.20  0.40  T
cable      bent_wire            0.10  0.25  0.10  0.25  F
cable      cable_swap           0.30  0.40  0.30  0.40  F
cable      combined             0.10  0.20  0.10  0.20  F
cable      cut_inner_insulation 0.10  0.20  0.10  0.20  F
cable      cut_outer_insulation 0.10  0.20  0.20  0.40  T
cable      missing_cable        0.40  0.40  0.40  0.40  F
cable      missing_wire         0.10  0.20  0.10  0.20  F
cable      poke_insulation      0.10  0.20  0.10  0.20  F
capsule    crack                0.10  0.20  0.10  0.30  T
capsule    faulty_imprint       0.15  0.25  0.15  0.25  F
capsule    poke                 0.05  0.15  0.05  0.15  F
capsule    scratch              0.05  0.15  0.15  0.25  T
capsule    squeeze              0.25  0.40  0.30  0.40  T
carpet     color                0.10  0.25  0.10  0.25  T
carpet     cut                  0.05  0.15  0.05  0.15  T
carpet     hole                 0.05  0.15  0.05  0.15  F
carpet     metal_contamination  0.05  0.20  0.05  0.20  T
carpet     thread               0.05  0.20  0.05  0.20  T
grid       bent                 0.05  0.15  0.05  0.15  F
grid       broken               0.10  0.20  0.10  0.20  F
grid       glue                 0.10  0.20  0.10  0.20  F
grid       metal_contamination  0.10  0.20  0.10  0.20  F
grid       thread               0.05  0.10  0.10  0.40  T
hazelnut   crack                0.20  0.35  0.20  0.35  F
hazelnut   cut                  0.05  0.20  0.20  0.30  T
hazelnut   hole                 0.10  0.15  0.10  0.15  F
hazelnut   print                0.20  0.40  0.20  0.40  T
leather    color                0.05  0.10  0.10  0.20  T
leather    cut                  0.05  0.10  0.10  0.20  T
leather    fold                 0.05  0.10  0.10  0.20  T
leather    glue                 0.05  0.15  0.05  0.15  T
leather    poke                 0.05  0.15  0.05  0.15  T
metal_nut  bent                 0.10  0.20  0.10  0.20  T
metal_nut  color                0.05  0.10  0.10  0.20  T
metal_nut  flip                 0.90  0.90  0.90  0.90  F
metal_nut  scratch              0.20  0.40  0.20  0.40  T
pill       color                0.05  0.15  0.05  0.15  T
pill       combined             0.05  0.15  0.05  0.15  T
pill       contamination        0.05  0.15  0.05  0.15  T
pill       crack                0.05  0.10  0.10  0.20  T
pill       faulty_imprint       0.10  0.40  0.10  0.40  F
pill       pill_type            0.80  0.80  0.50  0.50  F
pill       scratch              0.05  0.10  0.10  0.20  T
screw      manipulated_front    0.05  0.10  0.05  0.10  F
screw      scratch_head         0.05  0.10  0.05  0.10  F
screw      scratch_neck         0.05  0.10  0.05  0.10  F
screw      thread_side          0.05  0.10  0.05  0.10  F
screw      thread_top           0.05  0.10  0.05  0.10  F
tile       crack                0.05  0.10  0.20  1.00  T
tile       glue_strip           0.10  0.40  0.10  0.40  T
tile       gray_stroke          0.10  0.40  0.10  0.40  T
tile       oil                  0.10  0.40  0.10  0.40  F
tile       rough                0.10  0.40  0.10  0.40  T
toothbrush defective            0.10  0.15  0.10  0.15  F
transistor bent_lead            0.20  0.40  0.15  0.30  F
transistor cut_lead             0.30  0.60  0.15  0.40  F
transistor damaged_case         0.25  0.40  0.25  0.40  F
transistor misplaced            0.90  0.90  0.90  0.90  F
wood       color                0.10  0.30  0.10  0.30  T
wood       combined             0.10  0.30  0.10  0.30  T
wood       hole                 0.05  0.15  0.05  0.15  F
wood       liquid               0.10  0.30  0.10  0.30  T
wood       scratch              0.10  0.20  0.20  0.50  T
zipper     broken_teeth         0.05  0.15  0.10  0.20  F
zipper     combined             0.05  0.15  0.10  0.20  F
zipper     fabric_border        0.05  0.15  0.10  0.20  F
zipper     fabric_interior      0.05  0.15  0.10  0.20  F
zipper     rough                0.05  0.15  0.10  0.20  F
zipper     split_teeth          0.05  0.15  0.10  0.20  F
zipper     squeezed_teeth       0.05  0.15  0.10  0.20  F
"""
"""Category, defect, width from and to, height from and to (shares of the image), rotated or not.

The code means "not" for the boxes marked F, but rotates them as well: it takes the text "False"
for true. ``placement.rotation: [0, 180]`` does as it does.
"""

_VISA = (
    *("candle", "capsules", "cashew", "chewinggum", "fryum", "macaroni1", "macaroni2"),
    *("pcb1", "pcb2", "pcb3", "pcb4", "pipe_fryum"),
)


def _row(line: str) -> tuple[tuple[str, str], SizeRange]:
    category, defect, *numbers, rotated = line.split()
    least_width, most_width, least_height, most_height = map(float, numbers)
    return (category, defect), SizeRange(
        width=(least_width, most_width),
        height=(least_height, most_height),
        rotate=rotated == "T",
    )


OFFICIAL = dict(_row(line) for line in _TABLE.strip().splitlines()) | {
    (category, "bad"): SizeRange(width=(0.05, 0.2), height=(0.05, 0.2), rotate=True)
    for category in _VISA
}
"""Size ranges by category and defect."""


def official_range(category: str, defect: str) -> SizeRange:
    """The released code's sizes of one defect's boxes.

    Raises:
        InputError: if its table does not have the defect.
    """
    found = OFFICIAL.get((category, defect))
    if found is None:
        known = ", ".join(sorted(d for c, d in OFFICIAL if c == category))
        raise InputError(
            f"{category}, {defect}: not in the released code's table of sizes "
            f"({f'of {category} it has {known}' if known else f'it has no {category}'}); use "
            "placement.sizes=learned, or given with placement.ranges."
        )
    return found
