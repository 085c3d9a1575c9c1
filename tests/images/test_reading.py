import io
import os
import struct
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from regraft.errors import InputError, UnreadableImageError
from regraft.images.reading import MAX_PIXELS, read_image


def smooth(height=60, width=80):
    """A photo-like gradient: JPEG keeps it nearly as it is, and all four corners differ."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 / width, y * 255 / height, (x + y) * 255 / (height + width)], 2).astype(np.uint8)


def encoded(image, format, **options):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def difference(one, other):
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "PPM", "GIF", "WEBP"])
def test_lossless_formats_give_their_pixels(format):
    pixels = smooth(7, 5)  # 35 colours: GIF holds them all
    result = read_image(encoded(pixels, format, **({"lossless": True} if format == "WEBP" else {})))
    np.testing.assert_array_equal(result, pixels)
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous


def test_jpeg_gives_what_pillow_gives():
    data = encoded(smooth(), "JPEG", quality=95)
    assert difference(read_image(data), np.asarray(Image.open(io.BytesIO(data)))) <= 1


def test_path_text_bytes_and_pixels_are_sources(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(smooth(), "PNG"))
    for source in (path, str(path), path.read_bytes(), smooth()):
        np.testing.assert_array_equal(read_image(source), smooth())


def test_pixels_are_copied():
    pixels = smooth()
    read_image(pixels)[:] = 0
    assert pixels.max() > 0


def test_grey_pixels_become_rgb():
    grey = smooth()[:, :, 0]
    result = read_image(grey)
    assert result.shape == (60, 80, 3)
    np.testing.assert_array_equal(result[:, :, 1], grey)


@pytest.mark.parametrize("array", [np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8)])
def test_other_arrays_are_refused(array):
    with pytest.raises(InputError, match=r"Received"):
        read_image(array)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_as_pillow_turns_it(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(smooth(), format, exif=exif, **({"quality": 95} if format in ("JPEG", "WEBP") else {}))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    assert expected.shape == ((60, 80, 3) if orientation < 5 else (80, 60, 3))
    assert difference(read_image(data), expected) <= 1


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_size_is_that_of_the_upright_image(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain, turned = encoded(smooth(600, 900), "JPEG"), encoded(smooth(600, 900), "JPEG", exif=exif)
    result = read_image(turned, (40, 100))
    assert result.shape == (40, 100, 3)
    assert result.flags.c_contiguous
    whole = read_image(turned)
    expected = read_image(whole, (40, 100))
    assert difference(result, expected) <= 6  # the scaled decoding differs from averaging by little
    if orientation > 1:
        assert difference(read_image(plain, (40, 100)), result) > 50


def test_orientation_in_xmp_alone():
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
    assert read_image(encoded(smooth(), "JPEG", xmp=xmp)).shape == (80, 60, 3)


def test_corrupt_exif_costs_neither_the_image_nor_a_warning():
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\x00" + b"\x12\x01\x03\0" + b"\xff" * 20
    data = encoded(smooth(), "JPEG", exif=exif)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert read_image(data).shape == (60, 80, 3)
    assert caught == []


def test_grey_jpeg():
    result = read_image(encoded(smooth()[:, :, 0], "JPEG", quality=95))
    assert result.shape == (60, 80, 3)
    np.testing.assert_array_equal(result[:, :, 0], result[:, :, 2])
    assert difference(result[:, :, 0], smooth()[:, :, 0]) <= 3


def test_cmyk_jpeg_is_not_inverted():
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    assert difference(read_image(encoded(red, "JPEG"))[8, 8], np.array([255, 0, 0])) <= 3
    tiff = read_image(encoded(red, "TIFF"))
    assert difference(tiff[8, 8], np.array([255, 0, 0])) <= 3


def test_palette():
    image = Image.fromarray(smooth(7, 5)).quantize(64)
    np.testing.assert_array_equal(read_image(encoded(image, "PNG")), np.asarray(image.convert("RGB")))


def test_transparency_lies_on_white():
    transparent = [255, 255, 255]
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30, 200, 100, 0])
    palette.putpixel((1, 0), 1)
    for data in (encoded(palette, "PNG", transparency=0), encoded(palette, "GIF", transparency=0)):
        assert read_image(data)[0, :2].tolist() == [transparent, [200, 100, 0]]
    rgba = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    rgba.putpixel((1, 0), (0, 0, 0, 255))
    rgba.putpixel((2, 0), (0, 0, 0, 128))
    assert read_image(encoded(rgba, "PNG"))[0, :3].tolist() == [transparent, [0, 0, 0], [127, 127, 127]]
    grey = Image.new("LA", (4, 4), (10, 0))
    grey.putpixel((1, 0), (99, 255))
    assert read_image(encoded(grey, "PNG"))[0, :2].tolist() == [transparent, [99, 99, 99]]
    keyed = Image.new("RGB", (4, 4), (1, 2, 3))
    keyed.putpixel((1, 0), (4, 5, 6))
    assert read_image(encoded(keyed, "PNG", transparency=(1, 2, 3)))[0, :2].tolist() == [transparent, [4, 5, 6]]


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_not_clipped(format):
    values = np.array([[0, 257, 32896, 65535, 300, 64000]], np.uint16)
    assert read_image(encoded(Image.fromarray(values), format))[0, :, 0].tolist() == [0, 1, 128, 255, 1, 249]


def test_big_endian_sixteen_bits():
    values = np.array([[0, 32896, 65535]], ">u2")
    assert read_image(encoded(Image.fromarray(values), "TIFF"))[0, :, 1].tolist() == [0, 128, 255]


def test_white_is_zero_in_sixteen_bits():
    values = np.array([[0, 65535]], np.uint16)
    data = encoded(Image.fromarray(values), "TIFF", tiffinfo={262: 0})
    assert read_image(data)[0, :, 0].tolist() == [255, 0]


def test_thirty_two_bits_and_floats_are_scaled():
    wide = np.array([[0, 1_000_000, 2_000_000]], np.int32)
    assert read_image(encoded(Image.fromarray(wide), "TIFF"))[0, :, 0].tolist() == [0, 128, 255]
    for white in (1.0, 255.0, 65535.0):
        values = np.array([[0, white / 5, white]], np.float32)
        assert read_image(encoded(Image.fromarray(values), "TIFF"))[0, :, 0].tolist() == [0, 51, 255]
    odd = np.array([[-1, 0, 1, np.nan]], np.float32)
    assert read_image(encoded(Image.fromarray(odd), "TIFF"))[0, :, 0].tolist() == [0, 128, 255, 128]
    black = np.zeros((1, 3), np.float32)
    assert read_image(encoded(Image.fromarray(black), "TIFF")).max() == 0


def test_one_bit():
    image = Image.new("1", (3, 1))
    image.putpixel((1, 0), 1)
    assert read_image(encoded(image, "PNG"))[0, :, 0].tolist() == [0, 255, 0]


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame(format):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)
    assert Image.open(io.BytesIO(data)).n_frames == 3
    assert read_image(data)[4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("size", [(224, 224), (100, 300), (7, 5), (1, 1), (900, 1300)])
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_resizing_keeps_the_picture(format, size):
    data = encoded(smooth(500, 750), format)
    result = read_image(data, size)
    assert result.shape == (*size, 3)
    expected = np.asarray(Image.fromarray(smooth(500, 750)).resize(size[::-1], Image.Resampling.BOX))
    assert difference(result, expected) <= 8


def test_one_number_is_a_square():
    assert read_image(smooth(), 24).shape == (24, 24, 3)


@pytest.mark.parametrize("size", [0, -3, (5, 0)])
def test_impossible_sizes(size):
    with pytest.raises(InputError, match="size"):
        read_image(smooth(), size)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 60), st.integers(1, 60))
def test_any_size_to_any_size(height, width, new_height, new_width):
    flat = np.full((height, width, 3), (10, 120, 250), np.uint8)
    result = read_image(encoded(flat, "PNG"), (new_height, new_width))
    assert result.shape == (new_height, new_width, 3)
    assert (result == (10, 120, 250)).all()


def test_png_named_jpg_is_read(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(smooth(), "PNG"))
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), smooth())


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_truncated_files_are_unreadable(format, part):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(noise, format)
    with pytest.raises(UnreadableImageError, match=r"truncated|damaged"):
        read_image(data[: int(len(data) * part)])
    with pytest.raises(UnreadableImageError):
        read_image(data[: int(len(data) * part)], 16)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        ("Just words, with ümlauts.\n".encode(), "text"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"%PDF-1.7 ...", "PDF"),
        (bytes(5000), "zeros"),
        (b"\0\0\0\x18ftypheic\0\0\0\0" + bytes(range(256)), "HEIC"),
        (bytes(range(255, 0, -1)) * 4, "not supported"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "truncated"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "text"),  # must not start Ghostscript
    ],
)
def test_what_is_no_image_says_why(data, reason):
    with pytest.raises(UnreadableImageError, match=reason) as caught:
        read_image(data)
    assert "BytesIO" not in str(caught.value)


def test_the_reason_is_the_message_and_the_file_a_note(tmp_path):
    path = tmp_path / "empty.jpg"
    path.touch()
    with pytest.raises(UnreadableImageError) as caught:
        read_image(path)
    assert str(caught.value) == "empty file"
    assert str(path) in caught.value.__notes__[0]


def test_missing_file_folder_and_null_byte(tmp_path):
    for source, reason in ((tmp_path / "no.jpg", "no such file"), (tmp_path, "folder"), ("a\0b.jpg", "null byte")):
        with pytest.raises(UnreadableImageError, match=reason):
            read_image(source)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_and_devices_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for source in (tmp_path / "pipe.png", "/dev/zero", tmp_path):
        with pytest.raises(UnreadableImageError, match="not a regular file"):
            read_image(source)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_no_permission(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(smooth(), "PNG"))
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(UnreadableImageError, match="Permission denied"):
        read_image(tmp_path / "a.png")


def test_no_permission_simulated(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "a.png").touch()
    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(UnreadableImageError, match=r"cannot be read: Permission denied"):
        read_image(tmp_path / "a.png")


def huge_png(width, height):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def huge_jpeg(width, height):
    data = encoded(smooth(), "JPEG")
    frame = data.index(b"\xff\xc0")
    return data[: frame + 5] + struct.pack(">HH", height, width) + data[frame + 9 :]


@pytest.mark.parametrize("data", [huge_png(12000, 90000), huge_jpeg(30000, 60000)], ids=["png", "jpeg"])
def test_decompression_bombs_are_refused_before_decoding(data):
    with pytest.raises(UnreadableImageError, match="limit of 178,956,970"):
        read_image(data, 224)


def test_large_but_allowed_gives_no_warning(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4000)  # Pillow warns above, and raises above twice that
    assert read_image(encoded(smooth(), "PNG")).shape == (60, 80, 3)
    with pytest.raises(UnreadableImageError, match="limit"):
        read_image(encoded(smooth(100, 100), "PNG"))


def test_the_limit_is_the_one_of_pillow():
    assert MAX_PIXELS == 2 * Image.MAX_IMAGE_PIXELS


def test_warnings_of_others_pass_and_the_filters_are_left_as_they_were():
    before = list(warnings.filters)
    read_image(encoded(smooth(), "PNG"))
    assert list(warnings.filters) == before


def test_many_threads_at_once():
    exif = Image.Exif()
    exif[0x0112] = 6
    files = [encoded(smooth(300, 400), "JPEG", exif=exif), encoded(smooth(90, 80), "PNG"), b"text", huge_png(2, 10**9)]
    expected = [_result(data) for data in files]
    barrier = threading.Barrier(8)

    def work(_):
        barrier.wait()
        return [_result(data) for data in files for _ in range(5)]

    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        for results in pool.map(work, range(8)):
            assert results == [result for result in expected for _ in range(5)]
    assert list(warnings.filters) == before


def _result(data):
    try:
        return read_image(data, 32).tobytes()
    except UnreadableImageError as error:
        return str(error)


@given(
    st.binary(max_size=200), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"BM", b""])
)
def test_no_bytes_break_it(tail, start):
    assert _result(start + tail)  # pixels, or a reason


FORMATS = {name: encoded(smooth(16, 24), name) for name in ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "PPM")}


@given(st.sampled_from(sorted(FORMATS)), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8))
def test_no_damage_breaks_it(format, changes):
    data = bytearray(FORMATS[format])
    for position, value in changes:
        data[position % len(data)] = value
    assert _result(bytes(data))


def test_real_photos_agree_with_pillow(real_data):
    for path in sorted((real_data / "small_flower_dataset").rglob("*.jpg"))[::100]:
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGB").resize((224, 224), Image.Resampling.BOX))
        ours = read_image(path, 224)
        assert np.abs(ours.astype(int) - expected).mean() < 6
