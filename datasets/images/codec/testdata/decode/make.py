"""Writes small files of every format beside what PIL decodes them to (NAME.ppm or NAME.pgm): python3 make.py

Made with Pillow 9.4.0, libjpeg-turbo 2.1.5, libwebp 1.2.4. Each is upright (ImageOps.exif_transpose), then convert("RGB"), or "L" for grey.
"""
import io, math, os, random, struct, zlib
from PIL import Image, ImageOps

os.chdir(os.path.dirname(os.path.abspath(__file__)))
W, H = 23, 17
random.seed(1)


def picture(w=W, h=H):
    m = Image.new("RGB", (w, h))
    for y in range(h):
        for x in range(w):
            m.putpixel((x, y), (int(127 + 100 * math.sin(x / 4)), int(255 * y / h), int(255 * x / w) ^ (64 if (x // 6 + y // 5) % 2 else 0)))
    return m


rgb = picture()
grey = rgb.convert("L")
alpha = Image.new("L", (W, H))
alpha.putdata([(x * 255 // (W - 1)) for y in range(H) for x in range(W)])
rgba = rgb.copy()
rgba.putalpha(alpha)
pal = rgb.quantize(40)
deep = Image.new("I;16", (W, H))
for y in range(H):
    for x in range(W):
        deep.putpixel((x, y), (x * 2600 + y * 300) % 65536)
made = []


def save(name, m, **kw):
    m.save(name, **kw)
    made.append(name)


def write(name, b):
    open(name, "wb").write(b)
    made.append(name)


def exif(o):
    e = Image.Exif()
    e[0x0112] = o
    return e


for name, sub in (("444", 0), ("422", 1), ("420", 2)):
    save(f"ycc{name}.jpg", rgb, quality=90, subsampling=sub)
for name, sub, o in (("444", 0, 1), ("422", 1, 3), ("420", 2, 1), ("420_turn8", 2, 8)):
    save(f"tall{name}.jpg", picture(37, 75), quality=85, subsampling=sub, exif=exif(o))


def restarts(m, rows, **kw):
    """A JPEG with a restart marker after each row of blocks: the scans of its rows, one after another."""
    def parts(m):
        f = io.BytesIO()
        m.save(f, "JPEG", **kw)
        b = f.getvalue()
        at = b.index(b"\xff\xda")
        n = 2 + int.from_bytes(b[at + 2:at + 4], "big")
        return b[:at], b[at:at + n], b[at + n:-2]
    head, scan, _ = parts(m)
    data = b""
    for k, y in enumerate(range(0, m.height, rows)):
        data += (bytes([0xff, 0xd0 + (k - 1) % 8]) if k else b"") + parts(m.crop((0, y, m.width, min(y + rows, m.height))))[2]
    return head + b"\xff\xdd\x00\x04" + struct.pack(">H", (m.width + rows - 1) // rows) + scan + data + b"\xff\xd9"


write("tall_restarts.jpg", restarts(picture(37, 75), 16, quality=85, subsampling=2))
save("tallgrey.jpg", picture(37, 75).convert("L"), quality=85)
save("tall_progressive.jpg", picture(37, 75), quality=80, progressive=True)
save("progressive.jpg", rgb, quality=85, progressive=True)
save("narrow.jpg", picture(3, 9), quality=90, subsampling=2)
save("grey.jpg", grey, quality=90)
save("cmyk.jpg", rgb.convert("CMYK"), quality=95)
b = bytearray(open("cmyk.jpg", "rb").read())
at = b.index(b"Adobe") + 11
assert b[at] == 0
b[at] = 2
write("ycck.jpg", bytes(b))
b = open("cmyk.jpg", "rb").read()
at = b.index(b"\xff\xee\x00\x0eAdobe")
write("cmyk_plain.jpg", b[:at] + b[at + 16:])
for o in range(1, 9):
    save(f"turn{o}.jpg", rgb, quality=90, subsampling=0, exif=exif(o))
save("grey.png", grey)
save("bilevel.png", grey.convert("1"))
save("grey_alpha.png", Image.merge("LA", (grey, alpha)))
save("palette.png", pal)
save("palette_alpha.png", pal, transparency=3)
save("rgb.png", rgb)
save("rgba.png", rgba)
save("turn6.png", rgb, exif=exif(6))


def png16(name, colour, samples):
    def chunk(t, d):
        return struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
    rows = b"".join(b"\0" + b"".join(struct.pack(">H", v) for x in range(W) for v in samples(x, y)) for y in range(H))
    write(name, b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 16, colour, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


png16("rgb16.png", 2, lambda x, y: (x * 2800, y * 3700, (x * y * 150) % 65536))
png16("rgba16.png", 6, lambda x, y: (x * 2800, y * 3700, (x * y * 150) % 65536, x * 2800))
save("palette.gif", pal)
save("transparent.gif", pal, transparency=5)
b = bytearray(open("transparent.gif", "rb").read())
b[6:10] = struct.pack("<HH", W + 5, H + 4)  # a larger screen; the frame at (3,2)
at = b.index(b",\0\0\0\0" + struct.pack("<HH", W, H))
b[at + 1:at + 5] = struct.pack("<HH", 3, 2)
write("part_transparent.gif", bytes(b))
b = bytearray(open("palette.gif", "rb").read())
b[6:10] = struct.pack("<HH", W + 5, H + 4)
at = b.index(b",\0\0\0\0" + struct.pack("<HH", W, H))
b[at + 1:at + 5] = struct.pack("<HH", 3, 2)
write("part.gif", bytes(b))
save("rgb.bmp", rgb)
save("palette.bmp", pal)
save("rgba.bmp", rgba)
save("lossy.webp", rgb, quality=80)
save("lossy_alpha.webp", rgba, quality=80)
save("lossless.webp", rgb, lossless=True)
save("lossless_alpha.webp", rgba, lossless=True, exact=True)
# Parts so different that the encoder gives them Huffman groups of their own (made with cwebp 1.2.4 -lossless -m 6 -q 100).
random.seed(3)
parts = Image.new("RGB", (160, 120))
for y in range(120):
    for x in range(160):
        if x < 80 and y < 60:
            p = (random.randrange(256) if (x // 8) % 2 else 8, random.randrange(4) * 60, random.randrange(2) * 200)
        elif x < 80:
            p = (x * 3 & 255, y * 2 & 255, (x + y) & 255)
        elif y < 60:
            p = (int(127 + 100 * math.sin(x / 9 + y / 5)), int(127 + 100 * math.cos(x / 4)), random.randrange(8))
        else:
            p = ((x // 20 * 70) & 255, random.choice([0, 3, 200]), random.choice([10, 20]))
        parts.putpixel((x, y), p)
save("groups.webp", parts, lossless=True, quality=100, method=6)
save("turn8.webp", rgb, lossless=True, exif=exif(8))
for c in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
    save(f"rgb_{c}.tiff", rgb, compression=c)
save("grey.tiff", grey)
save("rgba.tiff", rgba)
save("palette.tiff", pal)
save("deep.tiff", deep)
save("bilevel_g4.tiff", grey.convert("1"), compression="group4")
save("turn3.tiff", rgb, tiffinfo={0x0112: 3})

for name in made:
    m = Image.open(name)
    m.load()  # turns a TIFF, which exif_transpose would turn again
    if m.format != "TIFF":
        m = ImageOps.exif_transpose(m)
    if m.mode == "I;16" or m.mode == "I":  # PIL 9.4 clips what it should scale
        want = Image.new("L", m.size)
        want.putdata([v >> 8 for v in m.getdata()])
    elif m.mode in ("L", "LA", "1"):
        want = m.convert("L")
    else:
        want = m.convert("RGB")
    want.save(name + (".pgm" if want.mode == "L" else ".ppm"))
