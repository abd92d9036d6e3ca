"""Systems that cannot draw: one line that names what is missing, before VTK or Qt end the program."""

import ctypes

import pytest

from meshes import InputError
from targeting.scene import system_libraries
from targeting.scene.export import off_screen
from targeting.scene.system_libraries import FOR_PICTURES, FOR_WINDOWS, check_pictures, check_windows


@pytest.fixture
def without(monkeypatch):
    """Hides libraries whose names have some words in them."""

    def hide(words):
        load = ctypes.CDLL

        def found(name, *more, **named):
            if words in str(name):
                raise OSError(f"{name}: cannot open shared object file: No such file or directory\nsecond line")
            return load(name, *more, **named)

        monkeypatch.setattr(system_libraries.ctypes, "CDLL", found)
        monkeypatch.setattr(system_libraries.sys, "platform", "linux")

    return hide


def test_here_all_is_there():
    check_pictures()
    check_windows()


@pytest.mark.parametrize("library", ["libX11.so.6", "libGL.so.1", "libEGL.so.1"])
def test_what_pictures_lack_is_named(without, monkeypatch, library):
    monkeypatch.delenv("DISPLAY", raising=False)
    without(library)
    with pytest.raises(InputError, match=f"no {library}; .* apt install {FOR_PICTURES}$"):
        off_screen((8, 8))


def test_a_screen_does_without_egl(without, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":1")
    without("libEGL")
    check_pictures()


def test_what_windows_lack_is_named(without, monkeypatch):
    for name in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    without("libqxcb.so")
    with pytest.raises(InputError, match=f"libqxcb.so: cannot open .* apt install {FOR_WINDOWS}$") as error:
        check_windows()
    assert "\n" not in str(error.value)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    check_windows()


def test_other_systems_are_not_asked(without, monkeypatch):
    without("lib")
    monkeypatch.setattr(system_libraries.sys, "platform", "darwin")
    check_pictures()
    check_windows()
