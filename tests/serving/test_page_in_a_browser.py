"""The page in a real browser: drawing, reading, comparing, correcting, sharing, with keys and in the dark."""

import itertools
import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from helpers import serving
from helpers.browser import browser, needs_browser, strokes_of, strokes_of_row
from helpers.drawn_pictures import draw_picture

ALL = ''.join(map(str, range(10)))


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    """The page with the shipped reader and, beside it, a small model of the digits 0, 1 and 2 with two checkpoints."""
    needs_browser()
    folder = tmp_path_factory.mktemp('server')
    small = serving.copy_of_small_model(folder)
    flags = ['--model_dir=pretrained', f'--model_dir={small}', '--corrections_dir=corrections']
    with serving.program(folder, *flags) as running:
        running.folder = folder
        yield running


@pytest.fixture(scope='module')
def window(server):
    with browser() as page:
        yield page


@pytest.fixture
def page(window, server):
    """The page, opened anew with the shipped reader alone; nothing may be written to the console."""
    window.console()
    window.open(server.address)
    window.run(
        'const other = document.getElementById("other"); other.value = ""; other.dispatchEvent(new Event("change"))'
    )
    window.settle()
    yield window
    assert window.console() == []


def reads(page, text):
    page.settle()
    page.wait(lambda: page.texts() == [text])
    return True


def test_empty_paper_is_said_to_be_empty(page):
    assert page.texts() == ['Nothing is drawn.']
    page.draw([[(300, 200)]])
    page.settle()
    assert page.texts()[0] in ('No digit to be seen.', '0', '1')
    page.click('#clear')
    assert reads(page, 'Nothing is drawn.')


def test_all_ten_digits_in_several_hands(page):
    wrong = []
    for seed in range(2):
        for digit in range(10):
            page.click('#clear') if page.one('#clear').is_enabled() else None
            page.draw(strokes_of(digit, way=0, seed=[seed, digit]))
            page.settle()
            if page.texts() != [str(digit)]:
                wrong.append((seed, digit, page.texts()))
    assert len(wrong) <= 1, wrong


def test_two_digits_a_row_and_two_rows(page):
    page.draw(strokes_of_row('42'))
    assert reads(page, '42')
    assert len(page.all('.seen button')) == 2
    page.click('#clear')
    page.draw(strokes_of_row('30172', top=30, height=130))
    assert reads(page, '30172')
    page.draw(strokes_of_row('2468', top=240, height=130))
    assert reads(page, '30172/2468')


def test_undo_takes_back_the_last_stroke_and_keys_do_too(page):
    page.draw(strokes_of(2, (100, 80, 140, 240)))
    page.draw(strokes_of(1, (400, 80, 60, 240)))
    assert reads(page, '21')
    page.click('#undo')
    assert reads(page, '2')
    page.one('body').send_keys('\ue009z')
    assert reads(page, 'Nothing is drawn.')
    assert not page.one('#undo').is_enabled()


def test_a_pen_presses_and_a_finger_does_not(page):
    ink = {}
    for kind in ('mouse', 'touch', 'pen'):
        page.draw(strokes_of(7), kind)
        assert reads(page, '7')
        ink[kind] = page.run(
            'const copy = new OffscreenCanvas(1200, 800).getContext("2d", {willReadFrequently: true});'
            'copy.drawImage(document.getElementById("paper"), 0, 0);'
            'const {data} = copy.getImageData(0, 0, 1200, 800);'
            'let n = 0; for (let at = 3; at < data.length; at += 4) n += data[at] > 128; return n'
        )
        page.click('#clear')
    assert ink['pen'] < 0.8 * ink['mouse'] and ink['touch'] == ink['mouse']


def test_drawing_with_the_keyboard(page):
    paper = page.one('#paper')
    paper.send_keys('\ue013' * 14, ' ', '\ue015' * 28, ' ')  # up, pen down, a long line down, pen up
    assert reads(page, '1')


def test_the_layers_follow_and_a_unit_explains_itself(page):
    page.draw(strokes_of(5))
    assert reads(page, '5')
    names = [element.text for element in page.all('.layers code')]
    assert names == ['conv_1', 'conv_2', 'conv_3', 'layer_1', 'output_layer']
    assert page.run('return document.querySelector(".bars .best .label").textContent') == '5'
    layer = page.all('.layers canvas')[3]
    layer.send_keys('\ue014')  # to the right
    page.wait(lambda: 'layer_1 unit 1' in page.one('.unit').text)
    assert 'A picture that excites it' in page.one('.unit').text and 'conv_3 map' in page.one('.unit').text
    page.all('.layers canvas')[0].send_keys('\ue014')
    page.wait(lambda: 'Its weights' in page.one('.unit').text)


