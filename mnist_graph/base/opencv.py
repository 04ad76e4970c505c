"""OpenCV as a guest: `cv2`, imported without what its import does to the environment.

OpenCV's loader puts its own folder into LD_LIBRARY_PATH (on Windows, PATH),
which every program that is started later would inherit.
"""

import os

_before = dict(os.environ)
import cv2  # noqa: E402

for _name in {*os.environ, *_before}:
    if _name not in _before:
        del os.environ[_name]
    elif os.environ.get(_name) != _before[_name]:
        os.environ[_name] = _before[_name]

__all__ = ['cv2']
