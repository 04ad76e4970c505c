// One model's card: what it read, what it saw, what it thinks, and the slider over its checkpoints.

import { LayerView, bytesOf, paintPicture, showUnit } from '/static/layers.js';

export async function ask(path, options) {
  const response = await fetch(path, options);
  const value = await response.json();
  if (!response.ok) throw new Error(value.error ?? response.statusText);
  return value;
}

function postJson(path, value) {
  return ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(value) });
}

export class Reader {
  // hooks: onBoxes(boxes of the answer, place), onMessage(text, command), canCorrect.
  constructor(model, hooks) {
    this.model = model;
    this.hooks = hooks;
    this.selected = -1;
    this.isBusy = false;
    this.waiting = null;
    this.unitAsked = 0;
    this.section = document.getElementById('reader').content.firstElementChild.cloneNode(true);
    const find = (name) => this.section.querySelector(name);
    this.text = find('.text');
    this.sure = find('.sure');
    this.seen = find('.seen');
    this.correct = find('.correct');
    this.unit = find('.unit');
    this.hint = this.unit.innerHTML;
    find('.name').textContent = model.name;
    find('.name').title = model.summary;
    this.section.setAttribute('aria-label', `Model ${model.name}`);
    this.version = model.versions.at(-1);
    this.makeSlider(find('.versions'));
    this.makeLabels();
    this.layers = new Map();
    for (const name of model.layers) {
      const view = new LayerView(name, (position) => this.askUnit(name, position));
      view.figure.hidden = true;
      this.layers.set(name, view);
      find('.layers').append(view.figure);
    }
    this.makeBars(find('.bars'));
  }

  makeSlider(label) {
    const { versions } = this.model, input = label.querySelector('input'), step = label.querySelector('.step');
    label.hidden = versions.length < 2;
    input.max = versions.length - 1;
    input.value = versions.length - 1;
    const show = () => { step.textContent = `step ${this.version.toLocaleString('en')}`; };
    show();
    input.addEventListener('input', () => {
      this.version = versions[input.valueAsNumber];
      input.setAttribute('aria-valuetext', `step ${this.version}`);
      show();
      this.again();
    });
  }

  makeBars(list) {
    this.bars = this.model.classes.map((name) => {
      const item = document.createElement('li');
      item.innerHTML = '<div class="column"><div class="bar"></div></div><span class="label"></span>';
      item.querySelector('.label').textContent = name === 'none' ? '∅' : name;
      item.title = name === 'none' ? 'no digit' : name;
      list.append(item);
      return item;
    });
    this.bottom = list.parentElement;
  }

