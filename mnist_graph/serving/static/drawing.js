// The paper: strokes from a mouse, a finger, a pen or the arrow keys, and the picture that is sent.

export const WIDTH = 600, HEIGHT = 400; // units of the paper; the sent picture has one pixel for each
const STEP = 8; // units that an arrow key moves the pen
const LEAST_MOVE = 1.5; // units; nearer points of a stroke are left out

export class Drawing {
  // onChange(time) is called after each change, with the time of the event that made it.
  constructor(paper, boxes, widthInput, onChange) {
    this.paper = paper;
    this.boxes = boxes;
    this.widthInput = widthInput;
    this.onChange = onChange;
    this.strokes = []; // each a list of [x, y, width]
    this.picture = null; // {blob, bitmap} of a file
    this.pen = null; // the pointer that draws, or 'keys'
    this.cursor = [WIDTH / 2, HEIGHT / 2];
    this.usesKeys = false;
    this.marks = [[]];
    this.shown = paper.getContext('2d');
    this.shown.setTransform(paper.width / WIDTH, 0, 0, paper.height / HEIGHT, 0, 0);
    // What is sent: the same in black on white, a pixel for each unit.
    this.sent = new OffscreenCanvas(WIDTH, HEIGHT).getContext('2d', { willReadFrequently: true });
    this.render();
    paper.addEventListener('pointerdown', (event) => this.down(event));
    paper.addEventListener('pointermove', (event) => this.move(event));
    for (const name of ['pointerup', 'pointercancel']) paper.addEventListener(name, (event) => this.up(event));
    paper.addEventListener('keydown', (event) => this.key(event));
    paper.addEventListener('blur', () => { if (this.pen === 'keys') this.pen = null; this.mark(...this.marks); });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { this.render(); this.mark(...this.marks); });
  }

  get isEmpty() { return !this.strokes.length && !this.picture; }

  point(event) {
    const place = this.paper.getBoundingClientRect();
    const x = (event.clientX - place.left) / place.width * WIDTH;
    const y = (event.clientY - place.top) / place.height * HEIGHT;
    // A mouse says 0.5 while a button is pressed, and some fingers 0 or 1 always; only a pen's pressure means something.
    const factor = event.pointerType === 'pen' ? 0.35 + 1.3 * event.pressure : 1;
    return [x, y, Math.max(2, this.widthInput.valueAsNumber * factor)];
  }

  down(event) {
    if (this.pen !== null || event.button > 0) return;
    this.usesKeys = false;
    this.pen = event.pointerId;
    try { this.paper.setPointerCapture(event.pointerId); } catch { /* the pointer has gone already */ }
    this.paper.focus({ preventScroll: true, focusVisible: false });
    event.preventDefault();
    this.strokes.push([this.point(event)]);
    this.extended(0, event.timeStamp);
  }

  move(event) {
    if (this.pen !== event.pointerId) return;
    const stroke = this.strokes.at(-1), before = stroke.length;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) {
      const point = this.point(each), last = stroke.at(-1);
      if (Math.hypot(point[0] - last[0], point[1] - last[1]) >= LEAST_MOVE) stroke.push(point);
    }
    if (stroke.length > before) this.extended(before, event.timeStamp);
  }

  up(event) {
    if (this.pen === event.pointerId) this.pen = null;
  }

  key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === ' ') {
      this.pen = this.pen === 'keys' ? null : 'keys';
      if (this.pen) this.strokes.push([]);
    } else if (event.key in steps) {
      const [right, down] = steps[event.key];
      this.cursor = [
        Math.min(WIDTH, Math.max(0, this.cursor[0] + right * STEP)),
        Math.min(HEIGHT, Math.max(0, this.cursor[1] + down * STEP)),
      ];
    } else return;
    event.preventDefault();
    this.usesKeys = true;
    this.mark(...this.marks);
    if (this.pen === 'keys') {
      this.strokes.at(-1).push([...this.cursor, this.widthInput.valueAsNumber]);
      this.extended(this.strokes.at(-1).length - 1, event.timeStamp);
    }
  }

  undo() {
    if (this.strokes.length) this.strokes.pop(); else this.picture = null;
    this.pen = null;
    this.changed(performance.now());
  }

  clear() {
    this.strokes = [];
    this.picture = this.pen = null;
    this.changed(performance.now());
  }

  async show(blob) {
    const bitmap = await createImageBitmap(blob);
    this.strokes = [];
    this.picture = { blob, bitmap };
    this.changed(performance.now());
  }

  changed(time) {
    this.render();
    this.onChange(time);
  }

  // The last stroke has new points, from this one on.
  extended(first, time) {
    for (const context of [this.shown, this.sent]) paintStroke(context, this.strokes.at(-1), first);
    this.onChange(time);
  }

  render() {
    const pen = this.picture ? '#000' : getComputedStyle(document.documentElement).getPropertyValue('--pen').trim();
    this.shown.clearRect(0, 0, WIDTH, HEIGHT);
    this.paint(this.shown, pen);
    this.sent.fillStyle = '#fff';
    this.sent.fillRect(0, 0, WIDTH, HEIGHT);
    this.paint(this.sent, '#000');
  }

  paint(context, pen) {
    if (this.picture) context.drawImage(this.picture.bitmap, ...fitted(this.picture.bitmap));
    context.strokeStyle = context.fillStyle = pen;
    context.lineCap = context.lineJoin = 'round';
    for (const stroke of this.strokes) paintStroke(context, stroke, 0);
  }

  // What is sent: the file itself if nothing was drawn on it, or the paper in black on white.
  source() {
    const isPicture = Boolean(this.picture);
    if (isPicture && !this.strokes.length) return { blob: this.picture.blob, place: fitted(this.picture.bitmap), isPicture };
    return { blob: greyBlob(this.sent.getImageData(0, 0, WIDTH, HEIGHT)), place: [0, 0, WIDTH, HEIGHT], isPicture };
  }

  // Draws boxes [left, top, width, height] over the paper, or over a picture in its place, and the cursor of the arrow keys.
  mark(boxes, instead = null) {
    this.marks = [boxes, instead];
    const context = this.boxes.getContext('2d');
    context.setTransform(this.boxes.width / WIDTH, 0, 0, this.boxes.height / HEIGHT, 0, 0);
    context.clearRect(0, 0, WIDTH, HEIGHT);
    if (instead) {
      context.fillStyle = getComputedStyle(this.paper.parentElement).backgroundColor;
      context.fillRect(0, 0, WIDTH, HEIGHT);
      context.drawImage(instead, ...fitted(instead));
    }
    context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue('--box').trim();
    context.lineWidth = 1.5;
    for (const box of boxes) {
      context.beginPath();
      context.roundRect(...box, 5);
      context.stroke();
    }
    if (this.usesKeys && document.activeElement === this.paper) {
      context.beginPath();
      context.arc(...this.cursor, this.pen === 'keys' ? 5 : 9, 0, 2 * Math.PI);
      context.stroke();
    }
  }
}

