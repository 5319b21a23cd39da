"""Readers of pose files, on files that the tools' own libraries wrote.

In `files` are five frames of one or two people: DeepLabCut's as its pandas 3.1 and PyTables 3.11 write them,
SLEAP's as sleap-io 0.9 does. Joint j of person p in frame f is at (10 j + f + p / 2, 5 j + f), its score is
0.5 + j / 100. With two people, the first is not there in frame 1.
"""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from crisp.core.errors import CrispError
from crisp.core.skeleton import JOINTS
from crisp.preparation.poses import read_poses
from crisp.preparation.poses.people import CROWD, places

FILES = Path(__file__).parent / "files"
N = 5
COLUMN_HEADS = ("scorer", "individuals", "bodyparts", "coords")
CAMEL = ["".join([first, *(word.title() for word in rest)]) for first, *rest in map(str.split, JOINTS)]


def person(number: int, frame: int) -> np.ndarray:
    """The 13 joints of a person in a frame, (13, 3)."""
    joint = np.arange(13)
    return np.stack([10 * joint + frame + number / 2, 5 * joint + frame, 0.5 + joint / 100], axis=1)


def everyone(people: int) -> np.ndarray:
    """All joints, (N, people, 13, 3), of two people without the first in frame 1."""
    found = np.stack([[person(number, frame) for number in range(people)] for frame in range(N)])
    if people > 1:
        found[1, 0] = np.nan
    return found