def test_two_models_side_by_side(page):
    page.run(
        'const other = document.getElementById("other"); other.value = "1"; other.dispatchEvent(new Event("change"))'
    )
    page.draw(strokes_of_row('210'))
    page.settle()
    assert page.texts()[0] == '210' and len(page.texts()[1]) == 3
    assert [element.text for element in page.all('.name')] == ['pretrained', 'small']


def test_the_slider_goes_over_the_checkpoints(page):
    page.run(
        'const model = document.getElementById("model"); model.value = "1"; model.dispatchEvent(new Event("change"))'
    )
    page.draw(strokes_of(2))
    page.settle()
    assert page.one('.step').text == 'step 60'
    page.one('.versions input').send_keys('\ue012')  # to the left
    page.settle()
    assert page.one('.step').text == 'step 30'
    asked = page.run('return performance.getEntriesByType("resource").map((entry) => entry.name)')
    assert 'version=60' in ' '.join(asked[:-1]) and 'version=30' in asked[-1]
    page.run(
        'const model = document.getElementById("model"); model.value = "0"; model.dispatchEvent(new Event("change"))'
    )


def test_a_picture_is_chosen_and_one_is_pasted(page, tmp_path):
    path = tmp_path / 'four.png'
    draw_picture('4', size=(120, 80), box=(40, 10, 40, 60)).save(path)
    page.one('#file').send_keys(str(path))
    assert reads(page, '4')
    page.click('#clear')
    page.run(
        'const [bytes] = arguments, data = new DataTransfer();'
        'data.items.add(new File([new Uint8Array(bytes)], "seven.png", {type: "image/png"}));'
        'document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}))',
        list(png_of('7', tmp_path)),
    )
    assert reads(page, '7')


def test_a_photographed_sheet_is_shown_upright_with_the_boxes_on_it(page, tmp_path):
    table = Image.new('RGB', (900, 900), (90, 60, 40))
    sheet = draw_picture('4', size=(600, 360), box=(230, 90, 120, 170), pen=14).convert('RGB')
    table.paste(sheet.rotate(12, expand=True, fillcolor=(90, 60, 40)), (120, 220))
    table.save(tmp_path / 'table.png')
    page.one('#file').send_keys(str(tmp_path / 'table.png'))
    assert reads(page, '4')
    colour = lambda x, y: page.run(
        'const [x, y] = arguments, canvas = document.getElementById("boxes"), copy = new OffscreenCanvas(600, 400);'
        'copy.getContext("2d").drawImage(canvas, 0, 0, 600, 400); return [...copy.getContext("2d").getImageData(x, y, 1, 1).data]',
        x,
        y,
    )
    assert page.wait(lambda: min(colour(300, 30)) > 150)  # paper, where the photo shows the table
    page.click('#clear')
    page.settle()
    assert colour(300, 30) == [0, 0, 0, 0]


def png_of(digit, folder):
    path = folder / 'pasted.png'
    draw_picture(digit).save(path)
    return path.read_bytes()


def test_the_camera_is_asked_for_on_a_click_only(page):
    assert page.run('return document.querySelector("video").srcObject') is None
    page.click('#camera')
    page.wait(lambda: page.one('#viewfinder').get_attribute('open'))
    page.wait(lambda: page.run('return document.querySelector("video").videoWidth'))
    page.click('#shoot')
    page.wait(lambda: page.run('return document.querySelector("video").srcObject') is None)
    page.settle()
    page.wait(lambda: page.texts() != ['Nothing is drawn.'])


def test_a_shared_address_opens_the_same_drawing(page, server):
    page.draw(strokes_of_row('42'))
    assert reads(page, '42')
    page.click('#share')
    address = page.wait(lambda: '#d=' in page.driver.current_url and page.driver.current_url)
    assert len(address) < 1000
    page.open(address)
    assert page.wait(lambda: '42' in page.texts()[0])
    page.open(server.address + '#d=damaged')
    page.wait(lambda: 'no drawing that can be read' in page.one('#message').text)


