"""Makes a library that programs can link of the extension module in DuckDB's package for Python.

    link_wheel.py duckdb-*.whl libduckdb.so

The module has the whole engine with its C API, and the bindings for Python, which refer to some 200 symbols of an
interpreter. Nothing here calls the bindings, so those symbols need no definition: they are made weak, and the dynamic
linker leaves weak symbols that nobody defines at zero. Nothing else of the file is changed. 64-bit little-endian ELF.
"""

import struct
import sys
import zipfile

SECTION_HEADERS_AT = 0x28
SECTION_SIZE_AND_COUNT_AT = 0x3A
DYNAMIC_SYMBOLS = 11
SYMBOL_SIZE = 24
GLOBAL, WEAK = 1, 2


def sections(image):
    (at,) = struct.unpack_from("<Q", image, SECTION_HEADERS_AT)
    size, count = struct.unpack_from("<HH", image, SECTION_SIZE_AND_COUNT_AT)
    for index in range(count):
        _, kind, _, _, offset, length, link = struct.unpack_from("<IIQQQQI", image, at + index * size)
        yield kind, offset, length, link


def weaken(image):
    """Makes the undefined symbols of Python weak, in place; gives how many."""
    table = list(sections(image))
    count = 0
    for kind, offset, length, link in table:
        if kind != DYNAMIC_SYMBOLS:
            continue
        names = table[link][1]
        for at in range(offset, offset + length, SYMBOL_SIZE):
            name, info, _, section = struct.unpack_from("<IBBH", image, at)
            if section or info >> 4 != GLOBAL:
                continue
            if image[names + name : names + name + 3].startswith((b"Py", b"_Py")):
                image[at + 4] = WEAK << 4 | info & 15
                count += 1
    return count


def main(wheel, library):
    with zipfile.ZipFile(wheel) as archive:
        modules = [name for name in archive.namelist() if "/" not in name and name.endswith(".so")]
        if len(modules) != 1:
            sys.exit(f"the package has {len(modules)} extension modules, not one")
        image = bytearray(archive.read(modules[0]))
    if image[:6] != b"\x7fELF\x02\x01":
        sys.exit("the extension module is no 64-bit little-endian ELF file")
    if weaken(image) == 0:
        sys.exit("the extension module refers to nothing of Python")
    with open(library, "wb") as file:
        file.write(image)


if __name__ == "__main__":
    main(*sys.argv[1:])