  makeLabels() {
    const labels = this.correct.querySelector('.labels');
    for (const name of this.model.classes) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = name;
      button.setAttribute('aria-label', name === 'none' ? 'That was no digit' : `That was a ${name}`);
      button.addEventListener('click', () => this.saveCorrection(name));
      labels.append(button);
    }
  }

  // Reads {time, make}, where make() gives {blob, place}; null is empty paper. While an answer is awaited only the newest is kept.
  async read(source) {
    this.waiting = source ?? 'nothing';
    this.last = source;
    if (this.isBusy) return;
    this.isBusy = true;
    this.section.setAttribute('aria-busy', true);
    while (this.waiting) {
      const now = this.waiting;
      this.waiting = null;
      try {
        if (now === 'nothing') this.show(null);
        else await this.readNow(now);
      } catch (error) {
        this.show(null, error instanceof TypeError ? 'The server does not answer.' : error.message);
      }
    }
    this.isBusy = false;
    this.section.setAttribute('aria-busy', false);
  }

  again() {
    if (this.last) this.read({ ...this.last, time: performance.now() });
  }

  async readNow(source) {
    const query = new URLSearchParams({
      model: this.model.name, version: this.version, pictures: true, inside: this.selected,
    });
    const { blob, place, isPicture } = source.make();
    if (isPicture) query.set('seen', true);
    const answer = await ask(`/read?${query}`, { method: 'POST', body: blob });
    if (this.waiting === 'nothing') return;
    this.show(answer);
    this.hooks.onBoxes(this, answer, place);
    requestAnimationFrame(() => performance.measure('pen to answer', { start: source.time, end: performance.now() }));
  }

  show(answer, problem) {
    this.answer = answer;
    const digits = answer?.digits ?? [];
    this.text.classList.toggle('none', !digits.length);
    this.text.textContent = problem ?? (!answer ? 'Nothing is drawn.' : digits.length ? answer.rows.join('\n') : 'No digit to be seen.');
    const probability = digits.reduce((product, digit) => product * digit.probability, 1);
    this.sure.textContent = digits.length ? `${percent(probability)} sure` : '';
    this.showSeen(digits, answer?.inside);
    this.showLayers(answer);
    if (!digits.length) this.hooks.onBoxes(this, null);
  }

  showSeen(digits, inside) {
    while (this.seen.children.length > digits.length) this.seen.lastChild.remove();
    digits.forEach((digit, index) => {
      const button = this.seen.children[index] ?? this.newTile(index);
      paintPicture(button.querySelector('canvas'), bytesOf(digit.picture), this.model.shape);
      button.querySelector('span').textContent = `${digit.class} `;
      button.querySelector('small').textContent = percent(digit.probability);
      button.setAttribute('aria-pressed', index === inside);
    });
    this.correct.hidden = !digits.length;
    if (digits.length) {
      this.correct.querySelector('.correct-title').textContent = digits.length > 1 ? `Is number ${inside + 1} wrong? It was a` : 'Is it wrong? It was a';
    }
  }

  newTile(index) {
    const button = document.createElement('button');
    button.type = 'button';
    button.innerHTML = '<canvas aria-hidden="true"></canvas><span></span><small></small>';
    button.addEventListener('click', () => { this.selected = index; this.again(); });
    this.seen.append(button);
    return button;
  }

  showLayers(answer) {
    for (const layer of answer?.layers ?? []) this.layers.get(layer.name).show(layer);
    for (const view of this.layers.values()) view.figure.hidden = !answer?.layers;
    const chosen = answer?.digits[answer.inside];
    this.bars.forEach((item, index) => {
      const name = this.model.classes[index], value = chosen?.probabilities[name] ?? 0;
      item.querySelector('.bar').style.height = `${100 * value}%`;
      item.classList.toggle('best', value > 0.5);
      item.setAttribute('aria-label', `${name}: ${percent(value)}`);
    });
    this.bottom.hidden = !chosen || this.model.classes.length > 40;
    if (answer?.layers) return;
    this.unit.innerHTML = this.hint;
    this.unit.classList.remove('shown');
  }

  async askUnit(layer, position) {
    const number = ++this.unitAsked, digit = this.answer?.digits[this.answer.inside];
    await new Promise((resolve) => setTimeout(resolve, 40)); // a unit that is only passed over is not asked for
    if (number !== this.unitAsked || !digit) return;
    try {
      const unit = await postJson('/unit', {
        model: this.model.name, version: this.version, picture: digit.picture, layer, position,
      });
      if (number !== this.unitAsked) return;
      const before = this.layers.get(unit.before)?.layer.shape;
      unit.maps = before?.length === 3;
      showUnit(this.unit, layer, position, unit, this.model.shape, unit.before);
    } catch (error) {
      this.hooks.onMessage(error.message);
    }
  }

  async saveCorrection(label) {
    const digit = this.answer?.digits[this.answer.inside];
    if (!digit) return;
    if (!this.hooks.canCorrect) {
      this.hooks.onMessage('To save corrections, start the server with', '--corrections_dir=corrections');
      return;
    }
    try {
      const saved = await postJson('/corrections', { model: this.model.name, picture: digit.picture, label });
      this.hooks.onMessage(`Saved as ${saved.saved}; corrections so far: ${saved.count}. To train on them:`, saved.command);
    } catch (error) {
      this.hooks.onMessage(error.message);
    }
  }
}

function percent(value) {
  return value > 0.9995 && value < 1 ? '> 99.9%' : `${(100 * value).toFixed(1)}%`;
}