def npy(folder: Path, frame: int, people: list[dict[str, Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{frame:08d}.npy", np.array(people))


def published(number: int, frame: int) -> dict[str, Any]:
    """A person as the published layout has it: (score, (y, x)) by joint."""
    joints = {
        name: (score, np.array([y, x]))
        for name, (x, y, score) in zip(CAMEL, person(number, frame), strict=True)
    }
    return {"Scrore pose": (0.7, np.array([60.0 + number, 50.0])), **joints}


def coco(people: int = 2) -> dict[str, Any]:
    images = [
        {"id": 40 - frame, "file_name": f"game/img_{frame + 1:04d}.jpg", "width": 200, "height": 100}
        for frame in range(N)
    ]
    annotations = []
    for frame in range(N):
        for number in range(people):
            if people > 1 and frame == 1 and number == 0:
                continue
            points = np.concatenate([person(number, frame), np.ones((4, 3))])
            annotations.append({"image_id": 40 - frame, "keypoints": points.ravel().tolist()})
    return {"images": images[::-1], "annotations": annotations}


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("name", ["dlc.h5", "dlc.csv"])
def test_deeplabcut_of_one_animal(name: str) -> None:
    found = read_poses(FILES / name, N)
    np.testing.assert_allclose(found.points[:, :, 1:], everyone(1))
    assert np.isnan(found.points[:, :, 0]).all(), "it has no centre"
    assert found.size == (0, 0)


@pytest.mark.parametrize("name", ["dlc-individuals.h5", "dlc-individuals.csv"])
def test_deeplabcut_of_several_individuals(name: str) -> None:
    """Body parts of no individual, here a ball, come as a third that has none of our joints."""
    found = read_poses(FILES / name, N).points
    np.testing.assert_allclose(found[:, :2, 1:], everyone(2))
    assert np.isnan(found[:, 2]).all()


@pytest.mark.parametrize("name", ["sleap-matlab.h5", "sleap-standard.h5"])
def test_sleap_analysis(name: str) -> None:
    found = read_poses(FILES / name, N).points
    expected = everyone(2)
    expected[2, :, 3, :2] = np.nan
    np.testing.assert_allclose(found[:, :, 1:, :2], expected[..., :2])
    np.testing.assert_allclose(found[0, :, 1:, 2], expected[0, :, :, 2])


def test_sleap_csv() -> None:
    found = read_poses(FILES / "sleap.csv", N).points
    expected = everyone(2)
    expected[1] = expected[1, ::-1]  # who is first has no meaning
    expected[2, :, 3, :2] = np.nan
    np.testing.assert_allclose(found[:, :, 1:, :2], expected[..., :2])
    assert len(read_poses(FILES / "sleap.csv", 9).points) == 9, "later frames have nobody in them"


def test_sleap_without_dims_and_scores_of_placed_points(tmp_path: Path) -> None:
    """Older files do not tell their axes; points that a person placed have no score."""
    with h5py.File(FILES / "sleap-matlab.h5") as file, h5py.File(tmp_path / "v.h5", "w") as other:
        for name in ("tracks", "point_scores", "node_names"):
            other[name] = file[name][:]
        other["point_scores"][0] = np.nan
    found = read_poses(tmp_path / "v.h5", N).points
    np.testing.assert_allclose(found[0, :, 1:, :2], everyone(2)[0, :, :, :2])
    assert (found[0, 0, 1:, 2] == 1).all()


@pytest.mark.parametrize("inner", ["", "pose"])
def test_published_layout(tmp_path: Path, inner: str) -> None:
    for frame in range(N):
        npy(
            tmp_path / "v" / inner,
            frame,
            [] if frame == 3 else [published(number, frame) for number in (0, 1)],
        )
    found = read_poses(tmp_path / "v", N)
    assert found.size == (320, 0)
    np.testing.assert_allclose(found.points[2, :, 1:], everyone(2)[2])
    np.testing.assert_allclose(found.points[2, :, 0], [[50, 60, 0.7], [50, 61, 0.7]])
    assert np.isnan(found.points[3]).all()


def test_pickles_that_would_run_code_are_refused(tmp_path: Path) -> None:
    class Bad:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "ran",)

    npy(tmp_path / "v", 0, [{"nose": Bad()}])
    with pytest.raises(CrispError, match="pose file cannot be read"):
        read_poses(tmp_path / "v", 1)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        table = file.create_dataset(
            "df_with_missing/table", data=np.zeros(2, [("index", "i8"), ("values_block_0", "f8", 3)])
        )
        table.attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(Bad(), protocol=0))
    with pytest.raises(CrispError, match="not a pose file of DeepLabCut"):
        read_poses(tmp_path / "v.h5", 2)
    assert not (tmp_path / "ran").exists()


def test_coco(tmp_path: Path) -> None:
    """The frame is the number in the file's name, not the id, nor the place in the list."""
    found = read_poses(write(tmp_path / "v.json", coco()), N)
    assert found.size == (200, 100)
    np.testing.assert_allclose(found.points[0, :, 1:], everyone(2)[0])
    np.testing.assert_allclose(found.points[1, 0, 1:], person(1, 1))
    assert np.isnan(found.points[1, 1]).all()


def test_coco_visibility_and_names_of_its_own(tmp_path: Path) -> None:
    content = coco(1)
    content["categories"] = [{"keypoints": ["belly", *JOINTS]}]
    for annotation in content["annotations"]:
        annotation["keypoints"] = [7, 7, 2] + [
            value for joint in range(13) for value in (joint, joint, joint % 3)
        ]
    points = read_poses(write(tmp_path / "v.json", content), N).points[0, 0, 1:]
    np.testing.assert_array_equal(points[:, 0], np.arange(13))
    np.testing.assert_array_equal(points[:, 2], np.minimum(np.arange(13) % 3, 1))


def test_array_of_joints(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", joints=everyone(1)[:, 0])
    np.testing.assert_array_equal(read_poses(tmp_path / "v.npz", N).points[:, :, 1:], everyone(1))
    np.savez(tmp_path / "v.npz", joints=everyone(1)[:, 0, :, :2])
    assert (read_poses(tmp_path / "v.npz", N).points[:, :, 1:, 2] == 1).all()


@pytest.mark.parametrize("number", range(13))
@pytest.mark.parametrize(
    "spelling",
    [
        lambda name: name.replace(" ", "_"),
        lambda name: name.title(),
        lambda name: name.replace(" ", ""),
        lambda name: "".join(name.title().split()),
        lambda name: "_".join(name.split()[::-1]).upper(),
        lambda name: name.title().replace("Left ", "L").replace("Right ", "R"),
        lambda name: name.replace("left ", "l-").replace("right ", "r-"),
    ],
)
def test_spellings_of_joints(spelling: Callable[[str], str], number: int) -> None:
    name = spelling(JOINTS[number])
    others = [joint for joint in JOINTS if joint != JOINTS[number]]
    found = places([*others, "knee", name], {}, "file")
    assert found[number + 1] == 13
    assert len(found) == 13


def test_joints_may_be_named_or_said_to_be_absent() -> None:
    names = ["hand", *(name for name in JOINTS if "wrist" not in name), "middle"]
    found = places(names, {"left wrist": "hand", "right wrist": "", "centre": "middle"}, "file")
    assert found[0] == len(names) - 1
    assert found[JOINTS.index("left wrist") + 1] == 0
    assert JOINTS.index("right wrist") + 1 not in found


@pytest.mark.parametrize(
    ("names", "given", "told"),
    [
        (JOINTS[:-2], {}, "joints are missing or have unknown names: left hip, right hip"),
        (("snout", *JOINTS[1:]), {}, "unknown names: nose"),
        (JOINTS, {"nose": "snout"}, "unknown names: snout"),
        ((*JOINTS, "leftEye"), {}, "two joints are called 'left eye'"),
        ((), dict.fromkeys(JOINTS, ""), "joints are missing"),
    ],
)
def test_missing_and_ambiguous_joints_are_told(names: tuple, given: dict, told: str) -> None:
    with pytest.raises(CrispError, match=told):
        places(names, given, "file")


@pytest.mark.parametrize("name", ["dlc.h5", "dlc.csv", "sleap-matlab.h5"])
@pytest.mark.parametrize("frames", [N - 1, N + 1])
def test_another_number_of_frames_is_refused(name: str, frames: int) -> None:
    with pytest.raises(CrispError, match="number of frames with poses differs"):
        read_poses(FILES / name, frames)


def test_frames_beyond_the_video_are_refused() -> None:
    with pytest.raises(CrispError, match="frames beyond the video"):
        read_poses(FILES / "sleap.csv", N - 1)


def drop(key: str) -> Callable[[dict], None]:
    return lambda content: content.pop(key)


def spoil_keypoints(content: dict) -> None:
    content["annotations"][0]["keypoints"] = [1, 2, 3]


def spoil_image(content: dict) -> None:
    content["annotations"][2]["image_id"] = 7


def repeat_id(content: dict) -> None:
    content["images"][0]["id"] = content["images"][1]["id"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (drop("images"), "not a COCO keypoint file"),
        (drop("annotations"), "not a COCO keypoint file"),
        (spoil_keypoints, r"annotations.0: not a person's keypoints"),
        (spoil_image, r"annotations.2: annotation of an unknown image"),
        (repeat_id, "not the frames of one video"),
    ],
)
def test_bad_coco_is_told(tmp_path: Path, spoil: Callable[[dict], None], told: str) -> None:
    content = coco()
    spoil(content)
    with pytest.raises(CrispError, match=told):
        read_poses(write(tmp_path / "v.json", content), N)
    with pytest.raises(CrispError, match="not a COCO keypoint file"):
        read_poses(write(tmp_path / "v.json", content.get("annotations", [])), N)


@pytest.mark.parametrize("ending", [".json", ".csv", ".h5", ".npz"])
@pytest.mark.parametrize("content", [b"", b"\0\1\2", b"a,b\n1,2\n"])
def test_damaged_files_are_told(tmp_path: Path, ending: str, content: bytes) -> None:
    path = tmp_path / f"v{ending}"
    path.write_bytes(content)
    with pytest.raises(CrispError, match=f"v{ending}: "):
        read_poses(path, N)


def test_damaged_folders_are_told(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    with pytest.raises(CrispError, match="no poses"):
        read_poses(tmp_path / "v", N)
    npy(tmp_path / "v", 1, [published(0, 1)])
    with pytest.raises(CrispError, match="a frame's poses are missing"):
        read_poses(tmp_path / "v", 1)
    npy(tmp_path / "v", 0, [{"nose": (1.0, [1, 2])}])
    with pytest.raises(CrispError, match=r"00000000.npy: joints are missing"):
        read_poses(tmp_path / "v", 2)
    npy(tmp_path / "v", 0, [{**published(0, 0), "nose": 3.0}])
    with pytest.raises(CrispError, match="not a person's pose"):
        read_poses(tmp_path / "v", 2)
    (tmp_path / "v" / "00000000.npy").write_bytes(b"")
    with pytest.raises(CrispError, match="pose file cannot be read"):
        read_poses(tmp_path / "v", 2)


def test_deeplabcut_of_labelled_pictures_is_refused(tmp_path: Path) -> None:
    text = (FILES / "dlc.csv").read_text().replace("\n1,", "\nlabeled-data/game/img1.png,")
    (tmp_path / "v.csv").write_text(text)
    with pytest.raises(CrispError, match="rows are not consecutive frames"):
        read_poses(tmp_path / "v.csv", N)


def test_crowds_and_sparse_tables_that_memory_has_no_room_for(tmp_path: Path) -> None:
    """Each takes a few bytes in the file, and room in every frame once it is an array."""
    content = coco(1)
    content["annotations"] += content["annotations"][:1] * CROWD
    with pytest.raises(CrispError, match="too many people in frame 0"):
        read_poses(write(tmp_path / "v.json", content), N)
    names = [("s", f"person{number}", f"part{number}", "x") for number in range(100)]
    rows = [
        ",".join([head, *part]) for head, part in zip(COLUMN_HEADS, zip(*names, strict=True), strict=True)
    ]
    (tmp_path / "v.csv").write_text("\n".join([*rows, "0" + ",1" * 100, ""]))
    with pytest.raises(CrispError, match="not a pose file of DeepLabCut") as error:
        read_poses(tmp_path / "v.csv", 1)
    assert error.value.faults[0].found == "100 individuals, 100 body parts"


def unhashable_image(content: dict) -> None:
    content["annotations"][0]["image_id"] = [1]


def numbers_as_names(content: dict) -> None:
    content["categories"] = [{"keypoints": list(range(13))}]


def huge_number(content: dict) -> None:
    content["annotations"][0]["keypoints"][0] = 10**400


def no_list(content: dict) -> None:
    content["annotations"] = 7


@pytest.mark.parametrize("spoil", [unhashable_image, numbers_as_names, huge_number, no_list])
def test_coco_of_other_types(tmp_path: Path, spoil: Callable[[dict], None]) -> None:
    content = coco()
    spoil(content)
    with pytest.raises(CrispError, match=r"v\.json"):
        read_poses(write(tmp_path / "v.json", content), N)


@pytest.mark.parametrize("shape", [(10**12, 13, 2), (N, 13, 10**9), (N,), (N, 13, 3)])
def test_arrays_that_declare_more_than_they_hold(tmp_path: Path, shape: tuple[int, ...]) -> None:
    head = np.lib.format.header_data_from_array_1_0(np.zeros(0)) | {"shape": shape}
    with zipfile.ZipFile(tmp_path / "v.npz", "w") as archive, archive.open("joints.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, head)
        file.write(bytes(100))
    with pytest.raises(CrispError, match=r"v\.npz"):
        read_poses(tmp_path / "v.npz", N)


def test_parts_of_sleap_that_are_groups(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        for name in ("tracks", "point_scores", "node_names"):
            file.create_group(name)
    with pytest.raises(CrispError, match="not an analysis file of SLEAP") as error:
        read_poses(tmp_path / "v.h5", N)
    assert error.value.faults[0].found == "tracks is no dataset"


@pytest.mark.parametrize("kind", [h5py.string_dtype(), "S5", "c16"])
@pytest.mark.parametrize("part", ["tracks", "point_scores", "node_names"])
def test_parts_of_sleap_of_other_types(tmp_path: Path, part: str, kind: Any) -> None:
    shapes = {"tracks": (1, 2, 13, N), "point_scores": (1, 13, N), "node_names": (13,)}
    with h5py.File(tmp_path / "v.h5", "w") as file:
        for name, shape in shapes.items():
            file.create_dataset(name, shape, kind if name == part else "S5" if len(shape) == 1 else "f8")
    with pytest.raises(CrispError, match=r"v\.h5"):
        read_poses(tmp_path / "v.h5", N)
