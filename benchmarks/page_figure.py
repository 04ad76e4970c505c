"""Draws digits on the real page in a real browser, and makes an animated picture of it.

    python benchmarks/page_figure.py docs/page.gif

Needs Debian's chromium and chromium-driver, and the extra `test`.
"""

import argparse
import io
import os
import sys
import tempfile

import measure
from PIL import Image

sys.path.insert(0, os.path.join(measure.ROOT, 'tests'))
from helpers import serving
from helpers.browser import browser, strokes_of_row

WIDTH, HEIGHT, SHOWN_WIDTH = 1180, 960, 880
# Points of a stroke from one picture to the next; milliseconds that one is shown, and the last ones.
POINTS, FRAME_MS, LAST_MS = 9, 90, 1600
COLOURS = 160
# Draws the strokes' points from one number to another; the pen stays down between two calls.
DRAW = """
const [strokes, first, last, done] = arguments, paper = document.getElementById('paper');
const place = paper.getBoundingClientRect();
const fire = (type, [x, y], buttons) => paper.dispatchEvent(new PointerEvent(type, {
  pointerId: 1, pointerType: 'mouse', button: 0, buttons, bubbles: true, cancelable: true,
  clientX: place.left + x * place.width / 600, clientY: place.top + y * place.height / 400,
}));
let at = 0;
for (const stroke of strokes) {
  stroke.forEach((point, index) => {
    if (at >= first && at < last) {
      fire(index ? 'pointermove' : 'pointerdown', point, 1);
      if (index === stroke.length - 1) fire('pointerup', point, 0);
    }
    at++;
  });
}
setTimeout(done, 30);
"""


def frames(address):
    """Screenshots of the page while 427 is drawn and one unit is looked at, as PIL images with their milliseconds."""
    strokes = strokes_of_row('427', top=90, height=220, left=90, step=160, width=110, seed=4)
    n_points = sum(map(len, strokes))
    with browser(WIDTH, HEIGHT) as page:
        page.open(address)

        def shot():
            image = Image.open(io.BytesIO(page.driver.get_screenshot_as_png())).convert('RGB')
            return image.resize(
                (SHOWN_WIDTH, round(image.height * SHOWN_WIDTH / image.width)), Image.Resampling.LANCZOS
            )

        yield shot(), 600
        for first in range(0, n_points, POINTS):
            page.driver.execute_async_script(DRAW, strokes, first, first + POINTS)
            page.settle()
            yield shot(), FRAME_MS
        yield shot(), LAST_MS
        page.click('.seen button:nth-child(2)')
        page.settle()
        yield shot(), LAST_MS / 2
        page.all('.layers canvas')[3].send_keys('\ue014' * 6)
        page.wait(lambda: 'layer_1 unit 6' in page.one('.unit').text)
        page.run('document.activeElement.blur()')
        yield shot(), 2 * LAST_MS


def main():
    """Serves, draws, and writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('figure', help='file to write, .gif or .webp')
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving.program(folder, '--model_dir=pretrained') as running:
        images, durations = zip(*frames(running.address))
    both = Image.new('RGB', (images[0].width, 2 * images[0].height))
    both.paste(images[-1], (0, 0))
    both.paste(images[len(images) // 2], (0, images[0].height))
    palette = both.quantize(COLOURS)
    small = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    small[0].save(
        arguments.figure, save_all=True, append_images=small[1:], duration=[int(each) for each in durations], loop=0
    )
    print(f'{len(images)} pictures, {os.path.getsize(arguments.figure) / 1000:.0f} kB')


if __name__ == '__main__':
    measure.run_main(main)
