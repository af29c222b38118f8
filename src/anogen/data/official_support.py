"""The three support images of each MVTec AD defect that AnoGen's experiments used.

Numbers of the files in ``test/<defect>``, read from the file names of the authors' released
training images (repository gaobb/AnoGen, commit 048a0de6). The data themselves are not here.
"""

OFFICIAL_SUPPORT: dict[str, dict[str, tuple[int, ...]]] = {
    "bottle": {
        "broken_large": (7, 8, 18),
        "broken_small": (3, 4, 21),
        "contamination": (0, 3, 20),
    },
    "cable": {
        "bent_wire": (0, 2, 4),
        "cable_swap": (1, 8, 11),
        "combined": (0, 1, 3),
        "cut_inner_insulation": (0, 6, 9),
        "cut_outer_insulation": (4, 5, 6),
        "missing_cable": (3, 7, 9),
        "missing_wire": (0, 3, 8),
        "poke_insulation": (3, 6, 8),
    },
    "capsule": {
        "crack": (3, 14, 17),
        "faulty_imprint": (1, 8, 19),
        "poke": (4, 6, 10),
        "scratch": (2, 3, 12),
        "squeeze": (3, 11, 18),
    },
    "carpet": {
        "color": (2, 7, 9),
        "cut": (3, 6, 7),
        "hole": (1, 2, 10),
        "metal_contamination": (6, 11, 16),
        "thread": (2, 9, 12),
    },
    "grid": {
        "bent": (2, 9, 10),
        "broken": (4, 5, 7),
        "glue": (2, 3, 8),
        "metal_contamination": (1, 3, 4),
        "thread": (2, 5, 9),
    },
    "hazelnut": {
        "crack": (1, 7, 17),
        "cut": (4, 10, 12),
        "hole": (7, 10, 17),
        "print": (4, 12, 14),
    },
    "leather": {
        "color": (4, 7, 8),
        "cut": (8, 17, 18),
        "fold": (2, 6, 14),
        "glue": (4, 12, 14),
        "poke": (6, 10, 15),
    },
    "metal_nut": {
        "bent": (2, 15, 16),
        "color": (1, 3, 4),
        "flip": (4, 7, 11),
        "scratch": (12, 13, 18),
    },
    "pill": {
        "color": (5, 9, 13),
        "combined": (2, 6, 12),
        "contamination": (5, 13, 20),
        "crack": (3, 10, 20),
        "faulty_imprint": (0, 8, 17),
        "pill_type": (1, 4, 6),
        "scratch": (14, 16, 19),
    },
    "screw": {
        "manipulated_front": (5, 11, 17),
        "scratch_head": (3, 5, 16),
        "scratch_neck": (9, 16, 20),
        "thread_side": (4, 6, 19),
        "thread_top": (0, 8, 14),
    },
    "tile": {
        "crack": (1, 7, 14),
        "glue_strip": (0, 3, 15),
        "gray_stroke": (0, 5, 9),
        "oil": (7, 9, 11),
        "rough": (1, 9, 13),
    },
    "toothbrush": {
        "defective": (15, 23, 26),
    },
    "transistor": {
        "bent_lead": (2, 7, 9),
        "cut_lead": (1, 2, 8),
        "damaged_case": (4, 6, 8),
        "misplaced": (3, 8, 9),
    },
    "wood": {
        "color": (0, 1, 2),
        "combined": (4, 5, 6),
        "hole": (1, 3, 8),
        "liquid": (3, 8, 9),
        "scratch": (14, 16, 20),
    },
    "zipper": {
        "broken_teeth": (1, 2, 10),
        "combined": (0, 1, 7),
        "fabric_border": (3, 13, 15),
        "fabric_interior": (1, 3, 15),
        "rough": (3, 4, 15),
        "split_teeth": (7, 8, 16),
        "squeezed_teeth": (3, 8, 15),
    },
}