@pytest.mark.parametrize('n_points', [1, 2, 255, 256, 509, 1000])
def test_a_shared_stroke_has_all_its_steps_however_long_it_is(page, n_points):
    random = np.random.default_rng(n_points)
    steps = random.integers(3, 127, (n_points, 2)) * random.choice([-1, 1], (n_points, 2))
    points = (30_000 + np.cumsum(steps, axis=0)).tolist()
    strokes = page.driver.execute_async_script(
        'const [points, done] = arguments;'
        'import("/static/drawing.js").then(({ fromText, toText }) => done(fromText(toText([[], points]))));',
        [[x, y, 10] for x, y in points],
    )
    assert strokes[0][0] == [*points[0], 10]
    found = [(one[:2], other[:2]) for stroke in strokes for one, other in itertools.pairwise(stroke)]
    assert found == list(itertools.pairwise(points))


def test_a_correction_is_saved_with_the_command_that_trains_on_it(page, server, entry_point):
    for label, seeds in (('4', range(6)), ('7', range(6))):
        for seed in seeds:
            page.click('#clear') if page.one('#clear').is_enabled() else None
            page.draw(strokes_of(int(label), seed=[seed, 3]))
            page.settle()
            page.click(f'.correct [aria-label="That was a {label}"]')
            page.wait(lambda: f'Saved as train/{label}/' in page.one('#message').text)
    folder = pathlib.Path(server.folder) / 'corrections'
    for label in '47':
        assert len([path for path in folder.glob(f'train/{label}/*.png') if 'drawn' not in path.name]) == 6
    words = page.one('#message code').text.split()
    assert words[:3] == ['python', '-m', 'mnist_graph.main']
    flags = [word.replace('corrections', str(folder)) for word in words[3:]]
    ended = entry_point(*flags, '--n_iterations=3', '--model_dir=corrected')
    assert ended.code == 0, ended.err
    assert 'Starting from pretrained' in ended.err and 'the last without 1 of its classes' in ended.err
    # The digits that were not corrected are tested, and still read.
    accuracy = float(re.search(r'Accuracy on test set \(corrections\): (\S+)', ended.out)[1])
    assert accuracy > 0.9, ended.out


def test_without_the_server_the_page_says_so_and_goes_on_later(window, server):
    network = lambda offline: window.driver.execute_cdp_cmd(
        'Network.emulateNetworkConditions',
        {'offline': offline, 'latency': 0, 'downloadThroughput': -1, 'uploadThroughput': -1},
    )
    window.open(server.address)
    window.driver.execute_cdp_cmd('Network.enable', {})
    try:
        network(True)
        window.draw(strokes_of(3))
        window.wait(lambda: window.texts()[0] == 'The server does not answer.')
    finally:
        network(False)
    window.draw([[(590, 390)]])
    window.settle()
    assert window.texts()[0].startswith('3')
    window.console()  # where the browser itself names the failed requests


def test_everything_comes_from_the_server_itself(page, server):
    names = page.run('return performance.getEntriesByType("resource").map((entry) => entry.name)')
    assert names and all(name.startswith(server.address) for name in names)
    assert page.driver.get_cookies() == []


@pytest.mark.parametrize('width, height, dark', [(390, 844, False), (820, 1180, True), (1440, 900, True)])
def test_nothing_is_cut_off_on_a_phone_a_tablet_and_a_desk(page, width, height, dark):
    page.resize(width, height, width < 500)
    page.set_dark(dark)
    try:
        page.draw(strokes_of_row('427'))
        assert reads(page, '427')
        assert page.run('return document.documentElement.scrollWidth') <= width
    finally:
        page.resize(1280, 900)
        page.set_dark(False)


@pytest.mark.parametrize('dark', [False, True])
def test_axe_finds_nothing_serious(page, server, dark):
    """axe-core, the checker of accessibility, on the empty page, with digits and a unit of a layer, and on /docs."""
    checker = pytest.importorskip('selenium_axe_python', reason='needs selenium-axe-python, which brings axe-core')
    serious = []

    def check(where):
        axe = checker.Axe(page.driver)
        axe.inject()
        found = axe.run()
        assert found['passes']
        serious.extend(
            (where, each['id'], [node['html'] for node in each['nodes']])
            for each in found['violations']
            if each['impact'] in ('serious', 'critical')
        )

    page.set_dark(dark)
    try:
        check('empty')
        page.draw(strokes_of_row('427'))
        assert reads(page, '427')
        page.all('.layers canvas')[3].send_keys('\ue014')
        page.wait(lambda: 'A picture that excites it' in page.one('.unit').text)
        page.click('.correct [aria-label="That was a 4"]')
        page.wait(lambda: 'Saved as' in page.one('#message').text)
        check('digits')
        page.driver.get(server.address + 'docs')
        page.wait(lambda: '/read' in page.one('body').text)
        check('docs')
    finally:
        page.set_dark(False)
    assert serious == []