// Where a picture lies on the paper: [left, top, width, height].
export function fitted({ width, height }) {
  const scale = Math.min(WIDTH / width, HEIGHT / height);
  return [(WIDTH - width * scale) / 2, (HEIGHT - height * scale) / 2, width * scale, height * scale];
}

// Paints a stroke from its point `first` on: from the middle of each step to that of the next, bent towards the point
// between them, and straight to the end.
function paintStroke(context, stroke, first) {
  const middle = (one, other) => [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
  for (let index = first; index < stroke.length; index++) {
    const [x, y, width] = stroke[index], last = stroke[index - 1];
    context.beginPath();
    if (!last) {
      context.arc(x, y, width / 2, 0, 2 * Math.PI);
      context.fill();
      continue;
    }
    context.lineWidth = width;
    context.moveTo(...(index > 1 ? middle(stroke[index - 2], last) : last));
    context.quadraticCurveTo(last[0], last[1], ...middle(last, stroke[index]));
    context.lineTo(x, y);
    context.stroke();
  }
}

// A grey picture as a PGM file: unlike a PNG it takes the browser no time to make.
function greyBlob(image) {
  const grey = new Uint8Array(image.width * image.height);
  for (let index = 0; index < grey.length; index++) grey[index] = image.data[4 * index];
  return new Blob([`P5 ${image.width} ${image.height} 255\n`, grey], { type: 'image/x-portable-graymap' });
}

// Strokes as text for an address: for each its number of points and width, the first point, and steps of a byte each.
export function toText(strokes) {
  const bytes = [];
  for (const stroke of strokes) {
    const points = shortSteps(stroke);
    // Each part begins with the last point of the one before it; with that alone there is no other part.
    for (let start = 0; start < points.length - (start ? 1 : 0); start += 254) {
      const part = points.slice(start, start + 255);
      const [x, y] = part[0];
      bytes.push(part.length, Math.min(255, Math.round(stroke[0][2])), x >> 8, x & 255, y >> 8, y & 255);
      part.slice(1).forEach(([nextX, nextY], index) => bytes.push(nextX - part[index][0] & 255, nextY - part[index][1] & 255));
    }
  }
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

// Whole units, near points left out, and far ones joined by points between.
function shortSteps(stroke) {
  const points = [];
  for (const [x, y] of stroke) {
    const to = [Math.max(0, Math.round(x)), Math.max(0, Math.round(y))], last = points.at(-1);
    if (!last) { points.push(to); continue; }
    const far = Math.max(Math.abs(to[0] - last[0]), Math.abs(to[1] - last[1]));
    if (far < 3) continue;
    const n = Math.ceil(far / 127);
    for (let part = 1; part <= n; part++) {
      points.push([0, 1].map((axis) => Math.round(last[axis] + (to[axis] - last[axis]) * part / n)));
    }
  }
  return points;
}

// Strokes of such a text; null if it is none.
export function fromText(text) {
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
    const strokes = [], signed = (byte) => (byte << 24) >> 24;
    for (let at = 0; at < bytes.length;) {
      const [n, width] = bytes.subarray(at, at + 2);
      let x = bytes[at + 2] << 8 | bytes[at + 3], y = bytes[at + 4] << 8 | bytes[at + 5];
      const stroke = [[x, y, width]];
      for (at += 6; stroke.length < n; at += 2) {
        if (at + 1 >= bytes.length) return null;
        x += signed(bytes[at]);
        y += signed(bytes[at + 1]);
        stroke.push([x, y, width]);
      }
      strokes.push(stroke);
    }
    return strokes;
  } catch {
    return null;
  }
}
