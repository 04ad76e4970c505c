// Puts the page together.

import { Drawing, fitted, fromText, toText } from '/static/drawing.js';
import { bytesOf } from '/static/layers.js';
import { takePictures } from '/static/pictures.js';
import { Reader, ask } from '/static/reader.js';

const find = (id) => document.getElementById(id);
const SAME_ASPECT = 0.03; // a picture whose sides are in another ratio is the sheet of paper that was cut out of it
let readers = [], answers = 0;

const drawing = new Drawing(find('paper'), find('boxes'), find('width'), changed);
find('undo').addEventListener('click', () => drawing.undo());
find('clear').addEventListener('click', () => drawing.clear());
find('share').addEventListener('click', share);
document.addEventListener('keydown', (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === 'z') { event.preventDefault(); drawing.undo(); }
});
takePictures((blob) => drawing.show(blob), message);
addEventListener('hashchange', openShared);
start().catch((error) => message(`The server does not answer (${error.message}).`));

async function start() {
  const { models, corrections } = await ask('/models');
  for (const select of [find('model'), find('other')]) {
    select.append(...models.map((model, index) => new Option(model.name, index)));
    select.addEventListener('change', choose);
  }
  find('models').hidden = models.length < 2;
  find('other').prepend(new Option('no other', ''));
  find('other').value = models.length > 1 ? 1 : '';

  function choose() {
    const chosen = [find('model').value, find('other').value].filter(Boolean).map((index) => models[index]);
    readers = chosen.map((model) => new Reader(model, { onBoxes, onMessage: message, canCorrect: corrections }));
    find('readers').replaceChildren(...readers.map((reader) => reader.section));
    find('readers').classList.toggle('two', readers.length > 1);
    changed(performance.now());
  }
  choose();
  openShared();
}

function changed(time) {
  find('empty').hidden = !drawing.isEmpty;
  find('undo').disabled = find('clear').disabled = find('share').disabled = drawing.isEmpty;
  if (!drawing.isEmpty && find('message').textContent) message('');
  let made;
  const source = drawing.isEmpty ? null : { time, make: () => made ??= drawing.source() }; // for the first who is free
  for (const reader of readers) reader.read(source);
}

// Marks the digits on the drawing, or on the sheet of paper that was cut out of a picture, which is then shown instead.
async function onBoxes(reader, answer, place) {
  if (reader !== readers[0]) return;
  const number = ++answers, [width, height] = answer?.size ?? [0, 0];
  let sheet = null;
  if (width && Math.abs(width / height / (place[2] / place[3]) - 1) > SAME_ASPECT) {
    sheet = answer.seen && await createImageBitmap(new Blob([bytesOf(answer.seen)], { type: 'image/jpeg' }));
    if (number !== answers) return;
    place = sheet && fitted(sheet);
  }
  if (!width || !place) {
    drawing.mark([]);
    return;
  }
  const scale = place[2] / width;
  drawing.mark(answer.digits.map(({ box: [left, top, right, bottom] }) => [
    place[0] + left * scale - 3, place[1] + top * scale - 3, (right - left) * scale + 6, (bottom - top) * scale + 6,
  ]), sheet);
}

// A line for the user, with a command that can be copied.
function message(text, command) {
  find('message').textContent = text + (command ? ' ' : '');
  if (command) {
    const code = document.createElement('code');
    for (const word of command.split(' ')) { // so that lines end between flags
      const part = document.createElement('span');
      part.textContent = word;
      code.append(part, ' ');
    }
    find('message').append(code);
  }
}

async function share() {
  if (!drawing.strokes.length) {
    message('Only what is drawn can be shared, not a picture.');
    return;
  }
  history.replaceState(null, '', `#d=${toText(drawing.strokes)}`);
  try {
    await navigator.clipboard.writeText(location.href);
    message('The address of this drawing is copied.');
  } catch {
    message('The address of this page now holds the drawing.');
  }
}

function openShared() {
  const text = location.hash.match(/^#d=(.+)$/)?.[1];
  if (!text) return;
  const strokes = fromText(text);
  if (!strokes) {
    message('The address holds no drawing that can be read.');
    return;
  }
  drawing.picture = null;
  drawing.strokes = strokes;
  drawing.changed(performance.now());
}
