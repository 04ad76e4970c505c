"""Debian's Chromium, driven by Selenium, and digits drawn on the page by pointer events."""

import contextlib
import shutil
import time

import numpy as np
import pytest

from mnist_graph.drawn import pen, splines
from mnist_graph.drawn.strokes import WAYS

CHROMIUM, DRIVER = shutil.which('chromium'), shutil.which('chromedriver')
# Dispatches what a mouse, a finger or a pen would; now and then the page gets time to answer.
_DRAW = """
const [strokes, kind, pause, done] = arguments, paper = document.getElementById('paper');
const place = paper.getBoundingClientRect();
const fire = (type, [x, y], buttons) => paper.dispatchEvent(new PointerEvent(type, {
  pointerId: 1, pointerType: kind, button: 0, buttons, bubbles: true, cancelable: true, pressure: kind === 'pen' ? 0.1 : 0.5,
  clientX: place.left + x * place.width / 600, clientY: place.top + y * place.height / 400,
}));
(async () => {
  for (const stroke of strokes) {
    fire('pointerdown', stroke[0], 1);
    for (const [index, point] of stroke.slice(1).entries()) {
      fire('pointermove', point, 1);
      if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
      else if (index % 8 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    fire('pointerup', stroke.at(-1), 0);
  }
  done();
})();
"""


def needs_browser():
    """Skips a test where there is no browser to drive."""
    pytest.importorskip('selenium')
    if not (CHROMIUM and DRIVER):
        pytest.skip("needs Debian's chromium and chromium-driver")


@contextlib.contextmanager
def browser(width=1280, height=900, dark=False, mobile=False, scale=1):
    """A `Page` that shows nothing yet."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ('headless=new', 'no-sandbox', 'disable-gpu', 'disable-dev-shm-usage', 'hide-scrollbars'):
        options.add_argument(f'--{argument}')
    options.add_argument('--use-fake-device-for-media-stream')
    options.add_argument('--use-fake-ui-for-media-stream')
    # Nothing but this machine is there: the page must not need anything else.
    options.add_argument('--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1')
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(120)
    try:
        page = Page(driver)
        page.resize(width, height, mobile, scale)
        page.set_dark(dark)
        yield page
    finally:
        driver.quit()


class Page:
    """The page in a browser.

    Attributes:
      driver: Selenium's.
    """

    def __init__(self, driver):
        self.driver = driver

    def resize(self, width, height, mobile=False, scale=1):
        metrics = {'width': width, 'height': height, 'deviceScaleFactor': scale, 'mobile': mobile}
        self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', metrics)

    def set_dark(self, dark):
        features = [{'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}]
        self.driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': features})

    def open(self, address):
        self.driver.get('about:blank')
        self.driver.get(address)
        self.wait(lambda: self.all('.reader'))

    def all(self, selector):
        return self.driver.find_elements('css selector', selector)

    def one(self, selector):
        return self.driver.find_element('css selector', selector)

    def click(self, selector):
        self.one(selector).click()

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def texts(self):
        """What each model reads, rows joined by '/'."""
        return ['/'.join(element.text.split('\n')) for element in self.all('.text')]

    def draw(self, strokes, kind='mouse', pause=0):
        """Draws strokes, lists of (x, y) on paper of 600 x 400, with so many milliseconds from point to point."""
        self.driver.execute_async_script(_DRAW, strokes, kind, pause)

    def settle(self):
        """Waits until nothing is read any more."""
        self.driver.execute_async_script(
            'const done = arguments[0]; let still = 0;'
            'const look = () => { still = document.querySelector("[aria-busy=true]") ? 0 : still + 1;'
            'still > 3 ? done() : setTimeout(look, 15); }; look();'
        )

    def wait(self, condition, seconds=120):
        """What a function returns as soon as it is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if result := condition():
                return result
            time.sleep(0.03)
        raise AssertionError(f'not within {seconds} s; the page reads {self.texts()}, says {self.console()}')

    def console(self):
        """Messages of the browser's console since the last call."""
        return [entry['message'] for entry in self.driver.get_log('browser')]


def strokes_of(digit, box=(200, 60, 200, 280), way=0, seed=None):
    """Strokes of one of the drawn digits.

    Args:
      digit: 0 to 9.
      box: Left, top, width and height on the paper.
      way: Index into its ways of writing.
      seed: Of the irregularities of a hand; None for none.
    """
    chosen = WAYS[digit][way]
    curves = splines.prepare(chosen)
    if seed is None:
        path = (curves.sharp @ curves.forms[0] + curves.round @ curves.forms[0]) / 2
    else:
        path = pen.trace(chosen, 1, np.random.default_rng(seed), pen.Style())[0]
    stroke_of_sample = curves.stroke_of_point[np.argmax(curves.sharp, axis=1)]
    path = path * box[2:] + box[:2]
    return [path[stroke_of_sample == number].round(1).tolist() for number in range(stroke_of_sample.max() + 1)]


def strokes_of_row(digits, top=100, height=200, left=60, step=110, width=80, **options):
    """Strokes of several digits side by side."""
    places = [(left + number * step, top, width, height) for number in range(len(digits))]
    return [stroke for digit, box in zip(digits, places) for stroke in strokes_of(int(digit), box, **options)]
