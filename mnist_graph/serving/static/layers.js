// What the network thinks: every layer's activations as pictures, and what one unit looks for.

const GAP = 1; // pixels between feature maps

export function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const rgb = (name) => style.getPropertyValue(name).trim().match(/[\da-f]{2}/gi).map((part) => parseInt(part, 16));
  return { low: rgb('--heat-low'), high: rgb('--heat-high'), minus: rgb('--minus') };
}

function mix(from, to, share) {
  return from.map((value, index) => value + (to[index] - value) * share);
}

// A picture of bytes [height][width][channels], bright on black, or signed around 128 in two colours.
export function paintPicture(canvas, values, [height, width, channels], signed = false) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d'), image = context.createImageData(width, height), { low, high, minus } = colours();
  for (let pixel = 0; pixel < width * height; pixel++) {
    let colour = [0, 1, 2].map((index) => values[pixel * channels + (channels === 3 ? index : 0)]);
    if (signed) {
      const amount = (values[pixel * channels] - 128) / 127;
      colour = mix(low, amount < 0 ? minus : high, Math.min(1, Math.abs(amount)));
    }
    image.data.set([...colour, 255], 4 * pixel);
  }
  context.putImageData(image, 0, 0);
}

// How the units of a layer lie in its canvas: {width, height, place(index) -> [x, y], unit(x, y) -> position or null}.
function layout(shape) {
  if (shape.length === 1) {
    const n = shape[0], columns = n <= 16 ? n : Math.min(64, 2 ** Math.ceil(Math.log2(Math.sqrt(n) * 2)));
    return {
      width: columns, height: Math.ceil(n / columns),
      place: (index) => [index % columns, Math.floor(index / columns)],
      unit: (x, y) => (x < columns && y * columns + x < n ? [y * columns + x] : null),
    };
  }
  const [height, width, n] = shape, columns = n <= 8 ? n : Math.ceil(n / Math.max(1, Math.round(Math.sqrt(n / 8)))) ;
  const rows = Math.ceil(n / columns);
  return {
    width: columns * (width + GAP) - GAP, height: rows * (height + GAP) - GAP,
    place: (index) => {
      const map = index % n, pixel = Math.floor(index / n);
      return [map % columns * (width + GAP) + pixel % width, Math.floor(map / columns) * (height + GAP) + Math.floor(pixel / width)];
    },
    unit: (x, y) => {
      const column = x % (width + GAP), row = y % (height + GAP);
      const map = Math.floor(y / (height + GAP)) * columns + Math.floor(x / (width + GAP));
      return column < width && row < height && map < n ? [row, column, map] : null;
    },
  };
}

export function sizeText(shape) {
  return shape.length === 1 ? `${shape[0]} units` : `${shape[2]} maps of ${shape[0]}×${shape[1]}`;
}

// One layer's figure; onUnit(position) is called when a unit is pointed at.
export class LayerView {
  constructor(name, onUnit) {
    this.name = name;
    this.onUnit = onUnit;
    this.figure = document.createElement('figure');
    this.figure.innerHTML = '<figcaption><code></code><small></small></figcaption><canvas tabindex="0" role="img"></canvas>';
    this.figure.querySelector('code').textContent = name;
    this.canvas = this.figure.querySelector('canvas');
    this.at = [0, 0];
    this.canvas.addEventListener('pointermove', (event) => this.point(event));
    this.canvas.addEventListener('pointerdown', (event) => this.point(event));
    this.canvas.addEventListener('keydown', (event) => this.key(event));
  }

  show(layer) {
    this.layer = layer;
    this.layout = layout(layer.shape);
    const { width, height } = this.layout, values = bytesOf(layer.values), { low, high, minus } = colours();
    this.figure.querySelector('small').textContent = sizeText(layer.shape);
    this.canvas.setAttribute('aria-label', `${this.name}: ${sizeText(layer.shape)}, from ${layer.low.toPrecision(2)} to ${layer.high.toPrecision(2)}`);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    const zero = layer.low < 0 ? -layer.low / (layer.high - layer.low) : 0;
    const scale = Array.from({ length: 256 }, (_, value) => {
      const amount = (value / 255 - zero) / Math.max(zero, 1 - zero);
      return mix(low, amount < 0 ? minus : high, Math.abs(amount) ** 0.8);
    });
    const context = this.canvas.getContext('2d'), image = context.createImageData(width, height);
    values.forEach((value, index) => {
      const [x, y] = this.layout.place(index);
      image.data.set([...scale[value], 255], 4 * (y * width + x));
    });
    context.putImageData(image, 0, 0);
  }

  point(event) {
    if (!this.layout) return;
    const place = this.canvas.getBoundingClientRect();
    this.at = [
      Math.floor((event.clientX - place.left) / place.width * this.layout.width),
      Math.floor((event.clientY - place.top) / place.height * this.layout.height),
    ];
    this.ask();
  }

  key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!this.layout || !(event.key in steps)) return;
    event.preventDefault();
    const [right, down] = steps[event.key];
    this.at = [
      Math.min(this.layout.width - 1, Math.max(0, this.at[0] + right)),
      Math.min(this.layout.height - 1, Math.max(0, this.at[1] + down)),
    ];
    this.ask();
  }

  ask() {
    const position = this.layout.unit(...this.at);
    if (position && String(position) !== String(this.asked)) {
      this.asked = position;
      this.onUnit(position);
    }
  }
}

export function unitName(layer, position) {
  if (position.length === 1) return `${layer} unit ${position[0]}`;
  if (position.length === 2) return `${layer} row ${position[0]}, column ${position[1]}`;
  return `${layer} map ${position[2]}, row ${position[0]}, column ${position[1]}`;
}

// Fills the panel about one unit.
export function showUnit(panel, layer, position, unit, shape, before) {
  const canvas = document.createElement('canvas'), text = document.createElement('div');
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', unit.is_first ? 'What each pixel adds to this unit' : 'A picture that excites this unit');
  paintPicture(canvas, bytesOf(unit.picture), shape, unit.is_first);
  const title = document.createElement('p'), list = document.createElement('ul'), kind = document.createElement('p');
  title.innerHTML = '<strong></strong> ';
  title.firstChild.textContent = unitName(layer, position);
  title.append(`computes ${unit.value.toPrecision(3)}`);
  kind.className = 'hint';
  kind.textContent = unit.is_first ? 'Its weights, pixel by pixel. Its strongest inputs:' : 'A picture that excites it. Its strongest inputs:';
  for (const { position: input, amount } of unit.strongest) {
    const entry = document.createElement('li');
    const isPixel = before === 'X', place = isPixel && input.length === 1
      ? [Math.floor(input[0] / shape[1] / shape[2]), Math.floor(input[0] / shape[2]) % shape[1]] : input;
    entry.textContent = `${amount < 0 ? '−' : '+'}${Math.abs(amount).toPrecision(2)} `;
    entry.className = amount < 0 ? 'minus' : '';
    const label = document.createElement('span');
    label.className = 'hint';
    label.textContent = isPixel ? `row ${place[0]}, column ${place[1]}`
      : unit.maps ? `${before} map ${input[0]}` : unitName(before, input).replace(/, row.*/, '');
    entry.append(label);
    list.append(entry);
  }
  text.append(title, kind, list);
  panel.replaceChildren(canvas, text);
  panel.classList.add('shown');
}
